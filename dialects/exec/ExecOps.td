//===- ExecOps.td - the ops of the exec dialect ---------------------------===//
//
// Every op says exactly which elements it reads and writes: loops with a stride for each operand. Operands that
// are read stand before the arrow, operands that are written behind it.
//
//===----------------------------------------------------------------------===//
#ifndef SHARDC_EXEC_OPS
#define SHARDC_EXEC_OPS

include "dialects/exec/ExecBase.td"
include "dialects/exec/ExecInterfaces.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

defvar NamesResults = DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>;
class Exec_Op<string mnemonic, list<Trait> traits = []> : Op<Exec_Dialect, mnemonic, traits>;

/// An op that yields another pointer and touches no memory.
class Exec_Pointer<string mnemonic> : Exec_Op<mnemonic, [Pure, NamesResults]>;

/// An op that reads and writes memory. C1 of each: its loops agree with the axes of its operands.
class Exec_Work<string mnemonic, list<Trait> traits = []>
    : Exec_Op<mnemonic, !listconcat([DeclareOpInterfaceMethods<Exec_AccessOpInterface>], traits)> {
  let hasVerifier = 1;
}

/// Work that computes or copies, on this rank alone.
class Exec_Compute<string mnemonic, list<Trait> traits = []>
    : Exec_Work<mnemonic, !listconcat([DeclareOpInterfaceMethods<Exec_CostOpInterface>], traits)>;

//===-- functions ---------------------------------------------------------===//

def Exec_FuncOp : Exec_Op<"func", [IsolatedFromAbove, Symbol, SingleBlockImplicitTerminator<"ReturnOp">,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "a function of the rank's program: arguments are pointers, scratch is a frame";
  let description = [{
    Arguments have a mode (`in`, `out`, `inout`, `acc`) unless they are keys (`in`). The frame is scratch of `frame` bytes that the
    caller provides, 64-byte aligned; `exec.buffer frame[n]` lies n bytes into it. An `entry` (@init, @step, @eval) is
    called by the runtime: it has no arguments, reaches memory through `exec.address`, and its frame lies in the
    arena at `exec.frame_base`. No two arguments overlap unless both are `in`.

    Example:
    ```mlir
    exec.func @double(in %x: !exec.buffer<f32[seq=4]>, out %y: !exec.buffer<f32[seq=4]>) frame 0 {
      exec.kernel "double_y" loops [seq=4: 1, 1] (%a = %x) -> (write %y) : !exec.buffer<f32[seq=4]>, !exec.buffer<f32[seq=4]> {
        %0 = arith.addf %a, %a : f32
        exec.yield %0 : f32
      }
    }
    ```
    C1: one mode for each argument. C2: an entry has no arguments.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, OptionalAttr<StrAttr>:$sym_visibility, DenseI32ArrayAttr:$modes,
                       OptionalAttr<I64Attr>:$frame, UnitAttr:$entry);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{ Mode getMode(unsigned i) { return static_cast<Mode>(getModes()[i]); } }];
}
def Exec_ReturnOp : Exec_Op<"return", [Pure, Terminator, HasParent<"FuncOp">]> {
  let summary = "end of a function";
  let assemblyFormat = "attr-dict";
}
def Exec_YieldOp : Exec_Op<"yield", [Pure, Terminator, ParentOneOf<["KernelOp", "LoopOp"]>]> {
  let summary = "the elements that a kernel computes; without operands the end of a loop's body";
  let arguments = (ins Variadic<AnyType>:$operands);
  let assemblyFormat = "($operands^ `:` type($operands))? attr-dict";
  let builders = [OpBuilder<(ins), [{ }]>];
}

def Exec_CallOp : Exec_Work<"call", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "call a function, handing it pointers and the place of its frame in one's own";
  let description = [{
    Example: `exec.call @norm(%x, %w, %y) frame[4096] : !exec.buffer<f32[seq=4]>, !norm, !exec.buffer<f32[seq=4]>`

    With a token the call has only started: until `exec.wait` nothing that it writes is to be touched, nothing that it reads to be
    written, and its frame is its own. So a function that moves weights runs while another computes.

    C1: the callee is an `exec.func` that is no entry. C2: operands have the types of its arguments.
  }];
  let arguments = (ins FlatSymbolRefAttr:$callee, Variadic<Exec_Any>:$operands, OptionalAttr<I64Attr>:$frame);
  let results = (outs Optional<Exec_StartedToken>:$token);
  let assemblyFormat = "$callee `(` $operands `)` (`frame` `[` $frame^ `]`)? attr-dict (`:` type($operands)^)? (`async` type($token)^)?";
}

