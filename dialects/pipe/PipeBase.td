//===- PipeBase.td - the pipe dialect -------------------------------------===//
#ifndef SHARDC_PIPE_BASE
#define SHARDC_PIPE_BASE

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"

def Pipe_Dialect : Dialect {
  let name = "pipe";
  let cppNamespace = "::pipes";
  let summary = "what ties the stages of a pipeline together";
  let description = [{
    A stage is a module of its own, whose plan is the mesh without the pipeline's axis; all passes run on it as
    on a program without stages. Stages meet in messages only: one sends a tensor, another receives it. Each rank
    sends what it holds to the rank of the other stage that has its coordinates. See RATIONALE.md.
  }];
  let useDefaultAttributePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let dependentDialects = ["::nn::NnDialect", "::dist::DistDialect"];
  let extraClassDeclaration = [{
    void registerAttrs();
  }];
}

def Pipe_StageAttr : AttrDef<Pipe_Dialect, "Stage"> {
  let mnemonic = "stage";
  let summary = "`<1 of 4 over pp, mesh = [dp = 2, pp = 4]>`: which stage a module is, and of what";
  let description = [{
    `mesh` is the whole mesh, slowest axis first; the axis of the pipeline is in it, and not in the module's plan.
  }];
  let parameters = (ins "int64_t":$index, "int64_t":$count, "::mlir::StringAttr":$axis,
                        ArrayRefParameter<"::dist::MeshAxisAttr">:$mesh);
  let assemblyFormat = "`<` $index `of` $count `over` $axis `,` `mesh` `=` `[` $mesh `]` `>`";
  let genVerifyDecl = 1;
}

/// `backward` is all of it, or the gradient of the input where `backward_weight` is the other part; `update` is
/// what a step does behind its micro-batches.
def Pipe_Pass : I32EnumAttr<"Pass", "what a stage is at", [
    I32EnumAttrCase<"forward", 0>, I32EnumAttrCase<"backward", 1>, I32EnumAttrCase<"backward_weight", 2>,
    I32EnumAttrCase<"update", 3>]> {
  let cppNamespace = "::pipes";
}

#endif
