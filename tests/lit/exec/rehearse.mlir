// RUN: shardc-opt %s --exec-rehearse | FileCheck %s
// A stage whose layers compute and, in one of them, meet the other ranks of the stage.

!X = !exec.buffer<f32[batch=4, embed=8]>
!Y = !exec.buffer<f32[batch=4, out=8]>
!W = !exec.buffer<f32[embed=8, out=8]>

module attributes {exec.mesh = #exec.mesh<tp=2>} {

// Nothing but work, which takes as long as moving its bytes, 8 operations each: 64 elements, and 32 + 64 + 32 of the product.
// CHECK-NOT: exec.func @local
exec.func @local(in %x: !X, in %w: !W, out %y: !Y) frame 128 {
  %h = exec.buffer frame[0] : !X
  exec.kernel "double" loops [batch*embed=32: 1, 1] (%a = %x) -> (write %h) : !X, !X {
    %0 = arith.addf %a, %a : f32
    exec.yield %0 : f32
  }
  exec.gemm %h, %w -> %y m [batch=4: 8, 0, 8] n [out=8: 0, 1, 1] k [embed=8: 1, 8, 0] beta 0
    : !X, !W, !Y
}

// CHECK-LABEL: exec.func @shared(
// CHECK-NEXT:    exec.pause 2.048000e+03
// CHECK-NEXT:    exec.collective all_reduce [tp] %x -> %y
// CHECK-NEXT:    exec.pause 2.048000e+03
// CHECK-NEXT:  }
exec.func @shared(inout %x: !X, out %y: !X) frame 0 {
  exec.kernel "again" loops [batch*embed=32: 1, 1] (%a = %x) -> (write %x) : !X, !X {
    %0 = arith.addf %a, %a : f32
    exec.yield %0 : f32
  }
  exec.collective all_reduce [tp] %x -> %y tile [batch*embed=32: 1, 1] step [0, 0] : !X, !X
  exec.copy %y -> %x loops [batch*embed=32: 1, 1] : !X, !X
}

exec.global @w "parameter" arena[0] : !W

// Pauses are one up to the next message, task or call; a loop of pauses is one. What they no longer need is gone.
// CHECK-LABEL: exec.func @step() entry
// CHECK-NEXT:    pipe.begin forward of microbatch 0 chunk 0 {exec.cost = 3.481600e+04 : f64}
// CHECK-NEXT:    %[[X:.*]] = exec.buffer frame[0]
// CHECK-NEXT:    %[[Y:.*]] = exec.buffer frame[128]
// CHECK-NEXT:    exec.pause 3.072000e+04
// CHECK-NEXT:    exec.call @shared(%[[X]], %[[Y]])
// CHECK-NEXT:    %[[SENT:.*]] = exec.send %[[Y]] to 1 message 0
// CHECK-NEXT:    pipe.begin update {exec.cost = 6.144000e+03 : f64}
// CHECK-NEXT:    exec.pause 6.144000e+03
// CHECK-NEXT:    exec.wait %[[SENT]]
// CHECK-NEXT:  }
exec.func @step() entry frame 512 {
  %w = exec.address @w : !W
  pipe.begin forward of microbatch 0 chunk 0
  %x = exec.buffer frame[0] : !X
  %y = exec.buffer frame[128] : !X
  %z = exec.buffer frame[256] : !Y
  exec.call @local(%x, %w, %z) frame[384] : !X, !W, !Y
  exec.loop 4 (%i) {
    exec.call @local(%x, %w, %z) frame[384] : !X, !W, !Y
  }
  exec.call @shared(%x, %y) : !X, !X
  %sent = exec.send %y to 1 message 0 : !X async !exec.token
  pipe.begin update
  exec.call @local(%x, %w, %z) frame[384] : !X, !W, !Y
  exec.wait %sent
}
}
