// RUN: rm -rf %t && shardc-emit %s %t
// RUN: FileCheck %s --check-prefix=MODULE --input-file=%t/modules/mlp.cpp
// RUN: FileCheck %s --check-prefix=HEADER --input-file=%t/modules/mlp.h
// RUN: FileCheck %s --check-prefix=STRUCT --input-file=%t/bundles.h
// RUN: FileCheck %s --check-prefix=STEP --input-file=%t/program.cpp
// RUN: FileCheck %s --check-prefix=TABLE --input-file=%t/tables.cpp
// RUN: FileCheck %s --check-prefix=MANIFEST --input-file=%t/manifest.json
// RUN: FileCheck %s --check-prefix=CMAKE --input-file=%t/CMakeLists.txt
// RUN: shardc-emit %s %t.again && diff -r %t %t.again
// How a module comes out: names, shapes, places, a call a line.

!X = !exec.buffer<f32[seq=4, embed=8]>
!H = !exec.buffer<f32[seq=4, mlp=3]>
!S = !exec.buffer<i64[]>
!F = !exec.buffer<f32[]>
!mlp = !exec.struct<mlp, up.weight: f32[mlp=3, embed=8], gate.weight: f32[mlp=3, embed=8], down.weight: f32[embed=8, mlp=3]>

