// RUN: shardc-opt %s --exec-last-microbatch | FileCheck %s
// RUN: shardc-opt %s --exec-last-microbatch --exec-prefetch --exec-order --exec-plan-memory --exec-verify | FileCheck %s --check-prefix=PREFETCH
// Gradients are reduced once for all micro-batches: while the last one's backward goes on.
!W = !exec.buffer<f32[n=32]>
!I = !exec.buffer<i64[]>

module attributes {exec.mesh = #exec.mesh<dp=2>} {
exec.global @g.0 "gradient" : !W
exec.global @g.1 "gradient" : !W
exec.func @sum(inout %g: !W) {
  exec.collective all_reduce [dp] %g -> %g tile [n=32: 1, 1] step [0, 0] : !W, !W
}
exec.func @backward(in %i: !I, acc %g: !W) {
  exec.kernel "contribution" loops [n=32: 0, 1] (%a = %i) -> (add %g) : !I, !W {
    %0 = arith.sitofp %a : i64 to f32
    exec.yield %0 : f32
  }
}
exec.func @micro(in %i: !I, acc %g0: !W, acc %g1: !W) {
  exec.call @backward(%i, %g1) : !I, !W
  exec.call @backward(%i, %g0) : !I, !W
}

// CHECK-LABEL: exec.func @step
// CHECK: exec.loop 2 (%[[I:.*]]) {
// CHECK-NEXT: exec.call @micro(%[[I]], %[[G0:.*]], %[[G1:.*]])
// CHECK-NEXT: }
// CHECK-NEXT: %[[LAST:.*]] = exec.buffer
// CHECK-NEXT: exec.kernel "last_microbatch" {{.*}} (write %[[LAST]])
// CHECK-NEXT: %[[TWO:.*]] = arith.constant 2 : i64
// CHECK: exec.call @backward(%[[LAST]], %[[G1]])
// CHECK-NEXT: exec.call @backward(%[[LAST]], %[[G0]])
// CHECK-NEXT: exec.call @sum(%[[G1]])
// CHECK-NEXT: exec.call @sum(%[[G0]])
// One all-reduce for each gradient, whatever the number of micro-batches; the first while the second is made.
// PREFETCH-LABEL: exec.func @step
// PREFETCH: exec.loop 2
// PREFETCH: exec.call @backward(%{{.*}}, %[[G1:.*]]) frame
// PREFETCH-NEXT: %[[T:.*]] = exec.call @sum(%[[G1]]) {{.*}} async
// PREFETCH-NEXT: exec.call @backward(%{{.*}}, %[[G0:.*]]) frame
// PREFETCH-NEXT: exec.call @sum(%[[G0]])
// PREFETCH: exec.wait %[[T]]
// PREFETCH-NOT: exec.call @sum
exec.func @step() entry {
  %g0 = exec.address @g.0 : !W
  %g1 = exec.address @g.1 : !W
  exec.kernel "zero_0" loops [n=32: 1] () -> (write %g0) : !W {
    %0 = arith.constant 0.0 : f32
    exec.yield %0 : f32
  }
  exec.kernel "zero_1" loops [n=32: 1] () -> (write %g1) : !W {
    %0 = arith.constant 0.0 : f32
    exec.yield %0 : f32
  }
  exec.loop 3 (%i) {
    exec.call @micro(%i, %g0, %g1) : !I, !W, !W
  }
  exec.call @sum(%g1) : !W
  exec.call @sum(%g0) : !W
}
}
