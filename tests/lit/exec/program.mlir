// RUN: shardc-opt %s | shardc-opt | FileCheck %s
// A whole program, small: an embedding (vocab: tp), a residual MLP (mlp: tp) and a loss, on dp=2, tp=2; one function with
// its backward, two micro-batches, plain SGD. Every kind of op but attention and rope (attention.mlir) stands here.

!S = !exec.buffer<i64[]>
!F = !exec.buffer<f32[]>
!T = !exec.buffer<i32[batch=2, seq=4]>
!X = !exec.buffer<f32[batch=2, seq=4, embed=8]>
!H = !exec.buffer<f32[batch=2, seq=4, mlp=3]>
!embed = !exec.struct<embed, wte: f32[vocab=5, embed=8]>
!mlp = !exec.struct<mlp, up: f32[mlp=3, embed=8], down: f32[mlp=3, embed=8]>
!mlp_saved = !exec.struct<mlp_saved, dropped: f32[batch=2, seq=4, embed=8], u: f32[batch=2, seq=4, mlp=3], act: f32[batch=2, seq=4, mlp=3]>

module attributes {exec.mesh = #exec.mesh<dp=2, tp=2>, exec.arena_bytes = 2816 : i64, exec.frame_base = 1280 : i64} {

exec.global @scalars.step "step" arena[0] : !S
exec.global @scalars.first_sample "first_sample" arena[64] : !S
exec.global @inputs.tokens "input" arena[128] {exec.microbatches = 2 : i64, exec.placed = !nn.tensor<i32[batch=4@dp, seq=4]>} : !exec.buffer<i32[slot=2, batch=2, seq=4]>
exec.global @parameters.embed "parameter" arena[256] {nn.path = "", nn.file_prefix = "", exec.placed = !nn.bundle<embed, wte: f32[vocab=10@tp, embed=8]>} : !embed
exec.global @parameters.mlp "parameter" arena[448] {nn.path = "mlp", nn.file_prefix = "mlp.", exec.placed = !nn.bundle<mlp, up: f32[mlp=6@tp, embed=8], down: f32[mlp=6@tp, embed=8]>} : !mlp
exec.global @gradients.embed "gradient" arena[704] : !embed
exec.global @gradients.mlp "gradient" arena[896] : !mlp
exec.global @scalars.loss "loss" arena[1152] : !F
exec.global @scalars.count "count" arena[1216] : !F

// x[index] of the whole vocabulary: each rank along tp has half of the rows, zero where the row is another's.
exec.func @embed_forward(in %tokens: !T, in %weights: !embed, out %x: !X) frame 256 {
  %wte = exec.field %weights "wte" : !embed
  %partial = exec.buffer frame[0] : !X
  exec.gather %wte[%tokens] -> %partial loops [batch*seq=8: 0, 1, 8][embed=8: 1, 0, 1] axis [vocab=5: 8] start [tp * 5]
    : !exec.buffer<f32[vocab=5, embed=8]>, !T, !X
  exec.collective all_reduce [tp] %partial -> %x tile [batch*seq*embed=64: 1, 1] step [0, 0] : !X, !X
}

exec.func @embed_backward(in %tokens: !T, in %d_x: !X, acc %gradients: !embed) frame 0 {
  %d_wte = exec.field %gradients "wte" : !embed
  exec.scatter_add %d_x[%tokens] -> %d_wte loops [batch*seq=8: 8, 1, 0][embed=8: 1, 0, 1] axis [vocab=5: 8] start [tp * 5] beta 1
    : !X, !T, !exec.buffer<f32[vocab=5, embed=8]>
}

// y = x + down(relu(up(dropout(x)))), mlp placed on tp: the product with down is partial.
exec.func @mlp_forward(in %x: !X, in %weights: !mlp, in %key: !exec.key, out %y: !X, out %saved: !mlp_saved) frame 256 {
  %up = exec.field %weights "up" : !mlp
  %down = exec.field %weights "down" : !mlp
  %dropped = exec.field %saved "dropped" : !mlp_saved
  %u = exec.field %saved "u" : !mlp_saved
  %act = exec.field %saved "act" : !mlp_saved
  exec.dropout %x random %key -> %dropped loops [batch=2: 32, 32, 0, 1][seq*embed=32: 1, 1, 1, 0] start [0] sample [dp * 2] {p = 1.0e-1 : f64, site = 0 : i32} : !X, !X
  exec.gemm %dropped, %up -> %u m [batch*seq=8: 8, 0, 3] n [mlp=3: 0, 8, 1] k [embed=8: 1, 1, 0] beta 0
    : !X, !exec.buffer<f32[mlp=3, embed=8]>, !H
  exec.kernel "mlp_act" loops [batch*seq*mlp=24: 1, 1] (%a = %u) -> (write %act) : !H, !H {
    %zero = arith.constant 0.0 : f32
    %0 = arith.maximumf %a, %zero : f32
    exec.yield %0 : f32
  }
  %partial = exec.buffer frame[0] : !X
  exec.gemm %act, %down -> %partial m [batch*seq=8: 3, 0, 8] n [embed=8: 0, 1, 1] k [mlp=3: 1, 8, 0] beta 0
    : !H, !exec.buffer<f32[mlp=3, embed=8]>, !X
  exec.collective all_reduce [tp] %partial -> %y tile [batch*seq*embed=64: 1, 1] step [0, 0] : !X, !X
  exec.kernel "mlp_y" loops [batch*seq*embed=64: 1, 1, 1] (%a = %x, %b = %y) -> (write %y) : !X, !X, !X {
    %0 = arith.addf %a, %b : f32
    exec.yield %0 : f32
  }
}

exec.func @mlp_backward(in %weights: !mlp, in %key: !exec.key, in %saved: !mlp_saved, in %d_y: !X, out %d_x: !X, acc %gradients: !mlp) frame 384 {
  %up = exec.field %weights "up" : !mlp
  %down = exec.field %weights "down" : !mlp
  %dropped = exec.field %saved "dropped" : !mlp_saved
  %u = exec.field %saved "u" : !mlp_saved
  %act = exec.field %saved "act" : !mlp_saved
  %d_up = exec.field %gradients "up" : !mlp
  %d_down = exec.field %gradients "down" : !mlp
  exec.gemm %act, %d_y -> %d_down m [mlp=3: 1, 0, 8] n [embed=8: 0, 1, 1] k [batch*seq=8: 3, 8, 0] beta 1
    : !H, !X, !exec.buffer<f32[mlp=3, embed=8]>
  %d_u = exec.buffer frame[0] : !H
  exec.gemm %d_y, %down -> %d_u m [batch*seq=8: 8, 0, 3] n [mlp=3: 0, 8, 1] k [embed=8: 1, 1, 0] beta 0
    : !X, !exec.buffer<f32[mlp=3, embed=8]>, !H
  exec.kernel "mlp_d_u" loops [batch*seq*mlp=24: 1, 1, 1] (%a = %u, %g = %d_u) -> (write %d_u) : !H, !H, !H {
    %zero = arith.constant 0.0 : f32
    %0 = arith.cmpf ogt, %a, %zero : f32
    %1 = arith.select %0, %g, %zero : f32
    exec.yield %1 : f32
  }
  exec.gemm %d_u, %dropped -> %d_up m [mlp=3: 1, 0, 8] n [embed=8: 0, 1, 1] k [batch*seq=8: 3, 8, 0] beta 1
    : !H, !X, !exec.buffer<f32[mlp=3, embed=8]>
  %d_dropped = exec.buffer frame[128] : !X
  exec.gemm %d_u, %up -> %d_dropped m [batch*seq=8: 3, 0, 8] n [embed=8: 0, 1, 1] k [mlp=3: 1, 8, 0] beta 0
    : !H, !exec.buffer<f32[mlp=3, embed=8]>, !X
  exec.collective all_reduce [tp] %d_dropped -> %d_dropped tile [batch*seq*embed=64: 1, 1] step [0, 0] : !X, !X
  exec.dropout %d_dropped random %key -> %d_dropped loops [batch=2: 32, 32, 0, 1][seq*embed=32: 1, 1, 1, 0] start [0] sample [dp * 2] {p = 1.0e-1 : f64, site = 0 : i32} : !X, !X
  exec.kernel "mlp_d_x" loops [batch*seq*embed=64: 1, 1, 1] (%a = %d_y, %b = %d_dropped) -> (write %d_x) : !X, !X, !X {
    %0 = arith.addf %a, %b : f32
    exec.yield %0 : f32
  }
}

// weights -= lr / count * gradients
exec.func @mlp_update(inout %weights: !mlp, in %gradients: !mlp, in %scale: !F) frame 0 {
  %up = exec.field %weights "up" : !mlp
  %d_up = exec.field %gradients "up" : !mlp
  exec.kernel "mlp_up_new" loops [mlp*embed=24: 1, 1, 0, 1] (%w = %up, %g = %d_up, %s = %scale) -> (write %up)
    : !exec.buffer<f32[mlp=3, embed=8]>, !exec.buffer<f32[mlp=3, embed=8]>, !F, !exec.buffer<f32[mlp=3, embed=8]> {
    %0 = arith.mulf %g, %s : f32
    %1 = arith.subf %w, %0 : f32
    exec.yield %1 : f32
  }
}

// One micro-batch: its frame holds what is saved from forward to backward.
exec.func @micro(in %tokens: !T, in %embed: !embed, in %mlp: !mlp, acc %d_embed: !embed, acc %d_mlp: !mlp, acc %loss: !F, acc %count: !F, in %key: !exec.key) frame 1472 {
  %x = exec.buffer frame[0] : !X
  exec.call @embed_forward(%tokens, %embed, %x) frame[832] : !T, !embed, !X
  %y = exec.buffer frame[256] : !X
  %saved = exec.buffer frame[512] : !mlp_saved
  %key_mlp = exec.child_key %key site 0
  exec.call @mlp_forward(%x, %mlp, %key_mlp, %y, %saved) frame[1088] : !X, !mlp, !exec.key, !X, !mlp_saved
  exec.kernel "micro_loss" loops [batch*seq*embed=64: 1, 0] (%a = %y) -> (add %loss) : !X, !F {
    %0 = arith.mulf %a, %a : f32
    exec.yield %0 : f32
  }
  exec.kernel "micro_count" loops [batch*seq=8: 1, 0] (%t = %tokens) -> (add %count) : !T, !F {
    %0 = arith.constant 1.0 : f32
    exec.yield %0 : f32
  }
  %d_x = exec.buffer frame[0] : !X
  exec.call @mlp_backward(%mlp, %key_mlp, %saved, %y, %d_x, %d_mlp) frame[1088] : !mlp, !exec.key, !mlp_saved, !X, !X, !mlp
  exec.call @embed_backward(%tokens, %d_x, %d_embed) frame[832] : !T, !X, !embed
}

exec.func @step() entry frame 1536 {
  %step = exec.address @scalars.step : !S
  %base = exec.address @scalars.first_sample : !S
  %all = exec.address @inputs.tokens : !exec.buffer<i32[slot=2, batch=2, seq=4]>
  %embed = exec.address @parameters.embed : !embed
  %mlp = exec.address @parameters.mlp : !mlp
  %d_embed = exec.address @gradients.embed : !embed
  %d_mlp = exec.address @gradients.mlp : !mlp
  %loss = exec.address @scalars.loss : !F
  %count = exec.address @scalars.count : !F
  %d_wte = exec.field %d_embed "wte" : !embed
  exec.kernel "step_zero" loops [vocab*embed=40: 1] () -> (write %d_wte) : !exec.buffer<f32[vocab=5, embed=8]> {
    %0 = arith.constant 0.0 : f32
    exec.yield %0 : f32
  }
  %d_up = exec.field %d_mlp "up" : !mlp
  %d_down = exec.field %d_mlp "down" : !mlp
  exec.kernel "step_zero" loops [mlp*embed=24: 1, 1] () -> (write %d_up, write %d_down) : !exec.buffer<f32[mlp=3, embed=8]>, !exec.buffer<f32[mlp=3, embed=8]> {
    %0 = arith.constant 0.0 : f32
    exec.yield %0, %0 : f32, f32
  }
  exec.kernel "step_zero" loops () -> (write %loss, write %count) : !F, !F {
    %0 = arith.constant 0.0 : f32
    exec.yield %0, %0 : f32, f32
  }
  exec.loop 2 (%i) {
    %first = exec.buffer frame[0] : !S
    exec.kernel "step_first" loops (%b = %base, %n = %i) -> (write %first) : !S, !S, !S {
      %samples = arith.constant 4 : i64
      %0 = arith.muli %n, %samples : i64
      %1 = arith.addi %b, %0 : i64
      exec.yield %1 : i64
    }
    %tokens = exec.input %all[%first since %base] samples 4 : !exec.buffer<i32[slot=2, batch=2, seq=4]>, !S, !S -> !T
    %key = exec.key %step, %first : !S, !S
    exec.call @micro(%tokens, %embed, %mlp, %d_embed, %d_mlp, %loss, %count, %key) frame[64] : !T, !embed, !mlp, !embed, !mlp, !F, !F, !exec.key
  }
  exec.collective all_reduce [dp] %d_wte -> %d_wte tile [vocab*embed=40: 1, 1] step [0, 0] : !exec.buffer<f32[vocab=5, embed=8]>, !exec.buffer<f32[vocab=5, embed=8]>
  exec.collective all_reduce [dp] %d_up -> %d_up tile [mlp*embed=24: 1, 1] step [0, 0] : !exec.buffer<f32[mlp=3, embed=8]>, !exec.buffer<f32[mlp=3, embed=8]>
  exec.collective all_reduce [dp] %d_down -> %d_down tile [mlp*embed=24: 1, 1] step [0, 0] : !exec.buffer<f32[mlp=3, embed=8]>, !exec.buffer<f32[mlp=3, embed=8]>
  exec.collective all_reduce [dp] %loss -> %loss tile step [0, 0] : !F, !F
  exec.collective all_reduce [dp] %count -> %count tile step [0, 0] : !F, !F
  %scale = exec.buffer frame[0] : !F
  exec.kernel "step_scale" loops (%n = %count) -> (write %scale) : !F, !F {
    %lr = arith.constant 1.0e-2 : f32
    %0 = arith.divf %lr, %n : f32
    exec.yield %0 : f32
  }
  exec.call @mlp_update(%mlp, %d_mlp, %scale) : !mlp, !mlp, !F
}

exec.func @init() entry frame 64 {
  %embed = exec.address @parameters.embed : !embed
  %mlp = exec.address @parameters.mlp : !mlp
  %wte = exec.field %embed "wte" : !embed
  %up = exec.field %mlp "up" : !mlp
  %down = exec.field %mlp "down" : !mlp
  %zero = exec.buffer frame[0] : !S
  exec.kernel "init_zero" loops () -> (write %zero) : !S {
    %0 = arith.constant 0 : i64
    exec.yield %0 : i64
  }
  %key = exec.key %zero, %zero : !S, !S
  exec.random %key -> %wte loops [vocab*embed=40: 1, 1] start [tp * 40] {std = 2.0e-2 : f64, site = 0 : i32} : !exec.buffer<f32[vocab=5, embed=8]>
  // The model states up as [embed, mlp]; here it lies as [mlp, embed].
  exec.random %key -> %up loops [mlp=3: 8, 1][embed=8: 1, 6] start [tp * 3] {std = 2.0e-2 : f64, site = 1 : i32} : !exec.buffer<f32[mlp=3, embed=8]>
  exec.random %key -> %down loops [mlp*embed=24: 1, 1] start [tp * 24] {std = 2.0e-2 : f64, site = 2 : i32} : !exec.buffer<f32[mlp=3, embed=8]>
}
}

// CHECK-LABEL: exec.func @embed_forward
// CHECK: exec.gather %wte[%tokens] -> %0 loops [batch*seq=8: 0, 1, 8][embed=8: 1, 0, 1] axis [vocab=5: 8] start [tp * 5]
