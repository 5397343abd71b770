// RUN: shardc-opt --nn-outline %s | FileCheck %s

// Between layers: @middle. A key that only it reads moves into it, parameters of its own make a bundle, and a
// bundle that is handed on whole is packed inside.
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
// CHECK-LABEL: nn.func @middle(%b: {{.*}}, %weights: !middle {nn.kind = "parameter"}, %key: !nn.key)
// CHECK-NEXT:    %weight = nn.unpack %weights : !middle
// CHECK-NEXT:    %[[KEY:.*]] = nn.child_key %key site 5
// CHECK-NEXT:    %d = nn.dropout %b random %[[KEY]]
// CHECK-NEXT:    %[[OWN:.*]] = nn.pack(%weight) : !scale
// CHECK-NEXT:    %c = nn.call @scale(%d, %[[OWN]])
// CHECK-NEXT:    nn.return %c
// CHECK-LABEL: nn.func @main(%x: {{.*}}, %middle: !middle {nn.kind = "parameter", nn.part = "middle", nn.path = ""}, %h.0:
// CHECK-NEXT:    %b = nn.call @scale(%x, %h.0)
// CHECK-NEXT:    %c = nn.call @middle(%b, %middle, %key)
// CHECK-NEXT:    %y = nn.call @scale(%c, %h.1)
// CHECK-NEXT:    nn.return %y
nn.func @main(%x: !x, %weights: !scale {nn.kind = "parameter", nn.path = ""}, %h.0: !scale {nn.kind = "parameter", nn.path = "h.0"},
              %h.1: !scale {nn.kind = "parameter", nn.path = "h.1"}, %key: !nn.key) -> !x {
  %b = nn.call @scale(%x, %h.0) : (!x, !scale) -> !x loc("b")
  %k = nn.child_key %key site 5
  %d = nn.dropout %b random %k {p = 0.5 : f64, site = 0 : i32} : !x -> !x loc("d")
  %c = nn.call @scale(%d, %weights) : (!x, !scale) -> !x loc("c")
  %y = nn.call @scale(%c, %h.1) : (!x, !scale) -> !x loc("y")
  nn.return %y : !x
}