def Exec_LoopOp : Exec_Op<"loop", [SingleBlockImplicitTerminator<"YieldOp">,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "repeat a body: the loop over micro-batches";
  let description = [{
    The body's argument is the trip number, an i64 scalar that is only read. Nothing is carried but memory; a buffer
    that starts in the body starts anew in each trip.

    Example: `exec.loop 4 (%i) { ... }`. C1: the body's argument is `!exec.buffer<i64[]>`.
  }];
  let arguments = (ins ConfinedAttr<I64Attr, [IntPositive]>:$trips);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

//===-- memory ------------------------------------------------------------===//

def Exec_GlobalOp : Exec_Op<"global", [Symbol]> {
  let summary = "memory that outlives the entries: weights, gradients, optimizer state, inputs, scalars";
  let description = [{
    `kind` says what the runtime knows it as: `parameter`, `gradient`, `optimizer_state`, `input`, or the scalars
    `step`, `first_sample` (written by the runtime), `loss`, `count`, `grad_norm`, `learning_rate` (read by it).
    Discardable attributes: `nn.path`, `nn.file_prefix`, `nn.parameters` as in nn, `exec.placed`, the nn type with
    global sizes and placements, from which a manifest tells each rank's block; for an input `exec.microbatches`.
    Of an optimizer state `nn.state` says which: `m`, `v`, `momentum`, `ema`.

    Example: `exec.global @weights.h.0 "parameter" arena[4096] : !block`
    C1: memory. C2: the offset is a multiple of 64.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, OptionalAttr<StrAttr>:$sym_visibility, StrAttr:$kind,
                       OptionalAttr<I64Attr>:$offset, TypeAttr:$type);
  let assemblyFormat = "$sym_name $kind (`arena` `[` $offset^ `]`)? attr-dict `:` $type";
  let hasVerifier = 1;
}
def Exec_AddressOp : Exec_Op<"address", [Pure, NamesResults, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a pointer to a global";
  let description = "Example: `%h.0 = exec.address @weights.h.0 : !block`. C1: the global exists and has this type.";
  let arguments = (ins FlatSymbolRefAttr:$global);
  let results = (outs Exec_Memory:$result);
  let assemblyFormat = "$global attr-dict `:` type($result)";
}
def Exec_BufferOp : Exec_Op<"buffer", [NamesResults]> {
  let summary = "the start of a buffer's life in the function's frame";
  let description = [{
    From here to the last use of the result (and of views of it) these bytes are the buffer's. Its contents are undefined
    until written: an interpreter poisons them here. Without a place it is not planned yet.

    Example: `%h = exec.buffer frame[0] : !exec.buffer<f32[seq=4]>`
    C1: dense. C2: the offset is a multiple of 64 and the buffer ends within the function's frame.
  }];
  let arguments = (ins OptionalAttr<I64Attr>:$offset);
  let results = (outs Exec_Memory:$result);
  let assemblyFormat = "(`frame` `[` $offset^ `]`)? attr-dict `:` type($result)";
  let hasVerifier = 1;
}
def Exec_ViewOp : Exec_Pointer<"view"> {
  let summary = "other axes on the same memory, some elements further on";
  let description = [{
    `[n]` is the distance in elements, which may differ between ranks: this rank's part of a whole value is a view.

    Example: `%part = exec.view %x [tp * 2] : !exec.buffer<f32[seq=4]> -> !exec.buffer<f32[seq=2]>`
    C1: element types agree. C2: a constant distance keeps the view inside the operand.
  }];
  let arguments = (ins Exec_Buffer:$operand, Exec_RankAttr:$start);
  let results = (outs Exec_Buffer:$result);
  let assemblyFormat = "$operand custom<Rank>($start) attr-dict `:` type($operand) `->` type($result)";
  let hasVerifier = 1;
}
def Exec_FieldOp : Exec_Pointer<"field"> {
  let summary = "a field of a struct";
  let description = "Example: `%weight = exec.field %w \"weight\" : !norm`. C1: the struct has the field, and the result its type.";
  let arguments = (ins Exec_Struct:$operand, StrAttr:$field);
  let results = (outs Exec_Memory:$result);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$operand, "::llvm::StringRef":$field)>];
}
def Exec_PackOp : Exec_Pointer<"pack"> {
  let summary = "a struct of these pointers";
  let description = "Example: `%w = exec.pack(%weight, %bias) : !norm`. C1: one operand of its type for each field.";
  let arguments = (ins Variadic<Exec_Memory>:$operands);
  let results = (outs Exec_Struct:$result);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}
