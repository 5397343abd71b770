//===- ExecBase.td - the exec dialect, its types and attributes -----------===//
#ifndef SHARDC_EXEC_BASE
#define SHARDC_EXEC_BASE

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"

def Exec_Dialect : Dialect {
  let name = "exec";
  let cppNamespace = "::exec";
  let summary = "what the program of one rank does: buffers, products, loop nests, collectives";
  let description = [{
    Pointers instead of values, local sizes instead of placements. One program serves every rank: what differs
    between ranks is written in mesh coordinates. See RATIONALE.md.
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
  let extraClassDeclaration = [{ void registerAttrs(); void registerTypes(); }];
}

class Exec_Enum<string name, string summary, list<I32EnumAttrCase> cases> : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::exec";
}

def Exec_Mode : Exec_Enum<"Mode", "what a function does with the buffer that an argument points to", [
    I32EnumAttrCase<"in", 0>,     // read only
    I32EnumAttrCase<"out", 1>,    // written in full, not read before
    I32EnumAttrCase<"inout", 2>,  // read and written
    I32EnumAttrCase<"acc", 3>]>;  // an accumulator: added to, nothing else
def Exec_Store : Exec_Enum<"Store", "how a kernel writes an element", [
    I32EnumAttrCase<"write", 0>,  // store
    I32EnumAttrCase<"sum", 1>,    // sum over the loops that the result lacks, from zero
    I32EnumAttrCase<"max", 2>,    // maximum over them, from the lowest finite number
    I32EnumAttrCase<"add", 3>]>;  // sum over them, added to what is there
def Exec_CollectiveKind : Exec_Enum<"CollectiveKind", "what the ranks of a group do together", [
    I32EnumAttrCase<"all_reduce", 0>, I32EnumAttrCase<"all_gather", 1>, I32EnumAttrCase<"reduce_scatter", 2>,
    I32EnumAttrCase<"all_to_all", 3>]>;
def Exec_Fold : Exec_Enum<"Fold", "how the members' values become one", [
    I32EnumAttrCase<"sum", 0>, I32EnumAttrCase<"max", 1>]>;

//===-- attributes --------------------------------------------------------===//

def Exec_AxisAttr : AttrDef<Exec_Dialect, "Axis"> {
  let mnemonic = "axis";
  let summary = "an axis of a buffer: its local size and its stride in elements";
  let parameters = (ins "::mlir::StringAttr":$name, "int64_t":$size, "int64_t":$stride);
  let assemblyFormat = "`<` $name `,` $size `,` $stride `>`";
}

def Exec_LoopAttr : AttrDef<Exec_Dialect, "Loop"> {
  let mnemonic = "loop";
  let summary = "one loop of an op: the axes it runs over, merged, and its stride in each operand";
  let description = [{
    `[seq*batch=4096: 768, 0, 1024]`: 4096 iterations over `seq` (major) and `batch`; one iteration moves 768
    elements in the first operand, none in the second, 1024 in the third. `[1: 0, 0]` is no axis: one iteration.
  }];
  let parameters = (ins ArrayRefParameter<"::mlir::StringAttr">:$names, "int64_t":$size, ArrayRefParameter<"int64_t">:$strides);
  let hasCustomAssemblyFormat = 1;
}

def Exec_RankAttr : AttrDef<Exec_Dialect, "Rank"> {
  let mnemonic = "rank";
  let summary = "a number that differs between ranks: a sum of mesh coordinates times constants, and a constant";
  let description = "`[dp * 256 + tp * 128 + 5]`: 256 times this rank's coordinate on `dp`, and so on. Each mesh axis stands once.";
  let parameters = (ins ArrayRefParameter<"::mlir::StringAttr">:$mesh, ArrayRefParameter<"int64_t">:$factors, "int64_t":$constant);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    static RankAttr get(::mlir::MLIRContext *context, int64_t constant) { return get(context, {}, {}, constant); }
    bool isConstant() const { return getMesh().empty(); }
    bool isZero() const { return isConstant() && getConstant() == 0; }
  }];
}

