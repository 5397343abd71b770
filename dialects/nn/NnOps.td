//===- NnOps.td - the ops of the nn dialect -------------------------------===//
//
// Few ops, each general. Norms, activations, losses and optimizers are compositions of `contract`, `map` and
// `reduce`, written once; see RATIONALE.md for what is an op and why.
//
//===----------------------------------------------------------------------===//
#ifndef SHARDC_NN_OPS
#define SHARDC_NN_OPS

include "dialects/nn/NnBase.td"
include "dialects/nn/NnInterfaces.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/CallInterfaces.td"
include "mlir/Interfaces/FunctionInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

/// Results are named after the op's NameLoc, so that dumps show the names of the model.
class Nn_Op<string mnemonic, list<Trait> traits = []>
    : Op<Nn_Dialect, mnemonic, !listconcat([DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>], traits)>;

/// An op whose results' layouts follow from its operands': verified by inference.
class Nn_LaidOut<string mnemonic, list<Trait> traits = []>
    : Nn_Op<mnemonic, !listconcat([Pure, DeclareOpInterfaceMethods<Nn_LayoutOpInterface>,
                                   DeclareOpInterfaceMethods<Nn_EvaluateOpInterface>], traits)> {
  let hasVerifier = 1;
}
defvar Differentiable = DeclareOpInterfaceMethods<Nn_DifferentiableOpInterface>;
defvar SplitAxes = DeclareOpInterfaceMethods<Nn_LayoutOpInterface, ["getSplitAxes"]>;
defvar Moves = DeclareOpInterfaceMethods<Nn_CostOpInterface>;
defvar Computes = DeclareOpInterfaceMethods<Nn_CostOpInterface, ["getFlopsPerPoint"]>;
defvar MovesRows = DeclareOpInterfaceMethods<Nn_CostOpInterface, ["getTouched"]>;
defvar ComputesRows = DeclareOpInterfaceMethods<Nn_CostOpInterface, ["getTouched", "getFlopsPerPoint"]>;
defvar NoHome = DeclareOpInterfaceMethods<Nn_LayoutOpInterface, ["hasNoHome"]>;

//===-- functions ---------------------------------------------------------===//