def Exec_InputOp : Exec_Work<"input", [NamesResults]> {
  let summary = "a pointer to one micro-batch of an input that the runtime has read for the whole step";
  let description = [{
    `global` is `[slot=m, ...]`, slot by slot a micro-batch of this rank's samples. The result points to slot
    `(first - since) / samples`, `first` being the number of the micro-batch's first sample and `since` that of
    slot 0. Only read.

    Example: `%tokens = exec.input %all [%first since %base] samples 8 : !exec.buffer<i32[slot=4, batch=2, seq=16]>, !S, !S -> !exec.buffer<i32[batch=2, seq=16]>`
    C1: first and since are i64 scalars. C2: the result is the operand without its first axis, `slot`.
  }];
  let arguments = (ins Exec_Buffer:$operand, Exec_Buffer:$first, Exec_Buffer:$since, I64Attr:$samples);
  let results = (outs Exec_Buffer:$result);
  let assemblyFormat = "$operand `[` $first `since` $since `]` `samples` $samples attr-dict `:` type($operand) `,` type($first) `,` type($since) `->` type($result)";
}

//===-- random keys -------------------------------------------------------===//

def Exec_KeyOp : Exec_Work<"key", [NamesResults]> {
  let summary = "the random key of a micro-batch: rt::Key{step, first sample, 0}";
  let description = "Example: `%key = exec.key %step, %first : !S, !S`. C1: i64 scalars.";
  let arguments = (ins Exec_Buffer:$step, Exec_Buffer:$first_sample);
  let results = (outs Exec_Key:$key);
  let assemblyFormat = "$step `,` $first_sample attr-dict `:` type($step) `,` type($first_sample)";
}
def Exec_ChildKeyOp : Exec_Pointer<"child_key"> {
  let summary = "the key that a call hands on: rt::child(parent, site)";
  let arguments = (ins Exec_Key:$parent, I32Attr:$site);
  let results = (outs Exec_Key:$key);
  let assemblyFormat = "$parent `site` $site attr-dict";
}

//===-- computations ------------------------------------------------------===//

def Exec_GemmOp : Exec_Compute<"gemm"> {
  let summary = "a strided matrix product: C = A B + beta C";
  let description = [{
    `C[b.., i, j] = beta * C[b.., i, j] + sum over l of A[b.., i, l] * B[b.., l, j]` with i over `m`, j over `n`, l over `k`, b.. over `batch`,
    strides in A, B, C. C has stride 0 in `k`, and may have in a `batch` loop: that one is summed too. C overlaps neither A nor B.

    Example:
    ```mlir
    exec.gemm %h, %up -> %u m [seq*batch=16: 8, 0, 6] n [mlp=6: 0, 8, 1] k [embed=8: 1, 1, 0] beta 0
      : !exec.buffer<f32[seq=4, batch=4, embed=8]>, !exec.buffer<f32[mlp=6, embed=8]>, !exec.buffer<f32[seq=4, batch=4, mlp=6]>
    ```
    C2: B has stride 0 in m, A in n, C in k. C3: beta is 0 or 1.
  }];
  let arguments = (ins Exec_Buffer:$a, Exec_Buffer:$b, Exec_Buffer:$c, Exec_LoopAttr:$m, Exec_LoopAttr:$n, Exec_LoopAttr:$k,
                       OptionalAttr<TypedArrayAttrBase<Exec_LoopAttr, "loops">>:$batch, I64Attr:$beta);
  let assemblyFormat = [{
    $a `,` $b `->` $c `m` custom<Loop>($m) `n` custom<Loop>($n) `k` custom<Loop>($k) (`batch` custom<Loops>($batch)^)? `beta` $beta attr-dict
    `:` type($a) `,` type($b) `,` type($c)
  }];
}

defvar Loops = TypedArrayAttrBase<Exec_LoopAttr, "loops">;

