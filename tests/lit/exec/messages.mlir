// RUN: shardc-opt %s | shardc-opt | FileCheck %s --check-prefix=SYNTAX
// RUN: shardc-opt %s --exec-prefetch --exec-order --exec-plan-memory --exec-verify | FileCheck %s
// The first of two stages hands an activation on and takes its gradient back.

!X = !exec.buffer<f32[batch=4, embed=8]>

module attributes {exec.mesh = #exec.mesh<dp=2>} {

exec.func @double(in %x: !X, out %y: !X) {
  exec.kernel "double_y" loops [batch*embed=32: 1, 1] (%a = %x) -> (write %y) : !X, !X {
    %0 = arith.addf %a, %a : f32
    exec.yield %0 : f32
  }
}

// Bytes of a message under way are nobody else's: %y lies from its send to the wait, %d_y from its receive on.
// What is computed meanwhile lies elsewhere. Neither wait moves, though both could be later: the timetable has placed them.
//
// SYNTAX-LABEL: exec.func @step() entry {
// SYNTAX:         exec.send %{{.*}} to 1 message 0 : <f32[batch=4, embed=8]> async !exec.token
// SYNTAX:         exec.receive %{{.*}} from 1 message 0 : <f32[batch=4, embed=8]> async !exec.token
//
// CHECK-LABEL: exec.func @step() entry frame 512 {
// CHECK:         %[[X:.*]] = exec.buffer frame[0]
// CHECK:         %[[Y:.*]] = exec.buffer frame[128]
// CHECK:         exec.call @double(%[[X]], %[[Y]])
// CHECK:         %[[SENT:.*]] = exec.send %[[Y]] to 1 message 0
// CHECK:         %[[D_Y:.*]] = exec.buffer frame[256]
// CHECK:         %[[RECEIVED:.*]] = exec.receive %[[D_Y]] from 1 message 0
// CHECK:         %[[Z:.*]] = exec.buffer frame[384]
// CHECK:         exec.call @double(%[[X]], %[[Z]])
// CHECK:         exec.wait %[[SENT]]
// CHECK:         exec.wait %[[RECEIVED]]
// CHECK:         %[[U:.*]] = exec.buffer frame[128]
// CHECK:         exec.call @double(%[[X]], %[[U]])
// CHECK:         %[[D_X:.*]] = exec.buffer frame[0]
// CHECK:         exec.call @double(%[[D_Y]], %[[D_X]])
exec.func @step() entry {
  %x = exec.buffer : !X
  %y = exec.buffer : !X
  %z = exec.buffer : !X
  %d_y = exec.buffer : !X
  %u = exec.buffer : !X
  %d_x = exec.buffer : !X
  exec.kernel "step_x" loops [batch*embed=32: 1] () -> (write %x) : !X {
    %0 = arith.constant 1.0 : f32
    exec.yield %0 : f32
  }
  exec.call @double(%x, %y) : !X, !X
  %sent = exec.send %y to 1 message 0 : !X async !exec.token
  %received = exec.receive %d_y from 1 message 0 : !X async !exec.token
  exec.call @double(%x, %z) : !X, !X
  exec.wait %sent
  exec.wait %received
  exec.call @double(%x, %u) : !X, !X
  exec.call @double(%d_y, %d_x) : !X, !X
}
}
