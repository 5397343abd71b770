// How far gathers of weights go: to the calls of a step's modules; not out of what runs once for each micro-batch.
//
// DEFINE: %{gather} =
// DEFINE: %{simplify} = sed 's/GATHER/%{gather}/' %s | shardc-opt --dist-simplify
// RUN: %{simplify} | FileCheck %s --check-prefixes=CHECK,BLOCK
// REDEFINE: %{gather} = , gather = module
// RUN: %{simplify} | FileCheck %s --check-prefixes=CHECK,MODULE

// What the layer is handed; a name with a 1 is at rest.
// CHECK-DAG: !mlp = !nn.bundle<mlp, up: f32[embed_out=8, embed=8]>
// CHECK-DAG: !mlp1 = !nn.bundle<mlp, up: f32[embed_out=8@dp, embed=8]>
// CHECK-DAG: !norm = !nn.bundle<norm, weight: f32[embed=8]>
// BLOCK:     !block = !nn.bundle<block, norm: !norm, mlp: !outer>
// MODULE:    !block = !nn.bundle<block, norm: !norm, mlp: !outer1>

!x = !nn.tensor<f32[batch=4@dp, embed=8]>
!y = !nn.tensor<f32[batch=4@dp, embed_out=8]>
!n = !nn.tensor<f32[embed=8]>
!n_rest = !nn.tensor<f32[embed=8@dp]>
!w = !nn.tensor<f32[embed_out=8, embed=8]>
!w_rest = !nn.tensor<f32[embed_out=8@dp, embed=8]>
!norm = !nn.bundle<norm, weight: f32[embed=8@dp]>
!mlp = !nn.bundle<mlp, up: f32[embed_out=8@dp, embed=8]>
!outer = !nn.bundle<outer, inner: !nn.bundle<mlp, up: f32[embed_out=8@dp, embed=8]>>
!block = !nn.bundle<block, norm: !nn.bundle<norm, weight: f32[embed=8@dp]>, mlp: !nn.bundle<outer, inner: !nn.bundle<mlp, up: f32[embed_out=8@dp, embed=8]>>>

module attributes {dist.plan = #dist.plan<mesh = [dp = 2], rules = [[batch@dp]], parameter = [[*@dp]]GATHER>} {
  // Used in the module: gathered by whoever calls it.
  // CHECK-LABEL: nn.func @norm(
  // CHECK-NOT:     dist.reshard
  nn.func @norm(%x: !x, %weights: !norm {nn.kind = "parameter"}) -> !x {
    %weight = nn.unpack %weights : !norm
    %whole = dist.reshard %weight : !n_rest -> !n
    %y = nn.map (%a = %x : <f32[batch=4@dp, embed=8]>, %b = %whole : <f32[embed=8]>) -> <f32[batch=4@dp, embed=8]> {
      %0 = arith.mulf %a, %b : f32
      nn.yield %0 : f32
    }
    nn.return %y : !x
  }
  // CHECK-LABEL: nn.func @mlp(
  // CHECK-NOT:     dist.reshard
  nn.func @mlp(%x: !x, %weights: !mlp {nn.kind = "parameter"}) -> !x {
    %up = nn.unpack %weights : !mlp
    %whole = dist.reshard %up : !w_rest -> !w
    %y = nn.contract %x, %whole over [embed] : !x, !w -> !y
    %z = nn.rename %y [embed_out -> embed] : !y -> !x
    nn.return %z : !x
  }
  // A module of modules: its weights are gathered for it.
  // CHECK-LABEL: nn.func @outer(
  // CHECK-NOT:     dist.reshard
  nn.func @outer(%x: !x, %weights: !outer {nn.kind = "parameter"}) -> !x {
    %inner = nn.unpack %weights : !outer
    %y = nn.call @mlp(%x, %inner) : (!x, !mlp) -> !x
    nn.return %y : !x
  }
  // All together, or for each module; what has one axis goes with the layer.
  // CHECK-LABEL: nn.func @block(
  // BLOCK-NOT:     dist.reshard
  // CHECK:         nn.call @norm(
  // MODULE-NEXT:   %[[MLP:.*]] = dist.reshard %mlp : !outer1 -> !outer
  // MODULE-NEXT:   nn.call @outer(%{{.*}}, %[[MLP]])
  // BLOCK:         nn.call @outer(%{{.*}}, %mlp)
  nn.func @block(%x: !x, %weights: !block {nn.kind = "parameter"}) -> !x {
    %norm, %mlp = nn.unpack %weights : !block
    %y = nn.call @norm(%x, %norm) : (!x, !norm) -> !x
    %z = nn.call @outer(%y, %mlp) : (!x, !outer) -> !x
    nn.return %z : !x
  }
  // CHECK-LABEL: nn.func @micro(
  // CHECK:         %[[B:.*]] = dist.reshard %block : !block1 -> !block
  // CHECK-NEXT:    nn.call @block(%x, %[[B]])
  // CHECK-NEXT:    %[[H:.*]] = dist.reshard %head
  // CHECK-NEXT:    nn.call @mlp(%{{.*}}, %[[H]])
  nn.func @micro(%x: !x, %block: !block {nn.kind = "parameter"}, %head: !mlp {nn.kind = "parameter"}) -> !x {
    %y = nn.call @block(%x, %block) : (!x, !block) -> !x
    %z = nn.call @mlp(%y, %head) : (!x, !mlp) -> !x
    nn.return %z : !x
  }
  // CHECK-LABEL: nn.func @step(
  // CHECK-NOT:     dist.reshard
  nn.func @step(%x: !x, %block: !block {nn.kind = "parameter"}, %head: !mlp {nn.kind = "parameter"}) -> !x {
    %y = nn.loop 2 (%i, %a = %x) : (!x) {
      %b = nn.call @micro(%a, %block, %head) : (!x, !block, !mlp) -> !x
      nn.yield %b : !x
    }
    nn.return %y : !x
  }

  // Nor out of what a pipeline's timetable runs, if it is called once, and not even what it uses itself.
  // CHECK-LABEL: nn.func @task(
  // CHECK-NEXT:    %[[W:.*]] = dist.reshard %w
  // CHECK-NEXT:    nn.call @mlp(%x, %[[W]])
  // CHECK-NEXT:    dist.reshard %n
  nn.func @task(%x: !x, %w: !mlp {nn.kind = "parameter"}, %n: !n_rest {nn.kind = "parameter"}) -> !x attributes {pipe.task} {
    %y = nn.call @mlp(%x, %w) : (!x, !mlp) -> !x
    %whole = dist.reshard %n : !n_rest -> !n
    %z = nn.map (%a = %y : <f32[batch=4@dp, embed=8]>, %b = %whole : <f32[embed=8]>) -> <f32[batch=4@dp, embed=8]> {
      %0 = arith.mulf %a, %b : f32
      nn.yield %0 : f32
    }
    nn.return %z : !x
  }
  // CHECK-LABEL: nn.func @timetable(
  // CHECK-NOT:     dist.reshard
  nn.func @timetable(%x: !x, %w: !mlp {nn.kind = "parameter"}, %n: !n_rest {nn.kind = "parameter"}) -> !x {
    %y = nn.call @task(%x, %w, %n) : (!x, !mlp, !n_rest) -> !x
    nn.return %y : !x
  }
}
