// RUN: rm -rf %t && mkdir -p %t && touch %t/program.cpp %t/stage_2.cpp %t/stages.txt && shardc-emit %s %t
// RUN: FileCheck %s --check-prefix=BLOCK --input-file=%t/modules/block.cpp
// RUN: FileCheck %s --check-prefix=OTHER --input-file=%t/modules/stage_1_block.cpp
// RUN: FileCheck %s --check-prefix=STRUCT --input-file=%t/bundles.h
// RUN: FileCheck %s --check-prefix=PROGRAM --input-file=%t/program.h
// RUN: FileCheck %s --check-prefix=FIRST --input-file=%t/stage_0.cpp
// RUN: FileCheck %s --check-prefix=SECOND --input-file=%t/stage_1.cpp
// RUN: FileCheck %s --check-prefix=TABLE --input-file=%t/tables.cpp
// RUN: FileCheck %s --check-prefix=MANIFEST --input-file=%t/manifest.json
// RUN: ls %t | FileCheck %s --check-prefix=FILES
// RUN: shardc-emit --cuda %s %t.cuda && FileCheck %s --check-prefix=CUDA --input-file=%t.cuda/stage_0.cu
// A program for each of two stages: what both have alike is one function, files of older packages are gone.

!X = !exec.buffer<f32[seq=4, embed=8]>
!F = !exec.buffer<f32[]>
!w = !exec.struct<block, scale: f32[embed=8]>

// FILES: stage_0.cpp
// FILES-NEXT: stage_1.cpp
// FILES-NEXT: stages.txt
// FILES-NOT: program.cpp

// STRUCT: constexpr int pp = 0;  // 2 ranks
// STRUCT: constexpr int tp = 1;  // 2 ranks

// PROGRAM: #include "runtime/core/Program.h"
// PROGRAM: extern const rt::Program program[2];  // of each stage
// PROGRAM: namespace stage_0 {
// PROGRAM-NEXT: void init(rt::Context &context);
// PROGRAM: } // namespace stage_0
// PROGRAM: namespace stage_1 {

// BLOCK: void block_forward(rt::Context &context, const float *x, const Block &weights, float *y) {
// BLOCK: context.enter(1), rt::allReduce(context.group(groups::tp), y, 32);
// BLOCK: void block_update(rt::Context &context, const Block &weights) {
// BLOCK-NOT: void
// OTHER: void stage_1_block_update(rt::Context &context, const Block &weights) {
// OTHER-NOT: void

