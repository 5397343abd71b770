//===- NnInterfaces.td - the questions passes ask of an op ----------------===//
#ifndef SHARDC_NN_INTERFACES
#define SHARDC_NN_INTERFACES

include "mlir/IR/OpBase.td"

def Nn_LayoutOpInterface : OpInterface<"LayoutOpInterface"> {
  let cppNamespace = "::nn";
  let description = [{
    Where an op may run and what layout its results then have. A pass that places a program reads the axes,
    gives each operand the layout of the iteration space and asks for the results' layouts.
    The verifier of every op asks the same `inferLayouts` and compares, so that no pass can disagree with it.
  }];
  let methods = [
    InterfaceMethod<"axes of the iteration space along which the op can be split, in a fixed order",
      "::llvm::SmallVector<::mlir::StringAttr>", "getSplitAxes", (ins), "",
      [{ return ::nn::axesOfOperandsAndResults($_op); }]>,
    InterfaceMethod<[{
      Layouts of the results when the operands have these types. `results` holds the present result types: their
      axes, sizes and element types are kept, placements and partials are inferred. An axis of a result that no
      operand has (a fill, an iota) keeps the placement it states.
    }],
      "::mlir::LogicalResult", "inferLayouts",
      (ins "::llvm::ArrayRef<::mlir::Type>":$operands, "::llvm::SmallVectorImpl<::mlir::Type>&":$results,
           "::nn::EmitError":$error)>,
    InterfaceMethod<"whether the op's result is another read, not another computation: resharding it needs no collective",
      "bool", "hasNoHome", (ins), "", [{ return false; }]>,
  ];
}

def Nn_DifferentiableOpInterface : OpInterface<"DifferentiableOpInterface"> {
  let cppNamespace = "::nn";
  let description = [{
    Reverse-mode gradient. `operands` and `results` are the op's values as the backward function sees them;
    `resultGrads[i]` is null where nothing flows back. For each operand with `needed[i]` the op sets
    `operandGrads[i]` to a value of the operand's type, or leaves it null where the gradient is zero.
  }];
  let methods = [
    InterfaceMethod<"build the gradients of the operands",
      "::mlir::LogicalResult", "buildGradients",
      (ins "::mlir::OpBuilder&":$builder, "::mlir::ValueRange":$operands, "::mlir::ValueRange":$results,
           "::llvm::ArrayRef<::mlir::Value>":$resultGrads, "::llvm::ArrayRef<bool>":$needed,
           "::llvm::MutableArrayRef<::mlir::Value>":$operandGrads)>,
  ];
}

def Nn_EvaluateOpInterface : OpInterface<"EvaluateOpInterface"> {
  let cppNamespace = "::nn";
  let description = "The reference value of an op on one rank, in f64, on that rank's shards of its operands.";
  let methods = [
    InterfaceMethod<"compute the rank's shards of the results",
      "::mlir::LogicalResult", "evaluate",
      (ins "::nn::EvaluateContext&":$context, "::llvm::ArrayRef<::nn::Shard>":$operands,
           "::llvm::SmallVectorImpl<::nn::Shard>&":$results)>,
  ];
}

def Nn_CostOpInterface : OpInterface<"CostOpInterface"> {
  let cppNamespace = "::nn";
  let description = [{
    What an op takes that is not another view of its operands: the tensors that it reads or writes, and the
    floating-point operations at each point of the space that their axes span.
  }];
  let methods = [
    InterfaceMethod<"tensors all of whose elements are read or written; for a table of which rows are, the tensor of these rows",
      "::llvm::SmallVector<::mlir::Value>", "getTouched", (ins), "", [{ return ::nn::tensorsOf($_op); }]>,
    InterfaceMethod<"floating-point operations at each point", "double", "getFlopsPerPoint", (ins), "", [{ return 0; }]>,
  ];
}

#endif