module attributes {exec.mesh = #exec.mesh<dp=2, tp=2>, exec.arena_bytes = 2432 : i64, exec.frame_base = 1408 : i64} {
exec.global @scalars.step "step" arena[0] : !S
exec.global @scalars.loss "loss" arena[64] : !F
exec.global @scalars.count "count" arena[128] : !F
exec.global @inputs.tokens "input" arena[192] {exec.microbatches = 2 : i64, exec.placed = !nn.tensor<i32[batch=2@dp, seq=4]>} : !exec.buffer<i32[slot=2, batch=1, seq=4]>
exec.global @parameters.h.0 "parameter" arena[256] {nn.path = "h.0", nn.file_prefix = "model.h.0.",
  nn.parameters = [#nn.parameter<file = "up_proj.weight", init = "normal", std = 2.0e-2, decay = true, storage = [["mlp"], ["embed"]]>,
                   #nn.parameter<file = "gate_proj.weight", init = "normal", std = 2.0e-2, decay = true, storage = [["mlp"], ["embed"]]>,
                   #nn.parameter<file = "/lm_head.weight", init = "normal", std = 2.0e-2, decay = true, storage = [["embed", "mlp"]]>],
  exec.placed = !nn.bundle<mlp, up.weight: f32[mlp=6@tp, embed=8], gate.weight: f32[mlp=6@tp, embed=8], down.weight: f32[mlp=6@tp, embed=8]>} : !mlp
exec.global @momentum.h.0 "optimizer_state" arena[640] {nn.state = "momentum"} : !mlp
exec.global @ema.h.0 "optimizer_state" arena[1024] {nn.state = "ema"} : !mlp

// MODULE: // mlp.cpp: the module `mlp` of tiny; sizes are a rank's own on dp = 2, tp = 2.
// MODULE: #include "modules/mlp.h"
// MODULE: namespace trainer {
// MODULE: static const rt::Matmul matmul_mlp_over_embed({.m = 4, .n = 3, .k = 8, .a = {8, 1}, .b = {1, 8},
// MODULE-NEXT:     .c = {3, 1}});  // seq x mlp x embed
// MODULE-NEXT: static const rt::Matmul matmul_embed_over_mlp({.m = 4, .n = 8, .k = 3, .a = {3, 1}, .b = {1, 3},
// MODULE-NEXT:     .c = {8, 1}});
// MODULE: static void mlp_act(const float *u, const float *g, float *act) {  // model.yaml:17:7
// MODULE-NEXT:   #pragma omp simd
// MODULE-NEXT:   for (int64_t i = 0; i < 12; ++i) {  // seq*mlp
// MODULE-NEXT:     const float g_i = g[i];
// MODULE-NEXT:     act[i] = u[i] * g_i / (1.0f + rt::exp(-g_i));
// MODULE-NEXT:   }
// MODULE-NEXT: }
// MODULE: void mlp_forward(rt::Context &context, const float *x, const Mlp &weights, float *y, std::byte *frame) {  // model.yaml:14:3
// MODULE-NEXT:   float *u = at<float>(frame, 0);  // [seq=4, mlp=3]
// MODULE-NEXT:   context.enter(0), matmul_mlp_over_embed(x, weights.up_weight, u);  // model.yaml:15:7
// MODULE-NEXT:   float *g = at<float>(frame, 64);  // [seq=4, mlp=3]
// MODULE-NEXT:   context.enter(1), matmul_mlp_over_embed(x, weights.gate_weight, g);  // model.yaml:16:7
// MODULE-NEXT:   float *act = at<float>(frame, 128);  // [seq=4, mlp=3]
// MODULE-NEXT:   context.enter(2), mlp_act(u, g, act);  // model.yaml:17:7
// MODULE-NEXT:   context.enter(3), matmul_embed_over_mlp(act, weights.down_weight, y);  // model.yaml:18:7
// MODULE-NEXT:   context.enter(4), rt::allReduce(context.group(groups::tp), y, 32);  // model.yaml:18:7
// MODULE-NEXT: }
// HEADER: /// model.yaml:14:3; frame of 192 bytes.
// HEADER-NEXT: /// x: [seq=4, embed=8], y: [seq=4, embed=8]
// HEADER-NEXT: void mlp_forward(
exec.func @mlp_forward(in %x: !X, in %weights: !mlp, out %y: !X) frame 192 {
  %up = exec.field %weights "up.weight" : !mlp
  %gate = exec.field %weights "gate.weight" : !mlp
  %down = exec.field %weights "down.weight" : !mlp
  %u = exec.buffer frame[0] : !H loc("u"("plans/model.yaml":15:7))
  exec.gemm %x, %up -> %u m [seq=4: 8, 0, 3] n [mlp=3: 0, 8, 1] k [embed=8: 1, 1, 0] beta 0 : !X, !exec.buffer<f32[mlp=3, embed=8]>, !H loc("plans/model.yaml":15:7)
  %g = exec.buffer frame[64] : !H loc("g"("plans/model.yaml":16:7))
  exec.gemm %x, %gate -> %g m [seq=4: 8, 0, 3] n [mlp=3: 0, 8, 1] k [embed=8: 1, 1, 0] beta 0 : !X, !exec.buffer<f32[mlp=3, embed=8]>, !H loc("plans/model.yaml":16:7)
  %act = exec.buffer frame[128] : !H loc("act"("plans/model.yaml":17:7))
  exec.kernel "mlp_act" loops [seq*mlp=12: 1, 1, 1] (%a = %u, %b = %g) -> (write %act) : !H, !H, !H {
    %one = arith.constant 1.0 : f32
    %0 = arith.mulf %a, %b : f32
    %1 = arith.negf %b : f32
    %2 = math.exp %1 : f32
    %3 = arith.addf %one, %2 : f32
    %4 = arith.divf %0, %3 : f32
    exec.yield %4 : f32
  } loc("plans/model.yaml":17:7)
  exec.gemm %act, %down -> %y m [seq=4: 3, 0, 8] n [embed=8: 0, 3, 1] k [mlp=3: 1, 1, 0] beta 0 : !H, !exec.buffer<f32[embed=8, mlp=3]>, !X loc("plans/model.yaml":18:7)
  exec.collective all_reduce [tp] %y -> %y tile [seq*embed=32: 1, 1] step [0, 0] : !X, !X loc("plans/model.yaml":18:7)
} loc("plans/model.yaml":14:3)

// STRUCT: constexpr int dp = 0;  // 2 ranks
// STRUCT: constexpr int tp = 1;  // 2 ranks
// STRUCT: namespace groups {
// STRUCT-NEXT: constexpr int tp = 0;
// STRUCT: struct Mlp {
// STRUCT-NEXT:   float *up_weight;  // [mlp=3, embed=8]
// STRUCT-NEXT:   float *gate_weight;  // [mlp=3, embed=8]
// STRUCT-NEXT:   float *down_weight;  // [embed=8, mlp=3]
// STRUCT:   static Mlp at(
// STRUCT:     trainer::at<float>(memory, offset),
// STRUCT-NEXT:     trainer::at<float>(memory, offset + 128),
// STRUCT-NEXT:     trainer::at<float>(memory, offset + 256),

// STEP: void step(rt::Context &context) {
// STEP-NEXT:   std::byte *frame = context.arena + 1408;
// STEP-NEXT:   const Mlp h_0 = Mlp::at(context.arena, 256);
// STEP-NEXT:   float *x = at<float>(frame, 0);  // [seq=4, embed=8]
// STEP:   for (int64_t layer = 0; layer < 2; ++layer) {
// STEP-NEXT:     mlp_forward(context, x, h_0, y, frame + 256);
// STEP: void init(rt::Context &context) {
// STEP-NEXT:   prepare(sumScratchBytes);
exec.func @step() entry frame 448 {
  %h_0 = exec.address @parameters.h.0 : !mlp
  %x = exec.buffer frame[0] : !X loc("x"("plans/model.yaml":30:5))
  exec.kernel "step_x" loops [seq*embed=32: 1] () -> (write %x) : !X {
    %0 = arith.constant 1.0 : f32
    exec.yield %0 : f32
  }
  %y = exec.buffer frame[128] : !X loc("y"("plans/model.yaml":31:5))
  exec.loop 2 (%layer) {
    exec.call @mlp_forward(%x, %h_0, %y) frame[256] : !X, !mlp, !X
  }
}
exec.func @init() entry frame 0 {}

// The file has [mlp, embed] for up; down is one axis there, embed major.
// TABLE: {.name = "model.h.0.up_proj.weight", .fileShape = {6, 8},
// TABLE-NEXT: .weight = {256, {{[{][{]}}6, 6, 8, 8, 3, {mesh::tp}}, {8, 8, 1, 1, 8, {}}}},
// TABLE-NEXT: .gradient = {},
// TABLE-NEXT: .states = {{[{][{]}}640, {{[{][{]}}6, 6, 8, 8, 3, {mesh::tp}}, {8, 8, 1, 1, 8, {}}}},
// TABLE-NEXT: {1024, {{[{][{]}}6, 6, 8, 8, 3, {mesh::tp}}, {8, 8, 1, 1, 8, {}}}}}},
// TABLE: {.name = "lm_head.weight", .fileShape = {48},
// TABLE-NEXT: .weight = {512, {{[{][{]}}6, 6, 1, 1, 3, {mesh::tp}}, {8, 8, 6, 3, 8, {}}}},
// TABLE: static constexpr rt::State states[] = {{[{][{]}}"momentum", false}, {"ema", true}};
// TABLE: {.kind = rt::Input::tokens, .offset = 192, .microbatchStride = 4, .batch = {2, 0, 0, 4, 1, {mesh::dp}},
// TABLE-NEXT: .seq = {4, 0, 0, 1, 4, {}}},
// TABLE: {4, "mlp_forward: all_reduce over tp", "model.yaml:18:7"},
// TABLE: .identity = "world 4 = dp 2 x tp 2; global batch 8 sequences = 32 tokens",
// TABLE: .arenaBytes = 2432,
// TABLE: .eval = nullptr,

// MANIFEST: "name": "tiny"
// MANIFEST: "world": 4
// MANIFEST: "arena_bytes": 2432
// MANIFEST: "name": "model.h.0.up_proj.weight"
// CMAKE: project(trainer LANGUAGES CXX)
}
