//===- DistOps.td - reshard and the collectives ---------------------------===//
//
// Every op here is the identity on the global tensor: it changes only where the tensor lies. Removing all
// placements and all these ops gives the `nn` program back.
//
//===----------------------------------------------------------------------===//
#ifndef SHARDC_DIST_OPS
#define SHARDC_DIST_OPS

include "dialects/dist/DistBase.td"
include "dialects/nn/NnBase.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Dist_Op<string mnemonic, list<Trait> traits = []>
    : Op<Dist_Dialect, mnemonic, !listconcat([Pure, DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>], traits)> {
  let hasVerifier = 1;
}

def Dist_ReshardOp : Dist_Op<"reshard"> {
  let summary = "the same tensor in another layout";
  let description = [{
    Any layout to any other. The fields of a bundle change layout one by one.

    Example: `%y = dist.reshard %x : !nn.tensor<f32[seq=4], sum@tp> -> !nn.tensor<f32[seq=4@tp]>`

    C1: without placements, operand and result have one type. C2: a result is partial by the operand's kind,
    and by `sum` where the operand is not partial.
  }];
  let arguments = (ins AnyTypeOf<[Nn_Tensor, Nn_Bundle]>:$operand);
  let results = (outs AnyTypeOf<[Nn_Tensor, Nn_Bundle]>:$result);
  let assemblyFormat = "$operand attr-dict `:` type($operand) `->` type($result)";
}

/// A movement over the mesh axes `over` (a list, major first). `axis` is the tensor axis, where there is one.
/// That parts are equal is checked of every type, with the plan.
class Dist_Move<string mnemonic> : Dist_Op<mnemonic> {
  let results = (outs Nn_Tensor:$result);
  let extraClassDeclaration = [{
    /// The result's type for an operand of this type; fails with the constraint that does not hold.
    ::mlir::FailureOr<::nn::NamedTensorType> inferType(::nn::NamedTensorType operand, ::nn::EmitError error);
  }];
}

def Dist_AllReduceOp : Dist_Move<"all_reduce"> {
  let summary = "every rank gets the sum (or maximum) of what the ranks hold";
  let description = [{
    Example: `%y = dist.all_reduce sum %x over [tp] : <f32[seq=4], sum@tp> -> <f32[seq=4]>`

    C1: `over` names mesh axes, none twice. C2: the operand is partial over each of them, by `kind`.
    C3: the result is the operand, no longer partial over them.
  }];
  let arguments = (ins Nn_ReductionKind:$kind, Nn_Tensor:$operand, StrArrayAttr:$over);
  let assemblyFormat = "$kind $operand `over` custom<Names>($over) attr-dict `:` type($operand) `->` type($result)";
}

def Dist_ReduceScatterOp : Dist_Move<"reduce_scatter"> {
  let summary = "every rank gets its part of the sum (or maximum) of what the ranks hold";
  let description = [{
    Example: `%y = dist.reduce_scatter sum %x axis seq over [tp] : <f32[seq=4], sum@tp> -> <f32[seq=4@tp]>`

    C1: `over` names mesh axes, none twice. C2: the operand is partial over each of them, by `kind`. C3: `axis`
    is the operand's. C4: the result is placed by `over` on `axis`, minor to what places it already.
  }];
  let arguments = (ins Nn_ReductionKind:$kind, Nn_Tensor:$operand, StrAttr:$axis, StrArrayAttr:$over);
  let assemblyFormat = "$kind $operand `axis` custom<Name>($axis) `over` custom<Names>($over) attr-dict `:` type($operand) `->` type($result)";
}

def Dist_AllGatherOp : Dist_Move<"all_gather"> {
  let summary = "every rank gets the parts of all ranks along one axis";
  let description = [{
    Only the minor-most mesh axes of an axis can be gathered: gathering a major one alone would reorder the data.

    Example: `%y = dist.all_gather %x axis seq over [tp] : <f32[seq=4@tp]> -> <f32[seq=4]>`

    C1: `over` names mesh axes, none twice. C2: `axis` is the operand's and `over` is the minor-most part of what
    places it. C3: the result is the operand without these.
  }];
  let arguments = (ins Nn_Tensor:$operand, StrAttr:$axis, StrArrayAttr:$over);
  let assemblyFormat = "$operand `axis` custom<Name>($axis) `over` custom<Names>($over) attr-dict `:` type($operand) `->` type($result)";
}

def Dist_AllToAllOp : Dist_Move<"all_to_all"> {
  let summary = "mesh axes move from one tensor axis to another";
  let description = [{
    Example: `%y = dist.all_to_all %x from seq to embed over [tp] : <f32[seq=4@tp, embed=8]> -> <f32[seq=4, embed=8@tp]>`

    C1: `over` names mesh axes, none twice. C2: `from` is the operand's and `over` is the minor-most part of what
    places it. C3: `to` is another axis of the operand. C4: the result is placed by `over` on `to`, minor to what
    places it already.
  }];
  let arguments = (ins Nn_Tensor:$operand, StrAttr:$from, StrAttr:$to, StrArrayAttr:$over);
  let assemblyFormat = "$operand `from` custom<Name>($from) `to` custom<Name>($to) `over` custom<Names>($over) attr-dict `:` type($operand) `->` type($result)";
}

def Dist_ShardSliceOp : Dist_Move<"shard_slice"> {
  let summary = "each rank keeps its part of an axis; nothing is sent";
  let description = [{
    Example: `%y = dist.shard_slice %x axis seq over [tp] : <f32[seq=4]> -> <f32[seq=4@tp]>`

    C1: `over` names mesh axes, none twice. C2: the operand is neither placed by nor partial over them. C3: `axis`
    is the operand's. C4: the result is placed by `over` on `axis`, minor to what places it already.
  }];
  let arguments = (ins Nn_Tensor:$operand, StrAttr:$axis, StrArrayAttr:$over);
  let assemblyFormat = "$operand `axis` custom<Name>($axis) `over` custom<Names>($over) attr-dict `:` type($operand) `->` type($result)";
}

def Dist_MaskOp : Dist_Move<"mask"> {
  let summary = "the first rank along the mesh axes keeps the value, the others hold zero; nothing is sent";
  let description = [{
    A whole value becomes a partial sum, so that it can be added to one.

    Example: `%y = dist.mask %x over [tp] : <f32[]> -> <f32[], sum@tp>`

    C1: `over` names mesh axes, none twice. C2: the operand is neither placed by nor partial over them, and not
    partial by `max`. C3: the result is the operand, partial over them too.
  }];
  let arguments = (ins Nn_Tensor:$operand, StrArrayAttr:$over);
  let assemblyFormat = "$operand `over` custom<Names>($over) attr-dict `:` type($operand) `->` type($result)";
}

#endif