def Exec_KernelOp : Exec_Compute<"kernel", [IsolatedFromAbove, AttrSizedOperandSegments, SingleBlockImplicitTerminator<"YieldOp">,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "a loop nest: one scalar region for each point, results stored or folded";
  let description = [{
    For each point of the loops (outermost first) the region computes one element of each output from one element of each
    input. Strides: inputs first, then outputs. An output is stored by `write`; `sum` and `max` fold over the loops
    in which it has stride 0, and `add` adds such a sum to what is there (also without folding). An input may be an output too, at the
    same strides: a point reads before it writes. Otherwise outputs overlap nothing. The order of a fold is left to the code.

    Example:
    ```mlir
    exec.kernel "rms_s" loops [seq*batch=16: 8, 1] [embed=8: 1, 0] (%a = %x) -> (sum %s)
      : !exec.buffer<f32[seq=4, batch=4, embed=8]>, !exec.buffer<f32[seq=4, batch=4]> {
      %0 = arith.mulf %a, %a : f32
      exec.yield %0 : f32
    }
    ```
    C2: the region's arguments are the inputs' elements, it yields the outputs'. C3: a `write` has a stride in each loop. C4: the region holds scalar `arith` and `math` ops only.
  }];
  let arguments = (ins StrAttr:$name, Loops:$loops, Variadic<Exec_Buffer>:$inputs, Variadic<Exec_Buffer>:$outputs, DenseI32ArrayAttr:$stores);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{ Store getStore(unsigned i) { return static_cast<Store>(getStores()[i]); } }];
}

def Exec_GatherOp : Exec_Compute<"gather"> {
  let summary = "pick rows by index";
  let description = [{
    For each point of `loops` (strides in table, index, out): `r = index - start`; out becomes `table[r]` along
    `axis` (its size and stride in the table) if 0 <= r < size, else zero.

    Example:
    ```mlir
    exec.gather %table[%index] -> %out loops [seq=4: 0, 1, 8] [embed=8: 1, 0, 1] axis [vocab=5: 8] start [tp * 5]
      : !exec.buffer<f32[vocab=5, embed=8]>, !exec.buffer<i32[seq=4]>, !exec.buffer<f32[seq=4, embed=8]>
    ```
    C2: the index is i32.
  }];
  let arguments = (ins Exec_Buffer:$table, Exec_Buffer:$index, Exec_Buffer:$out, Loops:$loops, Exec_LoopAttr:$axis, Exec_RankAttr:$start);
  let assemblyFormat = [{
    $table `[` $index `]` `->` $out `loops` custom<Loops>($loops) `axis` custom<Loop>($axis) `start` custom<Rank>($start) attr-dict
    `:` type($table) `,` type($index) `,` type($out)
  }];
}
def Exec_ScatterAddOp : Exec_Compute<"scatter_add"> {
  let summary = "add rows by index";
  let description = [{
    With beta 0 all of out is zero first. For each point of `loops` (strides in updates, index, out): `r = index - start`; the update is
    added to `out[r]` along `axis` (its size and stride in out) if 0 <= r < size, else dropped.

    C2: the index is i32. C3: beta is 0 or 1.
  }];
  let arguments = (ins Exec_Buffer:$updates, Exec_Buffer:$index, Exec_Buffer:$out, Loops:$loops, Exec_LoopAttr:$axis, Exec_RankAttr:$start, I64Attr:$beta);
  let assemblyFormat = [{
    $updates `[` $index `]` `->` $out `loops` custom<Loops>($loops) `axis` custom<Loop>($axis) `start` custom<Rank>($start) `beta` $beta attr-dict
    `:` type($updates) `,` type($index) `,` type($out)
  }];
}

defvar AttentionLoops = (ins Exec_LoopAttr:$batch, Exec_LoopAttr:$kv_head, Exec_LoopAttr:$group, Exec_LoopAttr:$query_seq,
    Exec_LoopAttr:$key_seq, Exec_LoopAttr:$dim, Exec_LoopAttr:$value_dim);
defvar AttentionAttributes = (ins
    F64Attr:$scale, DefaultValuedAttr<BoolAttr, "false">:$causal, OptionalAttr<I64Attr>:$window, OptionalAttr<I64Attr>:$chunk,
    OptionalAttr<F64Attr>:$soft_cap, OptionalAttr<F64Attr>:$dropout, DefaultValuedAttr<I32Attr, "0">:$site,
    OptionalAttr<Exec_RankAttr>:$batch_start, OptionalAttr<Exec_RankAttr>:$kv_head_start, OptionalAttr<Exec_RankAttr>:$group_start,
    OptionalAttr<Exec_RankAttr>:$query_start, OptionalAttr<Exec_RankAttr>:$key_start,
    I64Attr:$groups, I64Attr:$query_size, I64Attr:$key_size);

