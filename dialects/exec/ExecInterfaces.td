//===- ExecInterfaces.td - the questions passes ask of an exec op ---------===//
#ifndef SHARDC_EXEC_INTERFACES
#define SHARDC_EXEC_INTERFACES

include "mlir/IR/OpBase.td"

def Exec_AccessOpInterface : OpInterface<"AccessOpInterface"> {
  let cppNamespace = "::exec";
  let description = [{
    What an op does to memory. Ops without it (views, fields, packs, keys' children) touch none.
  }];
  let methods = [
    InterfaceMethod<"the buffers and structs that the op reads or writes, with how it does",
      "void", "getAccesses", (ins "::llvm::SmallVectorImpl<::exec::Access>&":$accesses)>,
  ];
}

def Exec_CostOpInterface : OpInterface<"CostOpInterface"> {
  let cppNamespace = "::exec";
  let description = "What computes, and how much.";
  let methods = [InterfaceMethod<"the number of floating-point operations that take about as long (nn/Cost.h)", "double", "getCost">];
}

#endif