def Nn_FuncOp : Nn_Op<"func", [IsolatedFromAbove, FunctionOpInterface,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "a module of the model, or a part of the training step";
  let description = [{
    Arguments keep their names in dumps. Attributes of arguments and results say what travels: `nn.kind` is
    `parameter`, `gradient`, `optimizer_state` or `accumulator`; without it a value is an activation.

    Example:
    ```mlir
    nn.func @scale(%x: !nn.tensor<f32[embed=8]>) -> !nn.tensor<f32[embed=8]> {
      nn.return %x : !nn.tensor<f32[embed=8]>
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<FunctionType>:$function_type,
                       OptionalAttr<StrAttr>:$sym_visibility, OptionalAttr<DictArrayAttr>:$arg_attrs,
                       OptionalAttr<DictArrayAttr>:$res_attrs);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::llvm::StringRef":$name, "::mlir::FunctionType":$type)>];
  let extraClassDeclaration = [{
    ::llvm::ArrayRef<::mlir::Type> getArgumentTypes() { return getFunctionType().getInputs(); }
    ::llvm::ArrayRef<::mlir::Type> getResultTypes() { return getFunctionType().getResults(); }
    ::mlir::Region *getCallableRegion() { return &getBody(); }
    ReturnOp getReturn();
  }];
}

def Nn_ReturnOp : Nn_Op<"return", [Pure, Terminator, HasParent<"FuncOp">]> {
  let summary = "return from a function";
  let description = "C1: operands have the types of the function's results.";
  let arguments = (ins Variadic<Nn_Any>:$operands);
  let assemblyFormat = "($operands^ `:` type($operands))? attr-dict";
  let builders = [OpBuilder<(ins), [{ }]>];
  let hasVerifier = 1;
}

def Nn_CallOp : Nn_Op<"call", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "call a function of the program";
  let description = [{
    Example: `%y = nn.call @scale(%x) : (!nn.tensor<f32[embed=8]>) -> !nn.tensor<f32[embed=8]>`

    C1: the callee is an `nn.func`. C2: operand and result types are the callee's.
  }];
  let arguments = (ins FlatSymbolRefAttr:$callee, Variadic<Nn_Any>:$operands);
  let results = (outs Variadic<Nn_Any>:$results);
  let assemblyFormat = "$callee `(` $operands `)` attr-dict `:` functional-type($operands, $results)";
  let builders = [OpBuilder<(ins "FuncOp":$callee, "::mlir::ValueRange":$operands)>];
}

def Nn_LoopOp : Nn_Op<"loop", [Pure, SingleBlockImplicitTerminator<"YieldOp">,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "repeat a body, carrying values: the loop over micro-batches";
  let description = [{
    The body's first argument is the trip number, an `i64` scalar; the others are the carried values.

    Example: `%sum = nn.loop 4 (%i, %s = %zero) : (T) { ... nn.yield %next : T }`

    C1: the body's arguments are an `i64` scalar and the types of the carried values. C2: it yields those types.
  }];
  let arguments = (ins ConfinedAttr<I64Attr, [IntPositive]>:$trips, Variadic<Nn_Any>:$inits);
  let results = (outs Variadic<Nn_Any>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasCanonicalizeMethod = 1;
  let hasVerifier = 1;
}

def Nn_YieldOp : Nn_Op<"yield", [Pure, Terminator, ParentOneOf<["MapOp", "LoopOp"]>]> {
  let summary = "the results of a region";
  let arguments = (ins Variadic<AnyType>:$operands);
  let assemblyFormat = "($operands^ `:` type($operands))? attr-dict";
  let builders = [OpBuilder<(ins), [{ }]>];
}

//===-- bundles and keys --------------------------------------------------===//

def Nn_PackOp : Nn_Op<"pack", [Pure]> {
  let summary = "put values into a bundle";
  let description = "Example: `%w = nn.pack(%weight, %bias) : !norm`. C1: one operand of its type for each field.";
  let arguments = (ins Variadic<Nn_Any>:$operands);
  let results = (outs Nn_Bundle:$result);
  let hasCustomAssemblyFormat = 1;
  let hasFolder = 1;
  let hasVerifier = 1;
}
def Nn_UnpackOp : Nn_Op<"unpack", [Pure]> {
  let summary = "take the values out of a bundle";
  let description = "Example: `%weight, %bias = nn.unpack %w : !norm`. C1: one result of its type for each field.";
  let arguments = (ins Nn_Bundle:$bundle);
  let results = (outs Variadic<Nn_Any>:$results);
  let hasCustomAssemblyFormat = 1;
  let hasFolder = 1;
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$bundle)>];
}

def Nn_KeyOp : Nn_Op<"key", [Pure]> {
  let summary = "the random key of a micro-batch";
  let description = "Example: `%key = nn.key %step, %first_sample : (S, S)`, both `i64` scalars (C1).";
  let arguments = (ins Nn_Tensor:$step, Nn_Tensor:$first_sample);
  let results = (outs Nn_Key:$key);
  let assemblyFormat = "$step `,` $first_sample attr-dict `:` `(` type($step) `,` type($first_sample) `)`";
  let hasVerifier = 1;
}
def Nn_ChildKeyOp : Nn_Op<"child_key", [Pure]> {
  let summary = "the key that a call hands to its callee: `site` tells the calls of one function apart";
  let arguments = (ins Nn_Key:$parent, I32Attr:$site);
  let results = (outs Nn_Key:$key);
  let assemblyFormat = "$parent `site` $site attr-dict";
}

//===-- computations ------------------------------------------------------===//

def Nn_ContractOp : Nn_LaidOut<"contract", [Differentiable, Computes]> {
  let summary = "multiply two tensors and sum over named axes: einsum";
  let description = [{
    `result[kept] = sum over 'over' of lhs * rhs`; the iteration space is the union of the operands' axes.

    Example:
    ```mlir
    %y = nn.contract %x, %w over [embed] : !nn.tensor<f32[seq=4, embed=8]>, !nn.tensor<f32[mlp=6, embed=8]> -> !nn.tensor<f32[seq=4, mlp=6]>
    ```
    C1: each axis of `over` is in both operands. C2: the result's axes are the others, each once. C3: an axis has
    one size and one placement, a mesh axis places one axis. C4: no operand is partial. C5: element types agree.
  }];
  let arguments = (ins Nn_Tensor:$lhs, Nn_Tensor:$rhs, StrArrayAttr:$over);
  let results = (outs Nn_Tensor:$result);
  let assemblyFormat = [{
    $lhs `,` $rhs `over` custom<Names>($over) attr-dict `:` type($lhs) `,` type($rhs) `->` type($result)
  }];
}

def Nn_MapOp : Nn_LaidOut<"map", [Differentiable, Computes, IsolatedFromAbove, SingleBlockImplicitTerminator<"YieldOp">,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "an elementwise function of tensors that broadcast by axis name";
  let description = [{
    The region computes one element of each result from one element of each operand with `arith` and `math` ops.
    All results have the same axes, stated by their types. Without operands it fills.

    Example:
    ```mlir
    %y = nn.map (%a = %x : <f32[seq=4, embed=8]>, %b = %bias : !nn.tensor<f32[embed=8]>) -> !nn.tensor<f32[seq=4, embed=8]> {
      %0 = arith.addf %a, %b : f32
      nn.yield %0 : f32
    }
    ```
    C1: the region's arguments are the operands' element types and it yields the results'. C2: each axis of an
    operand is an axis of the results. C3: an axis has one size and one placement, a mesh axis places one axis.
    C4: either no operand is partial, or all are, over the same mesh axes, and the region is linear in them.
    C5: the region holds scalar `arith` and `math` ops only.
  }];
  let arguments = (ins Variadic<Nn_Tensor>:$operands);
  let results = (outs Variadic<Nn_Tensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasCanonicalizeMethod = 1;
  let skipDefaultBuilders = 1;
  let builders = [OpBuilder<(ins "::mlir::TypeRange":$results, "::mlir::ValueRange":$operands,
      "::llvm::function_ref<::llvm::SmallVector<::mlir::Value>(::mlir::OpBuilder &, ::mlir::Location, ::mlir::ValueRange)>":$body)>];
}

def Nn_ReduceOp : Nn_LaidOut<"reduce", [Differentiable, Computes]> {
  let summary = "fold axes by sum or maximum";
  let description = [{
    Example: `%s = nn.reduce sum %x over [embed] : !nn.tensor<f32[seq=4, embed=8]> -> !nn.tensor<f32[seq=4]>`

    C1: each axis of `over` is the operand's. C2: the result's axes are the others. C3: a partial operand is
    partial in the same way as the fold (a sum of sums).
  }];
  let arguments = (ins Nn_ReductionKind:$kind, Nn_Tensor:$operand, StrArrayAttr:$over);
  let results = (outs Nn_Tensor:$result);
  let assemblyFormat = "$kind $operand `over` custom<Names>($over) attr-dict `:` type($operand) `->` type($result)";
}

def Nn_GatherOp : Nn_LaidOut<"gather", [Differentiable, MovesRows]> {
  let summary = "pick entries of one axis by index";
  let description = [{
    `result[i.., rest..] = table[axis = index[i..], rest..]`; axes that table and index share run together. An
    index outside the (local) range gives zero, so over a placed axis the result is partial (a sum).

    Example: `%x = nn.gather %table[%tokens] axis vocab : !nn.tensor<f32[vocab=9, embed=8]>, !nn.tensor<i32[seq=4]> -> !nn.tensor<f32[seq=4, embed=8]>`

    C1: `axis` is the table's and not the index's. C2: the index is i32. C3: the result's axes are the index's and
    the table's others. C4: one size and placement an axis. C5: no operand is partial.
  }];
  let arguments = (ins Nn_Tensor:$table, Nn_Tensor:$index, StrAttr:$axis);
  let results = (outs Nn_Tensor:$result);
  let assemblyFormat = "$table `[` $index `]` `axis` custom<Name>($axis) attr-dict `:` type($table) `,` type($index) `->` type($result)";
}

def Nn_ScatterAddOp : Nn_LaidOut<"scatter_add", [SplitAxes, Differentiable, ComputesRows]> {
  let summary = "add entries into one axis by index: the gradient of gather";
  let description = [{
    `result[axis = index[i..], rest..] += updates[i.., rest..]`, from zero. Over placed axes that are folded the
    result is partial; indices outside a rank's range of `axis` are skipped.

    Example: `%dw = nn.scatter_add %dx[%tokens] axis vocab : !nn.tensor<f32[seq=4, embed=8]>, !nn.tensor<i32[seq=4]> -> !nn.tensor<f32[vocab=9, embed=8]>`

    C1: `axis` is the result's and neither the updates' nor the index's. C2: the index is i32, its axes are the
    updates'. C3: the result's other axes are the updates'. C4: one size and placement an axis. C5: no partial operand.
  }];
  let arguments = (ins Nn_Tensor:$updates, Nn_Tensor:$index, StrAttr:$axis);
  let results = (outs Nn_Tensor:$result);
  let assemblyFormat = "$updates `[` $index `]` `axis` custom<Name>($axis) attr-dict `:` type($updates) `,` type($index) `->` type($result)";
}

//===-- attention and positions -------------------------------------------===//

defvar AttentionArguments = (ins Nn_Tensor:$query, Nn_Tensor:$key, Nn_Tensor:$value);
class Nn_Attention<string mnemonic, list<Trait> traits> : Nn_LaidOut<mnemonic, !listconcat([SplitAxes], traits)>;

def Nn_AttentionOp : Nn_Attention<"attention", [Differentiable, Computes]> {
  let summary = "softmax(scale * query . key) . value, with causal mask, window, cap and dropout";
  let description = [{
    The query has `query_axis` (say `seq`), key and value have `key_axis` (`key_seq`); `over` is folded between
    query and key; the key's other axes are in query and value, and the query may have more (`group`), which
    share a key. The result has the query's axes without `over`, and the value's own. `lse` is the logarithm of
    the sum of exponentials of each row of scores, `[query's axes without over]`, which the gradient reads.

    `causal`: a position sees itself and those before it. `window`: at most this many of them, itself included.
    `chunk`: only those of its own chunk. `soft_cap`: scores become `cap * tanh(score / cap)`. `dropout` needs a
    random key.

    Example:
    ```mlir
    %y, %lse = nn.attention %q, %k, %v over [head_dim] query seq key key_seq {causal = true, scale = 0.5 : f64}
      : !nn.tensor<f32[seq=4, heads=2, head_dim=4]>, !nn.tensor<f32[key_seq=4, heads=2, head_dim=4]>, !nn.tensor<f32[key_seq=4, heads=2, head_dim=4]>
      -> !nn.tensor<f32[seq=4, heads=2, head_dim=4]>, !nn.tensor<f32[seq=4, heads=2]>
    ```
    C1: `over` is in query and key. C2: `query_axis` is the query's only, `key_axis` the key's and value's.
    C3: the key's other axes are in query and value. C4: one size and placement an axis; `over` and `key_axis`
    are not placed, nor are the value's own axes; with dropout, which numbers heads one after the other, of several axes
    that query and key share (`batch` apart), and of several that they don't, the first of more than one element alone may
    be. C5: no operand is partial. C6: dropout comes with a random key. C7: the result's axes are those said above.
  }];
  let arguments = !con(AttentionArguments, (ins Optional<Nn_Key>:$random_key, StrArrayAttr:$over, StrAttr:$query_axis, StrAttr:$key_axis,
                       F64Attr:$scale, DefaultValuedAttr<BoolAttr, "false">:$causal, OptionalAttr<I64Attr>:$window, OptionalAttr<I64Attr>:$chunk,
                       OptionalAttr<F64Attr>:$soft_cap, OptionalAttr<F64Attr>:$dropout, DefaultValuedAttr<I32Attr, "0">:$site));
  let results = (outs Nn_Tensor:$result, Nn_Tensor:$lse);
  let assemblyFormat = [{
    $query `,` $key `,` $value (`random` $random_key^)? `over` custom<Names>($over) `query` custom<Name>($query_axis) `key` custom<Name>($key_axis)
    attr-dict `:` type($query) `,` type($key) `,` type($value) `->` type($result) `,` type($lse)
  }];
}

def Nn_AttentionBackwardOp : Nn_Attention<"attention_backward", [Computes]> {
  let summary = "gradients of attention with respect to query, key and value";
  let description = [{
    Recomputes the scores of a row from `lse`; needs the forward's result and its gradient. `d_key` and `d_value`
    are partial over mesh axes that place axes of the query that they lack. C1 to C6 as for `attention`.
  }];
  let arguments = !con(AttentionArguments, (ins Nn_Tensor:$out, Nn_Tensor:$lse, Nn_Tensor:$d_out, Optional<Nn_Key>:$random_key, StrArrayAttr:$over, StrAttr:$query_axis, StrAttr:$key_axis,
                       F64Attr:$scale, DefaultValuedAttr<BoolAttr, "false">:$causal, OptionalAttr<I64Attr>:$window, OptionalAttr<I64Attr>:$chunk,
                       OptionalAttr<F64Attr>:$soft_cap, OptionalAttr<F64Attr>:$dropout, DefaultValuedAttr<I32Attr, "0">:$site));
  let results = (outs Nn_Tensor:$d_query, Nn_Tensor:$d_key, Nn_Tensor:$d_value);
  let assemblyFormat = [{
    $query `,` $key `,` $value `out` $out `,` $lse `,` $d_out (`random` $random_key^)? `over` custom<Names>($over) `query` custom<Name>($query_axis) `key` custom<Name>($key_axis)
    attr-dict `:` type($query) `,` type($key) `,` type($value) `,` type($out) `,` type($lse) `,` type($d_out) `->` type($d_query) `,` type($d_key) `,` type($d_value)
  }];
}

def Nn_RopeOp : Nn_LaidOut<"rope", [SplitAxes, Differentiable, Computes]> {
  let summary = "rotary position embedding along one axis";
  let description = [{
    Rotates pairs of `over`: element i with i + n/2, or 2i with 2i + 1 when `interleaved`. `scaling` is Hugging
    Face's map (`rope_type` linear, llama3 or yarn). `inverse` turns the other way: the gradient.

    Example: `%y = nn.rope %x at %p over head_dim {theta = 1.0e4 : f64} : !nn.tensor<f32[seq=4, head_dim=8]>, !nn.tensor<i32[seq=4]>`

    C1: `over` is the operand's, its size is even, and it is not placed. C2: the positions are i32 and their axes
    are the operand's, placed alike, without `over`. C3: the operand is not partial. C4: the result's type is the operand's.
  }];
  let arguments = (ins Nn_Tensor:$operand, Nn_Tensor:$positions, StrAttr:$over, F64Attr:$theta,
                       OptionalAttr<DictionaryAttr>:$scaling, DefaultValuedAttr<BoolAttr, "false">:$interleaved,
                       DefaultValuedAttr<BoolAttr, "false">:$inverse);
  let results = (outs Nn_Tensor:$result);
  let assemblyFormat = "$operand `at` $positions `over` custom<Name>($over) attr-dict `:` type($operand) `,` type($positions) `->` type($result)";
}

//===-- movers: other names for the same numbers --------------------------===//

class Nn_Mover<string mnemonic, list<Trait> traits = []> : Nn_LaidOut<mnemonic, !listconcat([Differentiable], traits)>;

def Nn_RenameOp : Nn_Mover<"rename", [SplitAxes]> {
  let summary = "give an axis another name; placement and partial pass through";
  let description = [{
    Example: `%k2 = nn.rename %k [seq -> key_seq] : !nn.tensor<f32[seq=4]> -> !nn.tensor<f32[key_seq=4]>`

    C1: `from` is the operand's axis, `to` is not. C2: the result has the operand's axes with that one renamed.
    It runs where the operand's names say: one axis has two names, and only one of them can place it.
  }];
  let arguments = (ins Nn_Tensor:$operand, StrAttr:$from, StrAttr:$to);
  let results = (outs Nn_Tensor:$result);
  let assemblyFormat = "$operand `[` custom<Name>($from) `->` custom<Name>($to) `]` attr-dict `:` type($operand) `->` type($result)";
}
def Nn_SplitOp : Nn_Mover<"split", [SplitAxes]> {
  let summary = "one axis becomes several, major first";
  let description = [{
    Example: `%q = nn.split %x [heads -> kv_heads, group] : !nn.tensor<f32[heads=4]> -> !nn.tensor<f32[kv_heads=2, group=2]>`

    C1: `axis` is the operand's; the parts are the result's and multiply to its size. C2: the other axes stay.
    C3: only the major part can be placed.
  }];
  let arguments = (ins Nn_Tensor:$operand, StrAttr:$axis, StrArrayAttr:$parts);
  let results = (outs Nn_Tensor:$result);
  let assemblyFormat = "$operand `[` custom<Name>($axis) `->` custom<BareNames>($parts) `]` attr-dict `:` type($operand) `->` type($result)";
}
def Nn_MergeOp : Nn_Mover<"merge", [SplitAxes]> {
  let summary = "several axes become one, major first";
  let description = [{
    Example: `%x = nn.merge %q [kv_heads, group -> heads] : !nn.tensor<f32[kv_heads=2, group=2]> -> !nn.tensor<f32[heads=4]>`

    C1: the parts are the operand's and multiply to the size of the result's `axis`. C2: the other axes stay.
    C3: only the major part can be placed.
  }];
  let arguments = (ins Nn_Tensor:$operand, StrArrayAttr:$parts, StrAttr:$axis);
  let results = (outs Nn_Tensor:$result);
  let assemblyFormat = "$operand `[` custom<BareNames>($parts) `->` custom<Name>($axis) `]` attr-dict `:` type($operand) `->` type($result)";
}
def Nn_SliceOp : Nn_Mover<"slice", [SplitAxes]> {
  let summary = "cut one axis into consecutive named parts";
  let description = [{
    Example: `%a, %b = nn.slice %x [qk -> nope, rot] : !nn.tensor<f32[qk=6]> -> !nn.tensor<f32[nope=4]>, !nn.tensor<f32[rot=2]>`

    C1: `axis` is the operand's and each result has one part instead; the parts' sizes add up. C2: the other axes
    stay. C3: neither the axis nor a part is placed.
  }];
  let arguments = (ins Nn_Tensor:$operand, StrAttr:$axis, StrArrayAttr:$parts);
  let results = (outs Variadic<Nn_Tensor>:$results);
  let assemblyFormat = "$operand `[` custom<Name>($axis) `->` custom<BareNames>($parts) `]` attr-dict `:` type($operand) `->` type($results)";
}
def Nn_ConcatOp : Nn_Mover<"concat", [SplitAxes, Moves]> {
  let summary = "join consecutive named parts into one axis: the inverse of slice";
  let description = "C1: each operand has one part; sizes add up. C2: the other axes are the same. C3: not placed there. C4: all operands are partial alike.";
  let arguments = (ins Variadic<Nn_Tensor>:$operands, StrArrayAttr:$parts, StrAttr:$axis);
  let results = (outs Nn_Tensor:$result);
  let assemblyFormat = "$operands `[` custom<BareNames>($parts) `->` custom<Name>($axis) `]` attr-dict `:` type($operands) `->` type($result)";
}
def Nn_UnstackOp : Nn_Mover<"unstack", [SplitAxes]> {
  let summary = "one result for each index of an axis";
  let description = [{
    Example: `%q, %k = nn.unstack %x axis qk : !nn.tensor<f32[qk=2, seq=4]> -> !nn.tensor<f32[seq=4]>, !nn.tensor<f32[seq=4]>`

    C1: as many results as the axis is long. C2: their axes are the operand's without it. C3: it is not placed.
  }];
  let arguments = (ins Nn_Tensor:$operand, StrAttr:$axis);
  let results = (outs Variadic<Nn_Tensor>:$results);
  let assemblyFormat = "$operand `axis` custom<Name>($axis) attr-dict `:` type($operand) `->` type($results)";
}
def Nn_StackOp : Nn_Mover<"stack", [SplitAxes, Moves]> {
  let summary = "a new axis with one index for each operand: the inverse of unstack";
  let description = "C1: the axis is as long as there are operands. C2: their axes are the result's without it. C3: it is not placed. C4: all operands are partial alike.";
  let arguments = (ins Variadic<Nn_Tensor>:$operands, StrAttr:$axis);
  let results = (outs Nn_Tensor:$result);
  let assemblyFormat = "$operands `axis` custom<Name>($axis) attr-dict `:` type($operands) `->` type($result)";
}
def Nn_DetachOp : Nn_Mover<"detach"> {
  let summary = "the same value, through which no gradient flows";
  let description = "C1: the result's type is the operand's.";
  let arguments = (ins Nn_Tensor:$operand);
  let results = (outs Nn_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` type($operand) `->` type($result)";
}

//===-- sources: values that come from nowhere in the program -------------===//

def Nn_InputOp : Nn_LaidOut<"input", [NoHome, Moves]> {
  let summary = "read a batch of the data, by global sample number";
  let description = "Example: `%t = nn.input \"tokens\" from %first : (S) -> !nn.tensor<i32[batch=8, seq=16]>`. C1: `first` is an i64 scalar. C2: the result has a `batch` axis.";
  let arguments = (ins StrAttr:$name, Nn_Tensor:$first_sample);
  let results = (outs Nn_Tensor:$result);
  let assemblyFormat = "$name `from` $first_sample attr-dict `:` `(` type($first_sample) `)` `->` type($result)";
}
def Nn_IotaOp : Nn_LaidOut<"iota", [NoHome]> {
  let summary = "global positions along the axes, counted in their order, major first";
  let description = "Example: `%p = nn.iota : !nn.tensor<i32[seq=16]>`. C1: the result is an integer tensor.";
  let arguments = (ins);
  let results = (outs Nn_Tensor:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
}
def Nn_RandomOp : Nn_LaidOut<"random", [NoHome, Moves]> {
  let summary = "normal random numbers of mean 0, a function of key, site and global indices: initial weights";
  let description = "Example: `%w = nn.random %key {std = 0.02 : f64, site = 3 : i32} : !nn.tensor<f32[embed=8]>`. C1: the element type is a float. Values are rounded to f32.";
  let arguments = (ins Nn_Key:$key, F64Attr:$std, I32Attr:$site);
  let results = (outs Nn_Tensor:$result);
  let assemblyFormat = "$key attr-dict `:` type($result)";
}
def Nn_DropoutOp : Nn_LaidOut<"dropout", [Differentiable, Computes]> {
  let summary = "zero elements with probability p and scale the others by 1 / (1 - p)";
  let description = [{
    The mask is a function of key, site and global indices, so that it is the same under every placement and in
    the backward, where the op is its own gradient. The axis `batch` counts samples from the key's first one.

    Example: `%y = nn.dropout %x random %key {p = 0.1 : f64, site = 2 : i32} : !nn.tensor<f32[batch=2, embed=8]>`

    C1: 0 <= p < 1. C2: the result's type is the operand's. C3: the operand is not partial.
  }];
  let arguments = (ins Nn_Tensor:$operand, Nn_Key:$key, F64Attr:$p, I32Attr:$site);
  let results = (outs Nn_Tensor:$result);
  let assemblyFormat = "$operand `random` $key attr-dict `:` type($operand) `->` type($result)";
}

#endif
