// RUN: shardc-opt %s --pass-pipeline='builtin.module(exec-layout,builtin.module(exec-lower),exec-verify-stages)' | FileCheck %s
// RUN: shardc-opt %s --pass-pipeline='builtin.module(exec-layout,builtin.module(exec-lower,exec-order,exec-plan-memory,exec-verify))'
// Numbers go to the second of two stages, their sum comes back. Only the second gathers over seq, but one order of axes is for
// all stages: seq comes first in both, and messages are nowhere copied.

!S = !nn.tensor<i64[]>
!F = !nn.tensor<f32[]>
!T = !nn.tensor<i32[batch=4@dp, seq=8@tp]>
!X = !nn.tensor<f32[batch=4@dp, seq=8@tp]>
!Xw = !nn.tensor<f32[batch=4@dp, seq=8]>
!Fp = !nn.tensor<f32[], sum@dp@tp>
!W = !nn.tensor<f32[vocab=6, embed=8@dp]>
!Ww = !nn.tensor<f32[vocab=6, embed=8]>

module {
module @stage_0 attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = [[batch@dp], [seq@tp]]>,
                            pipe.stage = #pipe.stage<0 of 2 over "pp", mesh = [dp = 2, pp = 2, tp = 2]>} {
// A weight lies with what is gathered in front, in this stage only: its message is a copy in the common order.
//
// CHECK-LABEL: module @stage_0
// CHECK:       exec.func @init() entry {
// CHECK:         exec.random {{.*}} -> %[[W:.*]] loops
// CHECK:         %[[PACKED:.*]] = exec.buffer : !exec.buffer<f32[vocab=6, embed=4]>
// CHECK:         exec.copy %[[W]] -> %[[PACKED]] loops {{.*}} : <f32[embed=4, vocab=6]>, <f32[vocab=6, embed=4]>
// CHECK:         exec.send %[[PACKED]] to 1 message 0
nn.func @init() -> (!W {nn.kind = "parameter", nn.path = "table"}) {
  %zero = nn.map () -> !S {
    %0 = arith.constant 0 : i64
    nn.yield %0 : i64
  }
  %key = nn.key %zero, %zero : (!S, !S)
  %w = nn.random %key {std = 1.0 : f64, site = 0 : i32} : !W
  pipe.send %w to 1 message 0 order [embed, vocab] : !W
  pipe.sent to 1 message 0
  nn.return %w : !W
}

// The receive is posted where it stands, and waited for before the wait for what was sent, since nothing is sent behind
// that. What was sent keeps its memory until it has been taken: its last user here does not write in place.
//
// CHECK:       exec.func @eval() entry {
// CHECK:         exec.kernel "eval_x" {{.*}} -> (write %[[X:.*]]) : <i32[seq=4, batch=2]>, <f32[seq=4, batch=2]>
// CHECK:         %[[SENT:.*]] = exec.send %[[X]] to 1 message 0 : <f32[seq=4, batch=2]>
// CHECK:         %[[HALF:.*]] = exec.buffer : !exec.buffer<f32[]>
// CHECK:         %[[RECEIVED:.*]] = exec.receive %[[HALF]] from 1 message 0 : <f32[]>
// CHECK:         %[[TWICE:.*]] = exec.buffer : !exec.buffer<f32[seq=4, batch=2]>
// CHECK:         exec.kernel "eval_twice" {{.*}} -> (write %[[TWICE]])
// CHECK:         exec.wait %[[RECEIVED]]
// CHECK-NEXT:    exec.wait %[[SENT]]
// CHECK:         exec.kernel "eval_loss" {{.*}}(%{{.*}} = %[[HALF]], %{{.*}} = %[[HALF]]) -> (write %loss)
nn.func @eval(%first: !S, %w: !W {nn.kind = "parameter", nn.path = "table"}) -> (!F, !F) {
  %whole = dist.all_gather %w axis embed over [dp] : !W -> !Ww
  %tokens = nn.input "tokens" from %first : (!S) -> !T
  %x = nn.map (%t = %tokens : !T) -> !X {
    %0 = arith.sitofp %t : i32 to f32
    nn.yield %0 : f32
  } loc("x")
  pipe.send %x to 1 message 0 order [batch, seq] : !X
  %half = pipe.receive from 1 message 0 order [] : !F
  %twice = nn.map (%a = %x : !X, %b = %x : !X) -> !X {
    %0 = arith.addf %a, %b : f32
    nn.yield %0 : f32
  } loc("twice")
  pipe.sent to 1 message 0
  %part = nn.reduce sum %twice over [batch, seq] : !X -> !Fp
  %count = dist.all_reduce sum %part over [dp, tp] : !Fp -> !F
  %loss = nn.map (%a = %half : !F, %b = %half : !F) -> !F {
    %0 = arith.addf %a, %b : f32
    nn.yield %0 : f32
  } loc("loss")
  nn.return %loss, %count : !F, !F
}
}
module @stage_1 attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = [[batch@dp], [seq@tp]]>,
                            pipe.stage = #pipe.stage<1 of 2 over "pp", mesh = [dp = 2, pp = 2, tp = 2]>} {
// What comes and is returned goes straight to its global; nobody used it before the end. The global says that it is a copy.
//
// CHECK-LABEL: module @stage_1
// CHECK:       exec.global @parameters.table "parameter" {{.*}}pipe.copy
// CHECK:       exec.func @init() entry {
// CHECK:         %[[RECEIVED:.*]] = exec.receive %parameters.table from 0 message 0 : <f32[vocab=6, embed=4]>
// CHECK-NEXT:    exec.wait %[[RECEIVED]]
nn.func @init() -> (!W {nn.kind = "parameter", nn.path = "table", pipe.copy}) {
  %w = pipe.receive from 0 message 0 order [embed, vocab] : !W
  nn.return %w : !W
}

// What comes is waited for where it is first used.
//
// CHECK:       exec.func @eval() entry {
// CHECK:         %[[X:.*]] = exec.buffer : !exec.buffer<f32[seq=4, batch=2]>
// CHECK:         %[[RECEIVED:.*]] = exec.receive %[[X]] from 0 message 0 : <f32[seq=4, batch=2]>
// CHECK:         exec.wait %[[RECEIVED]]
// CHECK:         exec.collective all_gather [tp] %[[X]]
// CHECK:         %[[SENT:.*]] = exec.send %scalars.loss to 0 message 0 : <f32[]>
// CHECK:         exec.wait %[[SENT]]
nn.func @eval(%first: !S, %w: !W {nn.kind = "parameter", nn.path = "table", pipe.copy}) -> (!F, !F) {
  %x = pipe.receive from 0 message 0 order [batch, seq] : !X
  %whole = dist.all_gather %x axis seq over [tp] : !X -> !Xw
  %part = nn.reduce sum %whole over [batch, seq] : !Xw -> !nn.tensor<f32[], sum@dp>
  %sum = dist.all_reduce sum %part over [dp] : !nn.tensor<f32[], sum@dp> -> !F
  pipe.send %sum to 0 message 0 order [] : !F
  %count = nn.map (%f = %first : !S) -> !F {
    %0 = arith.sitofp %f : i64 to f32
    nn.yield %0 : f32
  }
  pipe.sent to 0 message 0
  nn.return %sum, %count : !F, !F
}
}
}
