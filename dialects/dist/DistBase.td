//===- DistBase.td - the dist dialect and its plan ------------------------===//
#ifndef SHARDC_DIST_BASE
#define SHARDC_DIST_BASE

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/OpBase.td"

def Dist_Dialect : Dialect {
  let name = "dist";
  let cppNamespace = "::dist";
  let summary = "where a program's tensors and computations lie, and every movement between ranks";
  let description = [{
    The same program as in `nn`, with placements in its types, and every change of a layout an op of its own:
    `reshard` while the program is placed, collectives and local slices after. See RATIONALE.md.
  }];
  let useDefaultAttributePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let dependentDialects = ["::nn::NnDialect"];
  let extraClassDeclaration = [{
    void registerAttrs();
    /// The module attribute that holds the plan.
    static constexpr ::llvm::StringLiteral planAttrName = "dist.plan";
  }];
}

class Dist_Attr<string name, string mnem> : AttrDef<Dist_Dialect, name> {
  let mnemonic = mnem;
  let hasCustomAssemblyFormat = 1;
}

def Dist_MeshAxisAttr : Dist_Attr<"MeshAxis", "mesh_axis"> {
  let summary = "`dp = 2`: one axis of the device mesh and its size";
  let parameters = (ins "::mlir::StringAttr":$name, "int64_t":$size);
}

def Dist_RuleAttr : Dist_Attr<"Rule", "rule"> {
  let summary = "`batch@dp@ep`: a tensor axis and the mesh axes that it asks for, major first";
  let description = [{
    `*@dp` names no axis: of the axes of a set, the largest that the mesh axis divides is asked.
  }];
  let parameters = (ins "::mlir::StringAttr":$axis, ArrayRefParameter<"::mlir::StringAttr">:$mesh);
  let extraClassDeclaration = [{
    /// `*@dp`, whose axis has no name.
    bool isAuto() const { return getAxis().empty(); }
  }];
}

def Dist_LevelAttr : Dist_Attr<"Level", "level"> {
  let summary = "`[heads@tp, mlp@tp]`: rules of one rank; two of them must not claim one mesh axis in one set";
  let parameters = (ins ArrayRefParameter<"::dist::RuleAttr">:$rules);
}

def Dist_PlanAttr : Dist_Attr<"Plan", "plan"> {
  let summary = "the device mesh, slowest axis first, and the ordered rules that place everything";
  let description = [{
    ```
    #dist.plan<mesh = [dp = 2, tp = 2], rules = [[batch@dp], [kv_heads@tp, mlp@tp, vocab@tp], [seq@tp]]>
    ```
    To place a set of axis names, read the levels in order and give each mesh axis to the first rule that matches
    a name in the set, at most once. Tensors of a kind that is at rest (`parameter`, `gradient`,
    `optimizer_state`) read further levels after the common ones: `parameter = [[embed@dp]]`. Such a level may be
    the rule `*@dp` alone: each of its mesh axes goes to the largest part of the set that it divides, of equals to the
    first by name; where it divides none, to none. It reads names and sizes only, so a weight, its gradient, its
    state and what is computed on them by element rest alike.

    `reduce_gradients = last`: gradients read their levels when they have been summed over the micro-batches, not
    while. `keep_gathered`: weights that forward gathers are not gathered again by backward. `gather = module`: what
    a layer's modules multiply by is gathered for each of them, not for the layer.

    A mesh axis of size 1 places nothing: every placement in a type splits something, every collective moves
    something, and a plan with `tp: 1` gives the program of the plan without `tp`.
  }];
  let parameters = (ins ArrayRefParameter<"::dist::MeshAxisAttr">:$mesh, ArrayRefParameter<"::dist::LevelAttr">:$rules,
                        ArrayRefParameter<"::dist::LevelAttr">:$parameter, ArrayRefParameter<"::dist::LevelAttr">:$gradient,
                        ArrayRefParameter<"::dist::LevelAttr">:$optimizerState, "bool":$reduceLast, "bool":$keepGathered,
                        "bool":$gatherModules);
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The whole rule, for a set of axes of which names and sizes are read. `kind` is a value of `nn.kind` or
    /// empty; mesh axes in `taken` are not given away (the value is partial over them). Fails, through `error`,
    /// where two rules of a level claim one mesh axis. `listener`, where there is one, hears of each mesh axis
    /// that a matching rule asks for.
    ::mlir::FailureOr<::nn::Placement> place(::llvm::ArrayRef<::nn::AxisAttr> axes, ::llvm::StringRef kind,
                                             ::nn::EmitError error, ::llvm::ArrayRef<::mlir::StringAttr> taken = {},
                                             ::dist::PlaceListener listener = {}) const;
    /// Levels that only tensors of this kind at rest read.
    ::llvm::ArrayRef<::dist::LevelAttr> atRest(::llvm::StringRef kind) const;
    /// The kind whose levels a value of `kind` reads while micro-batches add to it.
    ::llvm::StringRef kindWhileSummed(::llvm::StringRef kind) const;
    /// Size of a mesh axis; 0 when the mesh has none of this name.
    int64_t sizeOf(::mlir::StringAttr meshAxis) const;
    /// Number of parts that mesh axes make together.
    int64_t sizeOf(::llvm::ArrayRef<::mlir::StringAttr> meshAxes) const;
    /// Number of ranks.
    int64_t worldSize() const;
  }];
}

#endif
