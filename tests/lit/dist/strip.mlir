// strip(place(p)) = p, byte for byte, at each point of the level and under plans that clone, mask and hoist.
//
// DEFINE: %{plan} =
// DEFINE: %{global} = sed 's/PLAN/#dist.plan<%{plan}>/' %S/swiglu.mlir | shardc-opt --canonicalize --cse
// DEFINE: %{check} = %{global} -o %t.global && \
// DEFINE:   shardc-opt %t.global --dist-place --dist-strip | diff %t.global - && \
// DEFINE:   shardc-opt %t.global --dist-place --dist-simplify --dist-strip | diff %t.global - && \
// DEFINE:   shardc-opt %t.global --dist-place --dist-simplify --dist-lower-reshard --dist-verify --dist-strip | diff %t.global - && \
// DEFINE:   shardc-opt %t.global --dist-place --dist-lower-reshard --dist-verify --dist-strip | diff %t.global -

// REDEFINE: %{plan} = mesh = [dp = 2], rules = [[batch@dp]]
// RUN: %{check}
// REDEFINE: %{plan} = mesh = [tp = 2], rules = [[mlp@tp]]
// RUN: %{check}
// REDEFINE: %{plan} = mesh = [dp = 2, tp = 2], rules = [[batch@dp], [mlp@tp], [seq@tp]]
// RUN: %{check}
// REDEFINE: %{plan} = mesh = [tp = 3], rules = [[mlp@tp], [embed@tp]]
// RUN: %{check}
// REDEFINE: %{plan} = mesh = [replica = 2, shard = 2], rules = [[batch@replica@shard]], parameter = [[embed@shard]], gradient = [[embed@shard]], optimizer_state = [[embed@shard]]
// RUN: %{check}
// REDEFINE: %{plan} = mesh = [dp = 2, tp = 2], rules = [[batch@dp], [mlp@tp], [seq@tp]], parameter = [[embed@dp]], gradient = [[embed@dp]], optimizer_state = [[embed@dp]]
// RUN: %{check}

// REDEFINE: %{plan} = mesh = [dp = 2], rules = [[batch@dp]], gradient = [[*@dp]], optimizer_state = [[*@dp]], reduce_gradients = last
// RUN: %{check}
// REDEFINE: %{plan} = mesh = [dp = 2, tp = 2], rules = [[batch@dp], [mlp@tp], [seq@tp]], parameter = [[*@dp]], gradient = [[*@dp]], optimizer_state = [[*@dp]], keep_gathered
// RUN: %{check}

// A movement, a copy of a source and a function that moves a bundle are gone.
// RUN: shardc-opt %s --dist-strip | FileCheck %s
// CHECK-NOT: dist.
// CHECK-NOT: @norm_reshard
module {
  // CHECK-LABEL: nn.func @f
  // CHECK-SAME:    %x: !nn.tensor<f32[seq=8]>
  // CHECK-NEXT:    %[[P:.*]] = nn.iota : <i32[seq=8]>
  // CHECK-NEXT:    nn.return %x, %[[P]], %[[P]], %w
  nn.func @f(%x: !nn.tensor<f32[seq=8@tp]>, %w: !nn.bundle<norm, weight: f32[embed=8@dp]>) -> (!nn.tensor<f32[seq=8]>, !nn.tensor<i32[seq=8]>, !nn.tensor<i32[seq=8@tp]>, !nn.bundle<norm, weight: f32[embed=8]>) {
    %p = nn.iota : <i32[seq=8]> loc("p")
    %q = nn.iota : <i32[seq=8@tp]> loc("p")
    %y = dist.all_gather %x axis seq over [tp] : <f32[seq=8@tp]> -> <f32[seq=8]>
    %v = nn.call @norm_reshard(%w) : (!nn.bundle<norm, weight: f32[embed=8@dp]>) -> !nn.bundle<norm, weight: f32[embed=8]>
    nn.return %y, %p, %q, %v : !nn.tensor<f32[seq=8]>, !nn.tensor<i32[seq=8]>, !nn.tensor<i32[seq=8@tp]>, !nn.bundle<norm, weight: f32[embed=8]>
  }
  nn.func @norm_reshard(%w: !nn.bundle<norm, weight: f32[embed=8@dp]>) -> !nn.bundle<norm, weight: f32[embed=8]> attributes {dist.moves} {
    %weight = nn.unpack %w : !nn.bundle<norm, weight: f32[embed=8@dp]>
    %whole = dist.all_gather %weight axis embed over [dp] : <f32[embed=8@dp]> -> <f32[embed=8]>
    %v = nn.pack(%whole) : !nn.bundle<norm, weight: f32[embed=8]>
    nn.return %v : !nn.bundle<norm, weight: f32[embed=8]>
  }
}
