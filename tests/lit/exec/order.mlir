// RUN: shardc-opt %s --exec-order | FileCheck %s
// Lives begin at their first use; a pointer that nothing uses is gone; what computes keeps its order.

!X = !exec.buffer<f32[seq=4]>
module {
// CHECK-LABEL: exec.func @chain
// CHECK-NEXT: %[[A:.*]] = exec.buffer
// CHECK-NEXT: exec.copy %x -> %[[A]]
// CHECK-NEXT: %[[B:.*]] = exec.buffer
// CHECK-NEXT: exec.copy %[[A]] -> %[[B]]
// CHECK-NEXT: exec.copy %[[B]] -> %y
// CHECK-NEXT: }
exec.func @chain(in %x: !X, out %y: !X) {
  %unused = exec.buffer : !X
  %b = exec.buffer : !X
  %a = exec.buffer : !X
  exec.copy %x -> %a loops [seq=4: 1, 1] : !X, !X
  exec.copy %a -> %b loops [seq=4: 1, 1] : !X, !X
  exec.copy %b -> %y loops [seq=4: 1, 1] : !X, !X
}

// A buffer that outlives the trips of a loop begins before it.
// CHECK-LABEL: exec.func @around
// CHECK: exec.kernel
// CHECK-NEXT: arith.constant
// CHECK-NEXT: exec.yield
// CHECK-NEXT: }
// CHECK-NEXT: %[[SUM:.*]] = exec.buffer
// CHECK-NEXT: exec.loop 2
// CHECK-NEXT: exec.copy %x -> %[[SUM]]
exec.func @around(in %x: !X, out %y: !X) {
  %sum = exec.buffer : !X
  exec.kernel "zero" loops [seq=4: 1] () -> (write %y) : !X {
    %0 = arith.constant 0.0 : f32
    exec.yield %0 : f32
  }
  exec.loop 2 (%i) {
    exec.copy %x -> %sum loops [seq=4: 1, 1] : !X, !X
  }
  exec.copy %sum -> %y loops [seq=4: 1, 1] : !X, !X
}
}
