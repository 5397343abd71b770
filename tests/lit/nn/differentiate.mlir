// RUN: shardc-opt --nn-differentiate --split-input-file %s | FileCheck %s

// Compositions: what is kept, how accumulators pass through calls, what is pruned.

// A function whose backward needs nothing kept is its own forward; main keeps what the calls' arguments were.
!x = !nn.tensor<f32[seq=4, embed=8]>
!w = !nn.tensor<f32[embed=8]>
!scale = !nn.bundle<scale, weight: f32[embed=8]>
nn.func @scale(%x: !x, %weights: !scale {nn.kind = "parameter"}) -> !x {
  %w = nn.unpack %weights : !scale
  %y = nn.map (%a = %x : !x, %b = %w : !w) -> !x {
    %0 = arith.mulf %a, %b : f32
    nn.yield %0 : f32
  } loc("y")
  nn.return %y : !x
}
nn.func @main(%x: !x, %h.0: !scale {nn.kind = "parameter"}, %h.1: !scale {nn.kind = "parameter"}) -> !x {
  %a = nn.call @scale(%x, %h.0) : (!x, !scale) -> !x loc("a")
  %b = nn.call @scale(%a, %h.1) : (!x, !scale) -> !x loc("b")
  nn.return %b : !x
}

// CHECK-LABEL: nn.func @scale_backward(%x:{{.*}}, %weights:{{.*}}, %d_y:{{.*}}, %gradients:
// CHECK-NEXT:   %weight = nn.unpack %gradients
// CHECK-NEXT:   %weight_0 = nn.unpack %weights
// CHECK-NEXT:   %d_x, %d_weight = nn.map (%a = %x : <f32[seq=4, embed=8]>, %b = %weight_0 : <f32[embed=8]>, %d_y_4 = %d_y : <f32[seq=4, embed=8]>) -> <f32[seq=4, embed=8]>, <f32[seq=4, embed=8]> {
// CHECK-NEXT:   %0 = arith.mulf %d_y_4, %b : f32
// CHECK-NEXT:   %1 = arith.mulf %d_y_4, %a : f32
// CHECK-NEXT:   nn.yield %0, %1 : f32, f32
// CHECK-NEXT:   }
// CHECK-NEXT:   %d_weight_1 = nn.reduce sum %d_weight over [seq]
// CHECK-NEXT:   %d_weight_2 = nn.map (%a = %weight : <f32[embed=8]>, %b = %d_weight_1 : <f32[embed=8]>) -> <f32[embed=8]> {
// CHECK-NEXT:   %0 = arith.addf %a, %b : f32
// CHECK-NEXT:   nn.yield %0 : f32
// CHECK-NEXT:   }
// CHECK-NEXT:   %gradients_3 = nn.pack(%d_weight_2)
// CHECK-NEXT:   nn.return %d_x, %gradients_3
// CHECK-NEXT:   }
// CHECK-LABEL: nn.func @main_forward(%x:{{.*}}, %h.0:{{.*}}, %h.1:
// CHECK-NEXT:   %a = nn.call @scale(%x, %h.0)
// CHECK-NEXT:   %b = nn.call @scale(%a, %h.1)
// CHECK-NEXT:   %saved = nn.pack(%a)
// CHECK-NEXT:   nn.return %b, %saved
// CHECK-NEXT:   }
// CHECK-LABEL: nn.func @main_backward(%x:{{.*}}, %h.0:{{.*}}, %h.1:{{.*}}, %saved:{{.*}}, %d_b:{{.*}}, %h.0_gradients:{{.*}}, %h.1_gradients:
// CHECK-NEXT:   %a = nn.unpack %saved
// CHECK-NEXT:   %d_a, %h.1_gradients_0 = nn.call @scale_backward(%a, %h.1, %d_b, %h.1_gradients)
// CHECK-NEXT:   %d_x, %h.0_gradients_1 = nn.call @scale_backward(%x, %h.0, %d_a, %h.0_gradients)
// CHECK-NEXT:   nn.return %h.0_gradients_1, %h.1_gradients_0
// CHECK-NEXT:   }

// -----
// A tied weight that is packed twice lends its accumulator once; its second contribution is added after.
!x = !nn.tensor<f32[seq=4, embed=8]>
!w = !nn.tensor<f32[embed=8]>
!two = !nn.bundle<two, a: f32[embed=8], b: f32[embed=8]>
!own = !nn.bundle<own, w: f32[embed=8]>
nn.func @two(%x: !x, %weights: !two {nn.kind = "parameter"}) -> !x {
  %u, %v = nn.unpack %weights : !two
  %y = nn.map (%a = %x : !x, %b = %u : !w, %c = %v : !w) -> !x {
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %0, %c : f32
    nn.yield %1 : f32
  } loc("y")
  nn.return %y : !x
}
nn.func @main(%x: !x, %weights: !own {nn.kind = "parameter"}) -> !x {
  %w = nn.unpack %weights : !own
  %p = nn.pack(%w, %w) : !two loc("p")
  %y = nn.call @two(%x, %p) : (!x, !two) -> !x loc("y")
  nn.return %y : !x
}