def Exec_MeshAttr : AttrDef<Exec_Dialect, "Mesh"> {
  let mnemonic = "mesh";
  let summary = "the mesh of ranks: axes and their sizes, slowest first";
  let description = "`#exec.mesh<dp=2, tp=4>`, the module's `exec.mesh`: ranks that differ in the last axis are neighbours.";
  let parameters = (ins ArrayRefParameter<"::mlir::StringAttr">:$names, ArrayRefParameter<"int64_t">:$sizes);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    /// The size of mesh axis `name`, or 0.
    int64_t sizeOf(::mlir::StringAttr name) const;
    int64_t getNumRanks() const;
  }];
}

//===-- types -------------------------------------------------------------===//

def Exec_BufferType : TypeDef<Exec_Dialect, "Buffer"> {
  let mnemonic = "buffer";
  let summary = "a pointer to elements, with the axes that they are read along";
  let description = [{
    `!exec.buffer<f32[seq=512, batch=8, embed=768]>`: local sizes, row-major in this order. A view that is not
    row-major shows its strides, in elements: `!exec.buffer<f32[seq=512:18432, batch=8:2304, head_dim=64:1]>`.
    A scalar is a buffer of one element, `!exec.buffer<i64[]>`.
  }];
  let parameters = (ins "::mlir::Type":$elementType, ArrayRefParameter<"::exec::AxisAttr">:$axes);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Row-major over `names` and `sizes`.
    static BufferType dense(::mlir::Type elementType, ::llvm::ArrayRef<::mlir::StringAttr> names, ::llvm::ArrayRef<int64_t> sizes);
    AxisAttr find(::mlir::StringAttr name) const;
    int64_t getNumElements() const;
    /// Elements from the first to behind the last one.
    int64_t getExtent() const;
    /// Row-major in the order of its axes, without gaps.
    bool isDense() const;
    int64_t getElementBytes() const;
    bool isScalar() const { return getAxes().empty(); }
  }];
}

def Exec_StructType : TypeDef<Exec_Dialect, "Struct"> {
  let mnemonic = "struct";
  let summary = "named buffers that travel together: a module's weights, its accumulators, its saved values";
  let description = [{
    `!exec.struct<norm, weight: f32[embed=768], bias: f32[embed=768]>`: a struct of pointers, one operand of a
    call. Fields are buffers or structs. `exec.buffer` and `exec.global` of a struct hold its fields one after
    the other, each at a multiple of 64 bytes.
  }];
  let parameters = (ins "::mlir::StringAttr":$name, ArrayRefParameter<"::mlir::StringAttr">:$fields,
                        ArrayRefParameter<"::mlir::Type">:$types);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    size_t size() const { return getTypes().size(); }
    /// The index of field `name`, or -1.
    int indexOf(::mlir::StringAttr name) const;
  }];
}

def Exec_KeyType : TypeDef<Exec_Dialect, "Key"> {
  let mnemonic = "key";
  let summary = "a random key (rt::Key): step, first sample of the micro-batch, hash of the calls";
}
def Exec_TokenType : TypeDef<Exec_Dialect, "Token"> {
  let mnemonic = "token";
  let summary = "a collective, call or message under way";
}

def Exec_Buffer : DialectType<Exec_Dialect, CPred<"::llvm::isa<::exec::BufferType>($_self)">, "buffer", "::exec::BufferType">;
def Exec_Struct : DialectType<Exec_Dialect, CPred<"::llvm::isa<::exec::StructType>($_self)">, "struct", "::exec::StructType">;
def Exec_Key : DialectType<Exec_Dialect, CPred<"::llvm::isa<::exec::KeyType>($_self)">, "random key", "::exec::KeyType">,
               BuildableType<"$_builder.getType<::exec::KeyType>()">;
def Exec_Token : DialectType<Exec_Dialect, CPred<"::llvm::isa<::exec::TokenType>($_self)">, "token", "::exec::TokenType">,
                 BuildableType<"$_builder.getType<::exec::TokenType>()">;
def Exec_StartedToken : DialectType<Exec_Dialect, CPred<"::llvm::isa<::exec::TokenType>($_self)">, "token", "::exec::TokenType">;
def Exec_Memory : AnyTypeOf<[Exec_Buffer, Exec_Struct]>;
def Exec_Any : AnyTypeOf<[Exec_Buffer, Exec_Struct, Exec_Key]>;

#endif