def Exec_AttentionOp : Exec_Compute<"attention"> {
  let summary = "softmax(scale * query . key) . value, as nn.attention, on this rank's part";
  let description = [{
    Strides of the loops: query, key, value, out, lse. `dim` is folded between query and key. Causality, window,
    chunk and dropout are functions of global indices: the local one plus `*_start` (absent: 0). Dropout numbers an element
    `((kv_head * groups + group) * query_size + query) * key_size + key` (all global) of sample `key.first_sample + batch`.
    Scratch is the runtime's, not the frame's. C2: dropout comes with a key.
  }];
  let arguments = !con((ins Exec_Buffer:$query, Exec_Buffer:$key, Exec_Buffer:$value, Optional<Exec_Key>:$random_key, Exec_Buffer:$out, Exec_Buffer:$lse), AttentionLoops, AttentionAttributes);
  let assemblyFormat = [{
    $query `,` $key `,` $value (`random` $random_key^)? `->` $out `,` $lse `batch` custom<Loop>($batch) `kv_head` custom<Loop>($kv_head) `group` custom<Loop>($group)
    `query` custom<Loop>($query_seq) `key` custom<Loop>($key_seq) `dim` custom<Loop>($dim) `value_dim` custom<Loop>($value_dim) attr-dict
    `:` type($query) `,` type($key) `,` type($value) `,` type($out) `,` type($lse)
  }];
}
def Exec_AttentionBackwardOp : Exec_Compute<"attention_backward"> {
  let summary = "gradients of attention with respect to query, key and value";
  let description = [{
    Strides of the loops: query, key, value, out, lse, d_out, d_query, d_key, d_value. All of d_query, d_key, d_value is written.
    C2: dropout comes with a key.
  }];
  let arguments = !con((ins Exec_Buffer:$query, Exec_Buffer:$key, Exec_Buffer:$value, Exec_Buffer:$out, Exec_Buffer:$lse, Exec_Buffer:$d_out, Optional<Exec_Key>:$random_key,
      Exec_Buffer:$d_query, Exec_Buffer:$d_key, Exec_Buffer:$d_value), AttentionLoops, AttentionAttributes);
  let assemblyFormat = [{
    $query `,` $key `,` $value `,` $out `,` $lse `,` $d_out (`random` $random_key^)? `->` $d_query `,` $d_key `,` $d_value
    `batch` custom<Loop>($batch) `kv_head` custom<Loop>($kv_head) `group` custom<Loop>($group)
    `query` custom<Loop>($query_seq) `key` custom<Loop>($key_seq) `dim` custom<Loop>($dim) `value_dim` custom<Loop>($value_dim) attr-dict
    `:` type($query) `,` type($key) `,` type($value) `,` type($out) `,` type($lse) `,` type($d_out) `,` type($d_query) `,` type($d_key) `,` type($d_value)
  }];
}

def Exec_RopeOp : Exec_Compute<"rope"> {
  let summary = "turn pairs of a head's dimensions by position, as nn.rope";
  let description = [{
    Strides of `loops`: operand, positions, out; of `dim`: operand, out. `inverse` turns back. May be in place.
    C2: positions are i32.
  }];
  let arguments = (ins Exec_Buffer:$operand, Exec_Buffer:$positions, Exec_Buffer:$out, Loops:$loops, Exec_LoopAttr:$dim, F64Attr:$theta,
                       OptionalAttr<DictionaryAttr>:$scaling, DefaultValuedAttr<BoolAttr, "false">:$interleaved, DefaultValuedAttr<BoolAttr, "false">:$inverse);
  let assemblyFormat = "$operand `at` $positions `->` $out `loops` custom<Loops>($loops) `dim` custom<Loop>($dim) attr-dict `:` type($operand) `,` type($positions) `,` type($out)";
}

