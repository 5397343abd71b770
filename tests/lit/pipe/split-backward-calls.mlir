// RUN: shardc-opt --pipe-split-backward --split-input-file --verify-diagnostics %s | FileCheck %s

// @scale's gradient of its input reaches no input of @f: there it is no half, and the call stays whole. @micro calls it
// too, and there it is split.
!x = !nn.tensor<f32[batch=2, embed=8]>
!w = !nn.tensor<f32[embed=8]>
!g = !nn.bundle<g, w: f32[embed=8]>
module attributes {pipe.schedule = {axis = "pp", schedule = "zero_bubble", chunks_per_stage = 1}} {
  nn.func @scale_backward(%x: !x, %weights: !g {nn.kind = "parameter"}, %d_y: !x, %gradients: !g {nn.kind = "gradient"}) -> (!x, !g {nn.kind = "gradient"}) {
    %w = nn.unpack %weights : !g
    %g = nn.unpack %gradients : !g
    %d_x = nn.map (%a = %d_y : !x, %b = %w : !w) -> !x {
      %0 = arith.mulf %a, %b : f32
      nn.yield %0 : f32
    } loc("d_x")
    %d_w = nn.contract %d_y, %x over [batch] : !x, !x -> !w loc("d_w")
    %sum = nn.map (%a = %g : !w, %b = %d_w : !w) -> !w {
      %0 = arith.addf %a, %b : f32
      nn.yield %0 : f32
    } loc("sum")
    %all = nn.pack(%sum) : !g
    nn.return %d_x, %all : !x, !g
  }
  nn.func @f_backward(%x: !x, %weights: !g {nn.kind = "parameter"}, %d_y: !x, %gradients: !g {nn.kind = "gradient"}) -> (!g {nn.kind = "gradient"}, !x) {
    %d_z, %all = nn.call @scale_backward(%x, %weights, %d_y, %gradients) : (!x, !g, !x, !g) -> (!x, !g) loc("all")
    %twice = nn.map (%a = %d_y : !x) -> !x {
      %0 = arith.addf %a, %a : f32
      nn.yield %0 : f32
    } loc("twice")
    nn.return %all, %twice : !g, !x
  }
  nn.func @micro(%x: !x, %a: !g {nn.kind = "parameter"}, %b: !g {nn.kind = "parameter"}, %d_a: !g {nn.kind = "gradient"}, %d_b: !g {nn.kind = "gradient"}) -> (!g {nn.kind = "gradient"}, !g {nn.kind = "gradient"}) {
    %sum_b, %d_y = nn.call @f_backward(%x, %b, %x, %d_b) : (!x, !g, !x, !g) -> (!g, !x)
    %d_x, %sum_a = nn.call @scale_backward(%x, %a, %d_y, %d_a) : (!x, !g, !x, !g) -> (!x, !g)
    nn.return %sum_a, %sum_b : !g, !g
  }
}
// CHECK-LABEL: nn.func @scale_backward(
// CHECK-LABEL: nn.func @scale_backward_input(%weights: {{.*}}, %d_y: !nn.tensor<f32[batch=2, embed=8]>) -> !nn.tensor<f32[batch=2, embed=8]> {
// CHECK-NOT: nn.contract
// CHECK-LABEL: nn.func @scale_backward_weights(%x: {{.*}}, %d_y: {{.*}}, %gradients: !g {nn.kind = "gradient"}) -> (!g {nn.kind = "gradient"}) {
// CHECK: nn.contract
// CHECK-LABEL: nn.func @f_backward_input(%d_y: !nn.tensor<f32[batch=2, embed=8]>) -> !nn.tensor<f32[batch=2, embed=8]> {
// CHECK-NOT: nn.call
// CHECK-LABEL: nn.func @f_backward_weights(%x: {{.*}}, %weights: {{.*}}, %d_y: {{.*}}, %gradients: !g {nn.kind = "gradient"}) -> (!g {nn.kind = "gradient"}) {
// CHECK: nn.call @scale_backward(
// CHECK-NOT: nn.func @f_backward(
// CHECK-LABEL: nn.func @micro(
// CHECK: %[[D_Y:.*]] = nn.call @f_backward_input(%x)
// CHECK-NEXT: nn.call @f_backward_weights(%x, %b, %x, %d_b)
// CHECK-NEXT: nn.call @scale_backward_input(%a, %[[D_Y]])
// CHECK-NEXT: nn.call @scale_backward_weights(%x, %[[D_Y]], %d_a)

// -----

!x = !nn.tensor<f32[embed=8]>
!g = !nn.bundle<g, w: f32[embed=8]>
module attributes {pipe.schedule = {axis = "pp", schedule = "zero_bubble", chunks_per_stage = 1}} {
  nn.func @f_backward(%d_y: !x, %gradients: !g {nn.kind = "gradient"}) -> (!x, !g {nn.kind = "gradient"}) {
    // expected-error @+1 {{the gradient of an input of @f_backward depends on those of weights: it can't be split}}
    %g = nn.unpack %gradients : !g
    nn.return %g, %gradients : !x, !g
  }
  nn.func @micro(%x: !x, %gradients: !g {nn.kind = "gradient"}) -> (!g {nn.kind = "gradient"}) {
    %d_x, %sum = nn.call @f_backward(%x, %gradients) : (!x, !g) -> (!x, !g)
    nn.return %sum : !g
  }
}
