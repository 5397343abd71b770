//===- PipeOps.td - messages between stages -------------------------------===//
#ifndef SHARDC_PIPE_OPS
#define SHARDC_PIPE_OPS

include "dialects/pipe/PipeBase.td"
include "dialects/nn/NnBase.td"
include "dialects/nn/NnInterfaces.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

/// Messages of one entry (@step, @eval, @init) from stage a to stage b are numbered from 0, in the order in which a sends.
class Pipe_Op<string mnemonic, list<Trait> traits = []> : Op<Pipe_Dialect, mnemonic, traits> {
  let hasVerifier = 1;
}

def Pipe_SendOp : Pipe_Op<"send"> {
  let summary = "hand a tensor to another stage";
  let description = [{
    The sender goes on at once. What was sent stays as it is until the `sent` of its number. `order` is that of the
    axes in the message, major first: both sides know it.

    Example: `pipe.send %x to 1 message 3 order [batch, seq] : <f32[batch=2, seq=4]>`

    C1: `to` is a stage of the pipeline, and not this one. C2: `order` is of the operand's axes, each once. C3: the
    operand is not partial.
  }];
  let arguments = (ins Nn_Tensor:$operand, I64Attr:$to, I64Attr:$message, StrArrayAttr:$order);
  let assemblyFormat = "$operand `to` $to `message` $message `order` custom<Names>($order) attr-dict `:` type($operand)";
}

def Pipe_SentOp : Pipe_Op<"sent"> {
  let summary = "wait until a message has been taken";
  let description = [{
    Example: `pipe.sent to 1 message 3`

    C1: an earlier `send` of the same block has this number, and no other `sent`.
  }];
  let arguments = (ins I64Attr:$to, I64Attr:$message);
  let assemblyFormat = "`to` $to `message` $message attr-dict";
}

def Pipe_ReceiveOp : Pipe_Op<"receive", [DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "take a tensor from another stage";
  let description = [{
    The message may come later: it is waited for where the result is first used. The result lies where its names, and
    its kind (`nn.kind`, where it has one), say, as the operand of the `send` does: each rank gets its own shard.

    Example: `%x = pipe.receive from 0 message 3 order [batch, seq] : <f32[batch=2, seq=4]>`

    C1: `from` is a stage of the pipeline, and not this one. C2: `order` is of the result's axes, each once. C3: the
    result is not partial.
  }];
  let arguments = (ins I64Attr:$from, I64Attr:$message, StrArrayAttr:$order);
  let results = (outs Nn_Tensor:$result);
  let assemblyFormat = "`from` $from `message` $message `order` custom<Names>($order) attr-dict `:` type($result)";
}

def Pipe_KeepOp : Pipe_Op<"keep", [Pure, AllTypesMatch<["operand", "result"]>, DeclareOpInterfaceMethods<Nn_EvaluateOpInterface>,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "take a tensor of this stage as from another";
  let description = [{
    The value is what `receive` would give if this stage had sent it to itself: whole, where its names and its kind
    say. So what ranks have of a term is summed before it meets another, whichever stage has made it, and a sum over
    stages has the same bits however the model is cut. Nothing moves: `exec` has no such op.

    Example: `%y = pipe.keep %x {nn.kind = "gradient"} : <f32[vocab=8, embed=4]>`

    C1: it stands in a stage. C2: the operand is not partial.
  }];
  let arguments = (ins Nn_Tensor:$operand);
  let results = (outs Nn_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` type($result)";
}

def Pipe_BeginOp : Pipe_Op<"begin"> {
  let summary = "from here on the stage is at a task of its timetable";
  let description = [{
    Nothing is computed here and nothing depends on it: it tells whoever watches a run (a trace, a rehearsal) where one
    task ends and the next begins. It stays as it is from `pipe-cut` to the trainer's code.

    Examples: `pipe.begin forward of microbatch 3 chunk 0`, `pipe.begin update`

    C1: all but `update` have a micro-batch and a chunk.
  }];
  let arguments = (ins Pipe_Pass:$pass, OptionalAttr<ConfinedAttr<I64Attr, [IntNonNegative]>>:$microbatch,
                       OptionalAttr<ConfinedAttr<I64Attr, [IntNonNegative]>>:$chunk);
  let assemblyFormat = "$pass (`of` `microbatch` $microbatch^)? (`chunk` $chunk^)? attr-dict";
}

#endif