def Exec_IotaOp : Exec_Compute<"iota"> {
  let summary = "global positions";
  let description = "Strides of `loops`: out, value. An element is `start` plus the sum of its indices times the value's strides. C2: integers.";
  let arguments = (ins Exec_Buffer:$out, Loops:$loops, Exec_RankAttr:$start);
  let assemblyFormat = "`->` $out `loops` custom<Loops>($loops) `start` custom<Rank>($start) attr-dict `:` type($out)";
}
def Exec_RandomOp : Exec_Compute<"random"> {
  let summary = "normal random numbers of mean 0: std * rt::normal(seed, key, site, element)";
  let description = [{
    Strides of `loops`: out, element. An element's number is `start` plus the sum of its indices times the element's strides:
    its row-major index in the whole tensor as the model states it.
  }];
  let arguments = (ins Exec_Key:$key, Exec_Buffer:$out, Loops:$loops, Exec_RankAttr:$start, F64Attr:$std, I32Attr:$site);
  let assemblyFormat = "$key `->` $out `loops` custom<Loops>($loops) `start` custom<Rank>($start) attr-dict `:` type($out)";
}
def Exec_DropoutOp : Exec_Compute<"dropout"> {
  let summary = "zero elements with probability p, divide the others by 1 - p";
  let description = [{
    Strides of `loops`: operand, out, element, sample. Kept where `rt::uniform(seed, key, site, sample, element) >= p`, with
    `element` = `start` plus the sum of the indices times the element's strides, and `sample` = the key's first sample plus
    `sample_start` plus the same sum for the sample's. May be in place.
  }];
  let arguments = (ins Exec_Buffer:$operand, Exec_Key:$key, Exec_Buffer:$out, Loops:$loops, Exec_RankAttr:$start, Exec_RankAttr:$sample_start, F64Attr:$p, I32Attr:$site);
  let assemblyFormat = "$operand `random` $key `->` $out `loops` custom<Loops>($loops) `start` custom<Rank>($start) `sample` custom<Rank>($sample_start) attr-dict `:` type($operand) `,` type($out)";
}

//===-- movement ----------------------------------------------------------===//

def Exec_CopyOp : Exec_Compute<"copy"> {
  let summary = "copy elements; strides of the loops: operand, out";
  let arguments = (ins Exec_Buffer:$operand, Exec_Buffer:$out, Loops:$loops);
  let assemblyFormat = "$operand `->` $out `loops` custom<Loops>($loops) attr-dict `:` type($operand) `,` type($out)";
}
def Exec_MaskOp : Exec_Compute<"mask"> {
  let summary = "keep the value on one rank of a group, zero on the others: a whole value becomes partial";
  let description = "out is the operand on ranks whose coordinates on the mesh axes `over` are all 0, else zero. Strides: operand, out. May be in place. C2: the mesh has the axes.";
  let arguments = (ins Exec_Buffer:$operand, Exec_Buffer:$out, StrArrayAttr:$over, Loops:$loops);
  let assemblyFormat = "$operand `->` $out `over` custom<Names>($over) `loops` custom<Loops>($loops) attr-dict `:` type($operand) `,` type($out)";
}

def Exec_CollectiveOp : Exec_Work<"collective"> {
  let summary = "ranks that differ only on some mesh axes exchange or fold blocks";
  let description = [{
    The group's members are numbered with the first listed mesh axis slowest. `tile` is the block that one member takes from
    another, as loops with strides in operand and out; member i's block starts at `i * step[0]` in the operand and `i * step[1]` in the result (elements).
    With me = this rank's number and x_i = member i's operand:
    - `all_reduce`: `out[tile] = fold over i of x_i[tile]`; in place or into another dense buffer.
    - `all_gather`: for each i `out[i * step[1] + tile] = x_i[tile]`; step[0] is 0.
    - `reduce_scatter`: `out[tile] = fold over i of x_i[me * step[0] + tile]`; step[1] is 0.
    - `all_to_all`: for each i `out[i * step[1] + tile] = x_i[me * step[0] + tile]`.

    Folds run in member order. Every member of the group runs the same collective with buffers at the same offsets. With a token it
    has only started: until `exec.wait`, out is not to be touched and the operand not to be written. Apart from all_reduce, out does not overlap the operand.

    Example:
    ```mlir
    exec.collective all_gather [tp] %h -> %whole tile [seq*batch*embed=128: 1, 1] step [0, 128]
      : !exec.buffer<f32[seq=4, batch=4, embed=8]>, !exec.buffer<f32[seq=8, batch=4, embed=8]>
    ```
    C2: the mesh has the axes, each once. C3: element types agree; folds are of f32. C4: the steps are as said above. C5: blocks lie inside the buffers.
  }];
  let arguments = (ins Exec_CollectiveKind:$kind, StrArrayAttr:$mesh, Exec_Buffer:$operand, Exec_Buffer:$out, Loops:$tile, DenseI64ArrayAttr:$step,
                       DefaultValuedAttr<Exec_Fold, "::exec::Fold::sum">:$fold);
  let results = (outs Optional<Exec_StartedToken>:$token);
  let assemblyFormat = [{
    $kind custom<Names>($mesh) $operand `->` $out `tile` custom<Loops>($tile) `step` $step attr-dict `:` type($operand) `,` type($out) (`async` type($token)^)?
  }];
}
/// Stages run programs of their own on ranks of their own; the peer is the rank of the other stage at this one's place in it.
/// C1 of each: it stands in an entry, outside of loops, so that each number is one message. C2: the buffer is dense.
class Exec_Message<string mnemonic> : Exec_Work<mnemonic> {
  let results = (outs Exec_StartedToken:$token);
  let extraClassDeclaration = [{ ::exec::BufferType getBufferType() { return getBuffer().getType(); } }];
}
defvar StageNumber = ConfinedAttr<I64Attr, [IntNonNegative]>;
defvar MessageNumber = ConfinedAttr<I64Attr, [IntNonNegative]>;