module {

module @stage_0 attributes {pipe.stage = #pipe.stage<0 of 2 over "pp", mesh = [pp = 2, tp = 2]>, exec.mesh = #exec.mesh<tp=2>, exec.arena_bytes = 576 : i64, exec.frame_base = 192 : i64} {
exec.global @parameters.a "parameter" arena[0] {nn.path = "a", nn.file_prefix = "a.", exec.placed = !nn.bundle<block, scale: f32[embed=8]>} : !w
exec.global @scalars.loss "loss" arena[64] : !F
exec.global @scalars.count "count" arena[128] : !F
exec.func @block_forward(in %x: !X, in %weights: !w, out %y: !X) frame 0 {
  %scale = exec.field %weights "scale" : !w
  exec.kernel "block_y" loops [seq=4: 8, 0, 8][embed=8: 1, 1, 1] (%a = %x, %b = %scale) -> (write %y) : !X, !exec.buffer<f32[embed=8]>, !X {
    %0 = arith.mulf %a, %b : f32
    exec.yield %0 : f32
  }
  exec.collective all_reduce [tp] %y -> %y tile [seq*embed=32: 1, 1] step [0, 0] : !X, !X
}
exec.func @block_update(inout %weights: !w) frame 0 {
  %scale = exec.field %weights "scale" : !w
  exec.kernel "block_scale" loops [embed=8: 1, 1] (%a = %scale) -> (write %scale) : !exec.buffer<f32[embed=8]>, !exec.buffer<f32[embed=8]> {
    %0 = arith.addf %a, %a : f32
    exec.yield %0 : f32
  }
}
// FIRST: // stage_0.cpp: what a rank of this stage does to begin, in a step and to evaluate; sizes are a rank's own on pp = 2, tp = 2.
// FIRST: #include "modules/block.h"
// FIRST: #include "runtime/comm/Messages.h"
// FIRST: namespace trainer::stage_0 {
// FIRST: void step(rt::Context &context) {
// FIRST:   block_forward(context, x, a, y);
// FIRST-NEXT:   context.enter([[#SEND:]]), rt::send(context.stage(1), y, 32, 0);  // model.yaml:7:5
// FIRST-NEXT:   float *d_y = at<float>(frame, 256);  // [seq=4, embed=8]
// FIRST-NEXT:   rt::expect(context.stage(1), d_y, 32, 0);  // model.yaml:7:5
// FIRST-NEXT:   context.enter([[#SEND+1]]), rt::sent(context.stage(1), 0);  // model.yaml:7:5
// FIRST-NEXT:   context.enter([[#SEND+2]]), rt::receive(context.stage(1), d_y, 32, 0);  // model.yaml:7:5
// FIRST-NEXT:   block_update(context, a);
// FIRST: } // namespace trainer::stage_0
// CUDA: context.enter([[#SEND:]]), rt::send(stream, context.stage(1), y, 32, 0);
// CUDA: rt::expect(stream, context.stage(1), d_y, 32, 0);
// CUDA: rt::sent(stream, context.stage(1), 0);
// CUDA: rt::receive(stream, context.stage(1), d_y, 32, 0);
exec.func @step() entry frame 384 {
  %a = exec.address @parameters.a : !w
  %x = exec.buffer frame[0] : !X loc("x"("model.yaml":5:5))
  exec.kernel "step_x" loops [seq*embed=32: 1] () -> (write %x) : !X {
    %0 = arith.constant 1.0 : f32
    exec.yield %0 : f32
  }
  %y = exec.buffer frame[128] : !X loc("y"("model.yaml":6:5))
  exec.call @block_forward(%x, %a, %y) frame[384] : !X, !w, !X
  %sent = exec.send %y to 1 message 0 : !X async !exec.token loc("model.yaml":7:5)
  %d_y = exec.buffer frame[256] : !X loc("d_y"("model.yaml":6:5))
  %received = exec.receive %d_y from 1 message 0 : !X async !exec.token loc("model.yaml":7:5)
  exec.wait %sent
  exec.wait %received
  exec.call @block_update(%a) frame[384] : !w
}
exec.func @init() entry frame 0 {}
}

module @stage_1 attributes {pipe.stage = #pipe.stage<1 of 2 over "pp", mesh = [pp = 2, tp = 2]>, exec.mesh = #exec.mesh<tp=2>, exec.arena_bytes = 480 : i64, exec.frame_base = 192 : i64} {
exec.global @parameters.b "parameter" arena[0] {nn.path = "b", nn.file_prefix = "b.", exec.placed = !nn.bundle<block, scale: f32[embed=8]>} : !w
exec.global @scalars.loss "loss" arena[64] : !F
exec.global @scalars.count "count" arena[128] : !F
exec.global @parameters.copy "parameter" arena[448] {pipe.copy, nn.path = "a", nn.file_prefix = "a.", exec.placed = !nn.bundle<block, scale: f32[embed=8]>} : !w
exec.func @block_forward(in %x: !X, in %weights: !w, out %y: !X) frame 0 {
  %scale = exec.field %weights "scale" : !w
  exec.kernel "block_y" loops [seq=4: 8, 0, 8][embed=8: 1, 1, 1] (%a = %x, %b = %scale) -> (write %y) : !X, !exec.buffer<f32[embed=8]>, !X {
    %0 = arith.mulf %a, %b : f32
    exec.yield %0 : f32
  }
  exec.collective all_reduce [tp] %y -> %y tile [seq*embed=32: 1, 1] step [0, 0] : !X, !X
}
exec.func @block_update(inout %weights: !w) frame 0 {
  %scale = exec.field %weights "scale" : !w
  exec.kernel "block_scale" loops [embed=8: 1, 1] (%a = %scale) -> (write %scale) : !exec.buffer<f32[embed=8]>, !exec.buffer<f32[embed=8]> {
    %0 = arith.mulf %a, %a : f32
    exec.yield %0 : f32
  }
}
// SECOND: #include "modules/block.h"
// SECOND-NEXT: #include "modules/stage_1_block.h"
// SECOND: namespace trainer::stage_1 {
// SECOND: block_forward(context, x, b, y);
// SECOND: stage_1_block_update(context, b);
exec.func @step() entry frame 256 {
  %b = exec.address @parameters.b : !w
  %x = exec.buffer frame[0] : !X loc("x"("model.yaml":5:5))
  %received = exec.receive %x from 0 message 0 : !X async !exec.token loc("model.yaml":7:5)
  exec.wait %received
  %y = exec.buffer frame[128] : !X loc("y"("model.yaml":6:5))
  exec.call @block_forward(%x, %b, %y) frame[256] : !X, !w, !X
  %sent = exec.send %y to 0 message 0 : !X async !exec.token loc("model.yaml":7:5)
  exec.call @block_update(%b) frame[256] : !w
  exec.wait %sent
}
exec.func @init() entry frame 0 {}
}
}

// TABLE: static constexpr rt::MeshAxis meshAxes[] = {{[{][{]}}"pp", 2}, {"tp", 2}};
// TABLE: namespace stage_0 {
// TABLE: {.name = "a.scale",
// TABLE-NEXT: .weight = {0, {
// TABLE: static constexpr rt::Loss losses[] = {{[{][{]}}"loss", {64, rt::Type::f32}, {128, rt::Type::f32}}};
// TABLE: } // namespace stage_0
// TABLE: namespace stage_1 {
// TABLE: {.name = "b.scale",
// TABLE: {.name = "a.scale",
// TABLE-NEXT: .isCopy = true,
// TABLE-NEXT: .weight = {448, {
// TABLE: } // namespace stage_1
// TABLE-DAG: "stage_0.step: send y to stage 1", "model.yaml:7:5"},
// TABLE-DAG: "stage_0.step: wait until stage 1 has y", "model.yaml:7:5"},
// TABLE-DAG: "stage_0.step: receive d_y from stage 1", "model.yaml:7:5"},
// TABLE-DAG: "stage_1.block_update: block_scale", "stages.mlir:{{.*}}"},
// TABLE: constinit const rt::Program program[] = {
// TABLE-NEXT: {
// TABLE-NEXT: .identity = "world 4 = pp 2 x tp 2;
// TABLE: .pipeline = {.axis = mesh::pp, .messages = 1},
// TABLE-NEXT: .arenaBytes = 576,
// TABLE-NEXT: .parameters = stage_0::parameters,
// TABLE: .run = stage_0::step,
// TABLE: .arenaBytes = 480,
// TABLE: .losses = stage_1::losses,

// MANIFEST: "world": 4,
// MANIFEST: "pipeline": "pp",
// MANIFEST-NEXT: "stages": [
// MANIFEST: "arena_bytes": 576,
// MANIFEST: "arena_bytes": 480,
// MANIFEST: "copy": true,