// CHECK-LABEL: nn.func @two_backward(%x:{{.*}}, %d_y:{{.*}}, %gradients:
// CHECK-NEXT:   %a, %b = nn.unpack %gradients
// CHECK-NEXT:   %d_a = nn.map (%a_4 = %x : <f32[seq=4, embed=8]>, %d_y_5 = %d_y : <f32[seq=4, embed=8]>) -> <f32[seq=4, embed=8]> {
// CHECK-NEXT:   %0 = arith.mulf %d_y_5, %a_4 : f32
// CHECK-NEXT:   nn.yield %0 : f32
// CHECK-NEXT:   }
// CHECK-NEXT:   %d_a_0 = nn.reduce sum %d_a over [seq]
// CHECK-NEXT:   %d_b = nn.reduce sum %d_y over [seq]
// CHECK-NEXT:   %d_a_1 = nn.map (%a_4 = %a : <f32[embed=8]>, %b_5 = %d_a_0 : <f32[embed=8]>) -> <f32[embed=8]> {
// CHECK-NEXT:   %0 = arith.addf %a_4, %b_5 : f32
// CHECK-NEXT:   nn.yield %0 : f32
// CHECK-NEXT:   }
// CHECK-NEXT:   %d_b_2 = nn.map (%a_4 = %b : <f32[embed=8]>, %b_5 = %d_b : <f32[embed=8]>) -> <f32[embed=8]> {
// CHECK-NEXT:   %0 = arith.addf %a_4, %b_5 : f32
// CHECK-NEXT:   nn.yield %0 : f32
// CHECK-NEXT:   }
// CHECK-NEXT:   %gradients_3 = nn.pack(%d_a_1, %d_b_2)
// CHECK-NEXT:   nn.return %gradients_3
// CHECK-NEXT:   }
// CHECK-LABEL: nn.func @main_backward(%x:{{.*}}, %d_y:{{.*}}, %gradients:
// CHECK-NEXT:   %w = nn.unpack %gradients
// CHECK-NEXT:   %zero = nn.map () -> <f32[embed=8]> {
// CHECK-NEXT:   %cst = arith.constant 0.000000e+00 : f32
// CHECK-NEXT:   nn.yield %cst : f32
// CHECK-NEXT:   }
// CHECK-NEXT:   %p_gradients = nn.pack(%w, %zero)
// CHECK-NEXT:   %p_gradients_0 = nn.call @two_backward(%x, %d_y, %p_gradients)
// CHECK-NEXT:   %a, %b = nn.unpack %p_gradients_0
// CHECK-NEXT:   %d_w = nn.map (%a_2 = %a : <f32[embed=8]>, %b_3 = %b : <f32[embed=8]>) -> <f32[embed=8]> {
// CHECK-NEXT:   %0 = arith.addf %a_2, %b_3 : f32
// CHECK-NEXT:   nn.yield %0 : f32
// CHECK-NEXT:   }
// CHECK-NEXT:   %gradients_1 = nn.pack(%d_w)
// CHECK-NEXT:   nn.return %gradients_1
// CHECK-NEXT:   }

// -----
// A value used by several ops sums its gradients; integers and results that the loss ignores have none.
!x = !nn.tensor<f32[seq=4]>
!i = !nn.tensor<i32[seq=4]>
nn.func @f(%x: !x, %i: !i) -> (!x, !i, !x) {
  %y = nn.map (%a = %x : !x) -> !x {
    %0 = math.exp %a : f32
    nn.yield %0 : f32
  } loc("y")
  %unused = nn.map (%a = %x : !x) -> !x {
    %0 = math.sin %a : f32
    nn.yield %0 : f32
  } loc("unused")
  nn.return %y, %i, %unused : !x, !i, !x
}
nn.func @main(%x: !x {nn.kind = "parameter"}, %i: !i) -> !x {
  %y, %j, %u = nn.call @f(%x, %i) : (!x, !i) -> (!x, !i, !x) loc("y")
  %z = nn.map (%a = %x : !x, %b = %y : !x) -> !x {
    %0 = arith.addf %a, %b : f32
    nn.yield %0 : f32
  } loc("z")
  nn.return %z : !x
}

// CHECK-LABEL: nn.func @f_backward(%x:{{.*}}, %d_y:
// CHECK-NEXT:   %d_x = nn.map (%a = %x : <f32[seq=4]>, %d_y_0 = %d_y : <f32[seq=4]>) -> <f32[seq=4]> {
// CHECK-NEXT:   %0 = math.exp %a : f32
// CHECK-NEXT:   %1 = arith.mulf %d_y_0, %0 : f32
// CHECK-NEXT:   nn.yield %1 : f32
// CHECK-NEXT:   }
// CHECK-NEXT:   nn.return %d_x
// CHECK-NEXT:   }
// CHECK-LABEL: nn.func @main_backward(%x:{{.*}}, %d_z:
// CHECK-NEXT:   %d_x = nn.call @f_backward(%x, %d_z)
// CHECK-NEXT:   %d_x_0 = nn.map (%a = %d_z : <f32[seq=4]>, %b = %d_x : <f32[seq=4]>) -> <f32[seq=4]> {
// CHECK-NEXT:   %0 = arith.addf %a, %b : f32
// CHECK-NEXT:   nn.yield %0 : f32
// CHECK-NEXT:   }
// CHECK-NEXT:   nn.return %d_x_0
// CHECK-NEXT:   }

// -----
// The gradient of a parameter that is returned as it is.
nn.func @main(%x: !nn.tensor<f32[seq=4]> {nn.kind = "parameter"}) -> !nn.tensor<f32[seq=4]> {
  nn.return %x : !nn.tensor<f32[seq=4]>
}
// CHECK-LABEL: nn.func @main_backward(%d_x: !nn.tensor<f32[seq=4]>)
// CHECK-NEXT:   nn.return %d_x