def Exec_SendOp : Exec_Message<"send"> {
  let summary = "hand a buffer to the rank of another stage that has this rank's place there";
  let description = [{
    Message number `message` to stage `to` of this entry, for that stage's `exec.receive` of this number. Nothing is waited for here; until `exec.wait` the buffer
    is not to be written, and the wait lasts until the message has been taken.

    Example:
    ```mlir
    %0 = exec.send %y to 1 message 0 : !exec.buffer<f32[batch=2, embed=8]> async !exec.token
    exec.wait %0
    ```
    C1, C2 as above.
  }];
  let arguments = (ins Exec_Buffer:$buffer, StageNumber:$to, MessageNumber:$message);
  let assemblyFormat = "$buffer `to` $to `message` $message attr-dict `:` type($buffer) `async` type($token)";
}
def Exec_ReceiveOp : Exec_Message<"receive"> {
  let summary = "take a buffer from the rank of another stage that has this rank's place there";
  let description = [{
    Message number `message` of stage `from` to this one. From here on the buffer is the message's; `exec.wait` lasts until it is there, and takes it.

    Example:
    ```mlir
    %0 = exec.receive %x from 0 message 0 : !exec.buffer<f32[batch=2, embed=8]> async !exec.token
    exec.wait %0
    ```
    C1, C2 as above.
  }];
  let arguments = (ins Exec_Buffer:$buffer, StageNumber:$from, MessageNumber:$message);
  let assemblyFormat = "$buffer `from` $from `message` $message attr-dict `:` type($buffer) `async` type($token)";
}

def Exec_WaitOp : Exec_Op<"wait"> {
  let summary = "wait until what was started is complete: on all members, or for a message at its other end";
  let description = [{
    Several collectives that are waited for together are a bucket: the group meets once for all of them, not once for each.

    Example:
    ```mlir
    %0 = exec.collective all_gather [dp] %up -> %whole_up tile [n=4: 1, 1] step [0, 4] : !part, !whole async !exec.token
    %1 = exec.collective all_gather [dp] %down -> %whole_down tile [n=4: 1, 1] step [0, 4] : !part, !whole async !exec.token
    exec.wait %0, %1
    ```
    C1: a token at least, each of something started in the same block. C2: several are of collectives of one kind,
    over the same mesh axes, with the same fold.
  }];
  let arguments = (ins Variadic<Exec_Token>:$tokens);
  let assemblyFormat = "$tokens attr-dict";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// What is waited for: collectives, or one call, send or receive.
    ::llvm::SmallVector<::mlir::Operation *> getStarted();
  }];
}

def Exec_PauseOp : Exec_Op<"pause"> {
  let summary = "do nothing for as long as so many floating-point operations would take";
  let description = [{
    What a rehearsal has in place of work (`exec-rehearse`). The trainer's flags say how long an operation takes.

    Example: `exec.pause 8.192000e+04`. C1: the cost is positive.
  }];
  let arguments = (ins F64Attr:$cost);
  let assemblyFormat = "$cost attr-dict";
  let hasVerifier = 1;
}

#endif
