//===- NnBase.td - the nn dialect, its types and attributes ---------------===//
#ifndef SHARDC_NN_BASE
#define SHARDC_NN_BASE

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"

def Nn_Dialect : Dialect {
  let name = "nn";
  let cppNamespace = "::nn";
  let summary = "training programs over tensors whose axes have names";
  let description = [{
    What one device would compute: global tensors with named axes, value semantics. A type may also say how the
    tensor is placed on a mesh of devices; only `dist` passes write placements, and an `nn` program has none.
    See RATIONALE.md.
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
  let extraClassDeclaration = [{ void registerAttrs(); void registerTypes(); }];
}

def Nn_ReductionKind : I32EnumAttr<"ReductionKind", "how values are folded",
    [I32EnumAttrCase<"sum", 0>, I32EnumAttrCase<"max", 1>]> {
  let cppNamespace = "::nn";
}

def Nn_AxisAttr : AttrDef<Nn_Dialect, "Axis"> {
  let mnemonic = "axis";
  let summary = "a named axis: its global size and the mesh axes that place it";
  let description = [{
    `seq=512@tp` is an axis of 512 elements of which each rank along mesh axis `tp` holds an equal, contiguous
    part. Several mesh axes are ordered, major first: `batch=16@dp@ep`.
  }];
  let parameters = (ins "::mlir::StringAttr":$name, "int64_t":$size, OptionalArrayRefParameter<"::mlir::StringAttr">:$mesh);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    bool isPlaced() const { return !getMesh().empty(); }
    AxisAttr withMesh(::llvm::ArrayRef<::mlir::StringAttr> mesh) const { return get(getContext(), getName(), getSize(), mesh); }
    AxisAttr withName(::mlir::StringAttr name) const { return get(getContext(), name, getSize(), getMesh()); }
  }];
}

def Nn_PartialAttr : AttrDef<Nn_Dialect, "Partial"> {
  let mnemonic = "partial";
  let summary = "the value is the sum (or maximum) over these mesh axes of what the ranks hold";
  let parameters = (ins "::nn::ReductionKind":$kind, ArrayRefParameter<"::mlir::StringAttr">:$mesh);
  let hasCustomAssemblyFormat = 1;
}

def Nn_ParameterAttr : AttrDef<Nn_Dialect, "Parameter"> {
  let mnemonic = "parameter";
  let summary = "what the recipe and the files need to know of a weight";
  let description = [{
    `file` is the weight's own part of its name in files; with a leading `/` the whole name. `init` is `ones`,
    `zeros` or `normal` with standard deviation `std`. `storage` lists the dimensions of the file, each a list
    of axes, major first.
  }];
  let parameters = (ins "::mlir::StringAttr":$file, "::mlir::StringAttr":$init, "::mlir::FloatAttr":$std,
                        "::mlir::BoolAttr":$decay, "::mlir::ArrayAttr":$storage);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Nn_TensorType : TypeDef<Nn_Dialect, "NamedTensor"> {
  let mnemonic = "tensor";
  let summary = "a tensor whose axes have names";
  let description = [{
    `!nn.tensor<bf16[batch=8@dp, seq=512, embed=768], sum@tp>`: element type, axes with global sizes and
    placements, and over which mesh axes the value is partial. No name and no mesh axis stands twice. The order
    of axes has no meaning above `exec`.
  }];
  let parameters = (ins "::mlir::Type":$elementType, ArrayRefParameter<"::nn::AxisAttr">:$axes,
                        "::nn::PartialAttr":$partial);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let builders = [TypeBuilderWithInferredContext<(ins "::mlir::Type":$elementType, "::llvm::ArrayRef<::nn::AxisAttr>":$axes,
                                                      CArg<"::nn::PartialAttr", "{}">:$partial), [{
    return $_get(elementType.getContext(), elementType, axes, partial);
  }]>];
  let extraClassDeclaration = [{
    /// The axis called `name`, or null.
    AxisAttr find(::mlir::StringAttr name) const;
    bool has(::mlir::StringAttr name) const { return static_cast<bool>(find(name)); }
    ::llvm::SmallVector<::mlir::StringAttr> names() const;
    int64_t getNumElements() const;   // global
    bool isScalar() const { return getAxes().empty(); }
    NamedTensorType withAxes(::llvm::ArrayRef<AxisAttr> axes) const { return get(getElementType(), axes, getPartial()); }
    NamedTensorType withPartial(PartialAttr partial) const { return get(getElementType(), getAxes(), partial); }
    NamedTensorType withElementType(::mlir::Type element) const { return get(element, getAxes(), getPartial()); }
    /// The same tensor on one device: no placement, no partial.
    NamedTensorType stripped() const;
  }];
}

def Nn_BundleType : TypeDef<Nn_Dialect, "Bundle"> {
  let mnemonic = "bundle";
  let summary = "named tensors that travel together: a module's weights, its accumulators, its saved values";
  let description = [{
    `!nn.bundle<norm, weight: f32[embed=768], bias: f32[embed=768]>`. One operand of a call instead of dozens.
    The first name says what it is a bundle of. Fields are tensors, keys or bundles.
  }];
  let parameters = (ins "::mlir::StringAttr":$name, ArrayRefParameter<"::mlir::StringAttr">:$fields,
                        ArrayRefParameter<"::mlir::Type">:$types);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    size_t size() const { return getTypes().size(); }
    BundleType withTypes(::llvm::ArrayRef<::mlir::Type> types) const { return get(getContext(), getName(), getFields(), types); }
  }];
}

def Nn_KeyType : TypeDef<Nn_Dialect, "Key"> {
  let mnemonic = "key";
  let summary = "where in the run a random number is drawn: step, first sample of the micro-batch, path of calls";
}

def Nn_Tensor : DialectType<Nn_Dialect, CPred<"::llvm::isa<::nn::NamedTensorType>($_self)">, "named tensor", "::nn::NamedTensorType">;
def Nn_Bundle : DialectType<Nn_Dialect, CPred<"::llvm::isa<::nn::BundleType>($_self)">, "bundle", "::nn::BundleType">;
def Nn_Key : DialectType<Nn_Dialect, CPred<"::llvm::isa<::nn::KeyType>($_self)">, "random key", "::nn::KeyType">,
             BuildableType<"$_builder.getType<::nn::KeyType>()">;
def Nn_Any : AnyTypeOf<[Nn_Tensor, Nn_Bundle, Nn_Key]>;

#endif
