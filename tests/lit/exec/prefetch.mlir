// RUN: shardc-opt %s --exec-prefetch --exec-order --exec-plan-memory --exec-verify | FileCheck %s
// Weights are gathered while the layer before computes; a reduction is under way while one layer computes.
!P = !exec.buffer<f32[n=16]>
!W = !exec.buffer<f32[n=32]>
!X = !exec.buffer<f32[m=8]>

module attributes {exec.mesh = #exec.mesh<dp=2>, exec.prefetch = 1 : i64} {
exec.func @gather(in %part: !P, out %whole: !W) {
  exec.collective all_gather [dp] %part -> %whole tile [n=16: 1, 1] step [0, 16] : !P, !W
}
exec.func @scatter(in %whole: !W, out %part: !P) {
  exec.collective reduce_scatter [dp] %whole -> %part tile [n=16: 1, 1] step [16, 0] : !W, !P
}
exec.func @layer(in %x: !X, in %w: !W, out %y: !X) {
  exec.kernel "layer" loops [m=8: 1, 0, 1] [n=32: 0, 1, 0] (%a = %x, %b = %w) -> (sum %y) : !X, !W, !X {
    %0 = arith.mulf %a, %b : f32
    exec.yield %0 : f32
  }
}
exec.func @layer_backward(in %d: !X, acc %g: !W) {
  exec.kernel "layer_backward" loops [m=8: 1, 0] [n=32: 0, 1] (%a = %d) -> (add %g) : !X, !W {
    exec.yield %a : f32
  }
}
exec.func @square(in %g: !P, out %s: !exec.buffer<f32[]>) {
  exec.kernel "square" loops [n=16: 1, 0] (%a = %g) -> (sum %s) : !P, !exec.buffer<f32[]> {
    %0 = arith.mulf %a, %a : f32
    exec.yield %0 : f32
  }
}

// A module gathers an activation that it is given where it needs it: before, it would only be held for longer.
// CHECK-LABEL: exec.func @module
// CHECK: exec.kernel "first"
// CHECK: exec.collective all_gather [dp] %p -> %{{.*}} : <f32[n=16]>, <f32[n=32]>{{$}}
// CHECK-NEXT: exec.kernel "second"
exec.func @module(in %x: !X, in %p: !P, out %y: !X, out %z: !X) {
  exec.kernel "first" loops [m=8: 1, 1] (%a = %x) -> (write %y) : !X, !X {
    exec.yield %a : f32
  }
  %whole = exec.buffer : !W
  exec.collective all_gather [dp] %p -> %whole tile [n=16: 1, 1] step [0, 16] : !P, !W
  exec.kernel "second" loops [m=8: 1, 0, 1] [n=32: 0, 1, 0] (%a = %x, %b = %whole) -> (sum %z) : !X, !W, !X {
    %0 = arith.mulf %a, %b : f32
    exec.yield %0 : f32
  }
}

// The first is waited for at once, each other runs while one layer does.
// CHECK-LABEL: exec.func @eval
// CHECK: exec.call @gather(%[[P0:.*]], %[[W0:.*]]) frame
// CHECK-NOT: exec.wait
// CHECK: %[[T1:.*]] = exec.call @gather(%[[P1:.*]], %[[W1:.*]]) {{.*}} async
// CHECK: exec.call @layer(%{{.*}}, %[[W0]], %{{.*}})
// CHECK: %[[T2:.*]] = exec.call @gather(%{{.*}}, %[[W2:.*]]) {{.*}} async
// CHECK-NEXT: exec.wait %[[T1]]
// CHECK: exec.call @layer(%{{.*}}, %[[W1]], %{{.*}})
// CHECK-NEXT: exec.wait %[[T2]]
// CHECK-NEXT: exec.call @layer(%{{.*}}, %[[W2]], %{{.*}})
exec.global @w.0 "parameter" : !P
exec.global @w.1 "parameter" : !P
exec.global @w.2 "parameter" : !P
exec.global @x "input" : !X
exec.global @y "out" : !X
exec.func @eval() entry {
  %p0 = exec.address @w.0 : !P
  %p1 = exec.address @w.1 : !P
  %p2 = exec.address @w.2 : !P
  %x = exec.address @x : !X
  %y = exec.address @y : !X
  %w0 = exec.buffer : !W
  exec.call @gather(%p0, %w0) : !P, !W
  %h0 = exec.buffer : !X
  exec.call @layer(%x, %w0, %h0) : !X, !W, !X
  %w1 = exec.buffer : !W
  exec.call @gather(%p1, %w1) : !P, !W
  %h1 = exec.buffer : !X
  exec.call @layer(%h0, %w1, %h1) : !X, !W, !X
  %w2 = exec.buffer : !W
  exec.call @gather(%p2, %w2) : !P, !W
  exec.call @layer(%h1, %w2, %y) : !X, !W, !X
}

// Gradients leave when they are made, not when they are read; one module's are under way while the next one's are made.
// CHECK-LABEL: exec.func @step
// CHECK: exec.call @layer_backward(%{{.*}}, %[[G2:.*]]) frame
// CHECK: %[[R2:.*]] = exec.call @scatter(%[[G2]], %{{.*}}) {{.*}} async
// CHECK: exec.call @layer_backward(%{{.*}}, %[[G1:.*]]) frame
// CHECK: %[[R1:.*]] = exec.call @scatter(%[[G1]], %{{.*}}) {{.*}} async
// CHECK-NEXT: exec.wait %[[R2]]
// CHECK: exec.call @layer_backward(%{{.*}}, %[[G0:.*]]) frame
// CHECK: exec.call @scatter(%[[G0]], %{{.*}}) frame[{{[0-9]+}}] :
// CHECK: exec.wait %[[R1]]
// CHECK: exec.call @square
exec.global @g.0 "gradient" : !P
exec.global @g.1 "gradient" : !P
exec.global @g.2 "gradient" : !P
exec.global @loss "loss" : !exec.buffer<f32[]>
exec.func @step() entry {
  %x = exec.address @x : !X
  %r0 = exec.address @g.0 : !P
  %r1 = exec.address @g.1 : !P
  %r2 = exec.address @g.2 : !P
  %loss = exec.address @loss : !exec.buffer<f32[]>
  %g0 = exec.buffer : !W
  exec.kernel "zero_0" loops [n=32: 1] () -> (write %g0) : !W {
    %0 = arith.constant 0.0 : f32
    exec.yield %0 : f32
  }
  %g1 = exec.buffer : !W
  exec.kernel "zero_1" loops [n=32: 1] () -> (write %g1) : !W {
    %0 = arith.constant 0.0 : f32
    exec.yield %0 : f32
  }
  %g2 = exec.buffer : !W
  exec.kernel "zero_2" loops [n=32: 1] () -> (write %g2) : !W {
    %0 = arith.constant 0.0 : f32
    exec.yield %0 : f32
  }
  exec.call @layer_backward(%x, %g2) : !X, !W
  exec.call @layer_backward(%x, %g1) : !X, !W
  exec.call @layer_backward(%x, %g0) : !X, !W
  exec.call @scatter(%g2, %r2) : !W, !P
  exec.call @scatter(%g1, %r1) : !W, !P
  exec.call @scatter(%g0, %r0) : !W, !P
  exec.call @square(%r2, %loss) : !P, !exec.buffer<f32[]>
}
}
