// RUN: shardc-opt %s --exec-lower | FileCheck %s
// A training step as dist-verify leaves it: a feed-forward module with {batch: dp, mlp: tp, seq: tp}, its backward, the
// micro-batch, the update.

!X = !nn.tensor<f32[seq=8@tp, batch=4@dp, embed=8]>
!Xw = !nn.tensor<f32[seq=8, batch=4@dp, embed=8]>
!Xp = !nn.tensor<f32[seq=8, batch=4@dp, embed=8], sum@tp>
!H = !nn.tensor<f32[seq=8, batch=4@dp, mlp=6@tp]>
!W = !nn.tensor<f32[mlp=6@tp, embed=8]>
!G = !nn.tensor<f32[mlp=6@tp, embed=8], sum@dp>
!S = !nn.tensor<i64[]>
!F = !nn.tensor<f32[]>
!Fp = !nn.tensor<f32[], sum@dp@tp>
!T = !nn.tensor<i32[batch=4@dp, seq=8@tp]>
!mlp = !nn.bundle<mlp, up: f32[mlp=6@tp, embed=8], down: f32[mlp=6@tp, embed=8]>
!gradients = !nn.bundle<mlp, up: f32[mlp=6@tp, embed=8] partial sum@dp, down: f32[mlp=6@tp, embed=8] partial sum@dp>
!saved = !nn.bundle<mlp_saved, whole: f32[seq=8, batch=4@dp, embed=8], u: f32[seq=8, batch=4@dp, mlp=6@tp], act: f32[seq=8, batch=4@dp, mlp=6@tp]>

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = [[batch@dp], [mlp@tp], [seq@tp]]>,
                   nn.recipe = {microbatches = 2 : i64}} {

// The saved values are written where the caller wants them; the product that is partial goes through the frame.
// CHECK-LABEL: exec.func @mlp_forward
// CHECK-SAME: (in %x: !exec.buffer<f32[seq=4, batch=2, embed=8]>, in %weights: !mlp1, out %[[Y:.*]]: !exec.buffer<f32[seq=4, batch=2, embed=8]>, out %{{.*}}: !mlp_saved)
// CHECK: exec.collective all_gather [tp] %x -> %whole tile [seq*batch*embed=64: 1, 1] step [0, 64]
// CHECK: exec.gemm %whole, %up -> %u m [seq*batch=16: 8, 0, 3] n [mlp=3: 0, 8, 1] k [embed=8: 1, 1, 0] beta 0
// CHECK: exec.kernel "mlp_forward_{{.*}}" loops [seq*batch*mlp=48: 1, 1] (%{{.*}} = %u) -> (write %act)
// CHECK: exec.gemm %act, %down -> %[[PARTIAL:.*]] m [seq*batch=16: 3, 0, 8] n [embed=8: 0, 1, 1] k [mlp=3: 1, 8, 0] beta 0
// CHECK: exec.collective reduce_scatter [tp] %[[PARTIAL]] -> %[[REDUCED:.*]] tile [seq*batch*embed=64: 1, 1] step [64, 0]
// CHECK: exec.kernel "{{.*}}" loops [seq*batch*embed=64: 1, 1, 1] (%{{.*}} = %x, %{{.*}} = %[[REDUCED]]) -> (write %[[Y]])
nn.func @mlp_forward(%x: !X, %weights: !mlp {nn.kind = "parameter"}) -> (!X, !saved) {
  %up, %down = nn.unpack %weights : !mlp
  %whole = dist.all_gather %x axis seq over [tp] : !X -> !Xw
  %u = nn.contract %whole, %up over [embed] : !Xw, !W -> !H
  %act = nn.map (%a = %u : !H) -> !H {
    %zero = arith.constant 0.0 : f32
    %0 = arith.maximumf %a, %zero : f32
    nn.yield %0 : f32
  }
  %p = nn.contract %act, %down over [mlp] : !H, !W -> !Xp
  %r = dist.reduce_scatter sum %p axis seq over [tp] : !Xp -> !X
  %y = nn.map (%a = %x : !X, %b = %r : !X) -> !X {
    %0 = arith.addf %a, %b : f32
    nn.yield %0 : f32
  }
  %saved = nn.pack(%whole, %u, %act) : !saved
  nn.return %y, %saved : !X, !saved
}

// Weight gradients are added to their accumulators by beta 1; a map reuses the buffer of the operand that dies.
// CHECK-LABEL: exec.func @mlp_backward
// CHECK-SAME: acc %gradients: !mlp1
// CHECK: exec.gemm %act, %[[DY:.*]] -> %{{.*}} m [mlp=3: 1, 0, 8] n [embed=8: 0, 1, 1] k [seq*batch=16: 3, 8, 0] beta 1
// CHECK: exec.gemm %[[DY]], %{{.*}} -> %[[DACT:.*]] m [seq*batch=16: 8, 0, 3] n [mlp=3: 0, 8, 1] k [embed=8: 1, 1, 0] beta 0
// CHECK: exec.kernel {{.*}} (%{{.*}} = %u, %{{.*}} = %[[DACT]]) -> (write %[[DACT]])
// CHECK: exec.gemm %[[DACT]], %whole -> %{{.*}} beta 1
// CHECK: exec.collective reduce_scatter
nn.func @mlp_backward(%weights: !mlp {nn.kind = "parameter"}, %saved: !saved, %d_y: !X, %gradients: !gradients {nn.kind = "gradient"}) -> (!X, !gradients {nn.kind = "gradient"}) {
  %up, %down = nn.unpack %weights : !mlp
  %whole, %u, %act = nn.unpack %saved : !saved
  %g_up, %g_down = nn.unpack %gradients : !gradients
  %d_whole_y = dist.all_gather %d_y axis seq over [tp] : !X -> !Xw
  %d_down = nn.contract %act, %d_whole_y over [seq, batch] : !H, !Xw -> !G
  %new_down = nn.map (%a = %g_down : !G, %b = %d_down : !G) -> !G {
    %0 = arith.addf %a, %b : f32
    nn.yield %0 : f32
  }
  %d_act = nn.contract %d_whole_y, %down over [embed] : !Xw, !W -> !H
  %d_u = nn.map (%a = %u : !H, %g = %d_act : !H) -> !H {
    %zero = arith.constant 0.0 : f32
    %0 = arith.cmpf ogt, %a, %zero : f32
    %1 = arith.select %0, %g, %zero : f32
    nn.yield %1 : f32
  }
  %d_up = nn.contract %d_u, %whole over [seq, batch] : !H, !Xw -> !G
  %new_up = nn.map (%a = %g_up : !G, %b = %d_up : !G) -> !G {
    %0 = arith.addf %a, %b : f32
    nn.yield %0 : f32
  }
  %d_p = nn.contract %d_u, %up over [mlp] : !H, !W -> !Xp
  %d_r = dist.reduce_scatter sum %d_p axis seq over [tp] : !Xp -> !X
  %d_x = nn.map (%a = %d_y : !X, %b = %d_r : !X) -> !X {
    %0 = arith.addf %a, %b : f32
    nn.yield %0 : f32
  }
  %new = nn.pack(%new_up, %new_down) : !gradients
  nn.return %d_x, %new : !X, !gradients
}

// CHECK-LABEL: exec.func @micro
// CHECK-SAME: in %tokens: {{.*}}, in %weights: !mlp1, acc %gradients: !mlp1, acc %loss: !exec.buffer<f32[]>, acc %count: !exec.buffer<f32[]>)
// CHECK: exec.call @mlp_forward
// CHECK: exec.kernel {{.*}} -> (add %loss)
// CHECK: exec.kernel {{.*}} -> (add %count)
// CHECK: exec.call @mlp_backward({{.*}}, %gradients, %{{.*}})
nn.func @micro(%tokens: !T {nn.input}, %weights: !mlp {nn.kind = "parameter"}, %gradients: !gradients {nn.kind = "gradient"}, %loss: !Fp {nn.kind = "accumulator"}, %count: !Fp {nn.kind = "accumulator"})
    -> (!gradients {nn.kind = "gradient"}, !Fp {nn.kind = "accumulator"}, !Fp {nn.kind = "accumulator"}) {
  %x = nn.map (%t = %tokens : !T) -> !X {
    %0 = arith.sitofp %t : i32 to f32
    nn.yield %0 : f32
  }
  %y, %saved = nn.call @mlp_forward(%x, %weights) : (!X, !mlp) -> (!X, !saved)
  %l = nn.reduce sum %y over [batch, seq, embed] : !X -> !Fp
  %new_loss = nn.map (%a = %loss : !Fp, %b = %l : !Fp) -> !Fp {
    %0 = arith.addf %a, %b : f32
    nn.yield %0 : f32
  }
  %ones = nn.map (%t = %tokens : !T) -> !nn.tensor<f32[batch=4@dp, seq=8@tp]> {
    %0 = arith.constant 1.0 : f32
    nn.yield %0 : f32
  }
  %n = nn.reduce sum %ones over [batch, seq] : !nn.tensor<f32[batch=4@dp, seq=8@tp]> -> !Fp
  %new_count = nn.map (%a = %count : !Fp, %b = %n : !Fp) -> !Fp {
    %0 = arith.addf %a, %b : f32
    nn.yield %0 : f32
  }
  %d_x, %new = nn.call @mlp_backward(%weights, %saved, %y, %gradients) : (!mlp, !saved, !X, !gradients) -> (!X, !gradients)
  nn.return %new, %new_loss, %new_count : !gradients, !Fp, !Fp
}

// CHECK-LABEL: exec.func @mlp_update(inout %weights: !mlp1, in %gradients: !mlp1, inout %m: !mlp1, in %scale: !exec.buffer<f32[]>)
// CHECK: exec.kernel "mlp_update_{{.*}}" loops [mlp*embed=24: 1, 1, 0, 1] (%{{.*}} = %[[M:.*]], {{.*}}) -> (write %[[M]])
// CHECK: exec.kernel "mlp_update_{{.*}}" loops [mlp*embed=24: 1, 1, 1] (%{{.*}} = %[[W:.*]], %{{.*}} = %[[M]]) -> (write %[[W]])
nn.func @mlp_update(%weights: !mlp {nn.kind = "parameter"}, %gradients: !mlp {nn.kind = "gradient"}, %m: !mlp {nn.kind = "optimizer_state"}, %scale: !F) -> (!mlp {nn.kind = "parameter"}, !mlp {nn.kind = "optimizer_state"}) {
  %up, %down = nn.unpack %weights : !mlp
  %g_up, %g_down = nn.unpack %gradients : !mlp
  %m_up, %m_down = nn.unpack %m : !mlp
  %new_m = nn.map (%a = %m_up : !W, %g = %g_up : !W, %s = %scale : !F) -> !W {
    %0 = arith.mulf %g, %s : f32
    %1 = arith.addf %a, %0 : f32
    nn.yield %1 : f32
  }
  %new_up = nn.map (%w = %up : !W, %a = %new_m : !W) -> !W {
    %0 = arith.subf %w, %a : f32
    nn.yield %0 : f32
  }
  %new_weights = nn.pack(%new_up, %down) : !mlp
  %new_state = nn.pack(%new_m, %m_down) : !mlp
  nn.return %new_weights, %new_state : !mlp, !mlp
}

// Accumulators are zeroed once, in the globals where the gradients stay; the loop carries nothing but memory.
// CHECK-LABEL: exec.func @step() entry
// CHECK: %[[G:.*]] = exec.address @gradients.mlp
// CHECK: exec.kernel {{.*}} () -> (write %{{.*}})
// CHECK: exec.loop 2 (%i) {
// CHECK: exec.input
// CHECK: exec.call @micro(%{{.*}}, %weights, %[[G]], %
// CHECK: }
// CHECK: exec.collective all_reduce [dp] %[[GU:.*]] -> %[[GU]]
// CHECK: exec.call @mlp_update(%weights, %[[G]], %m, %
nn.func @step(%step: !S, %weights: !mlp {nn.kind = "parameter", nn.path = "mlp"}, %m: !mlp {nn.kind = "optimizer_state", nn.state = "m", nn.path = "mlp"})
    -> (!mlp {nn.kind = "parameter", nn.path = "mlp"}, !mlp {nn.kind = "optimizer_state", nn.state = "m", nn.path = "mlp"}, !F, !F, !F) {
  %zero = nn.map () -> !G {
    %0 = arith.constant 0.0 : f32
    nn.yield %0 : f32
  }
  %zeros = nn.pack(%zero, %zero) : !gradients
  %none = nn.map () -> !Fp {
    %0 = arith.constant 0.0 : f32
    nn.yield %0 : f32
  }
  %g, %l, %n = nn.loop 2 (%i, %cg = %zeros, %cl = %none, %cn = %none) : (!gradients, !Fp, !Fp) {
    %first = nn.map (%s = %step : !S, %k = %i : !S) -> !S {
      %8 = arith.constant 8 : i64
      %4 = arith.constant 4 : i64
      %0 = arith.muli %s, %8 : i64
      %1 = arith.muli %k, %4 : i64
      %2 = arith.addi %0, %1 : i64
      nn.yield %2 : i64
    }
    %tokens = nn.input "tokens" from %first : (!S) -> !T
    %ng, %nl, %nn = nn.call @micro(%tokens, %weights, %cg, %cl, %cn) : (!T, !mlp, !gradients, !Fp, !Fp) -> (!gradients, !Fp, !Fp)
    nn.yield %ng, %nl, %nn : !gradients, !Fp, !Fp
  }
  %g_up, %g_down = nn.unpack %g : !gradients
  %r_up = dist.all_reduce sum %g_up over [dp] : !G -> !W
  %r_down = dist.all_reduce sum %g_down over [dp] : !G -> !W
  %whole = nn.pack(%r_up, %r_down) : !mlp
  %loss = dist.all_reduce sum %l over [dp, tp] : !Fp -> !F
  %count = dist.all_reduce sum %n over [dp, tp] : !Fp -> !F
  %scale = nn.map (%c = %count : !F) -> !F {
    %one = arith.constant 1.0 : f32
    %0 = arith.divf %one, %c : f32
    nn.yield %0 : f32
  }
  %nw, %nm = nn.call @mlp_update(%weights, %whole, %m, %scale) : (!mlp, !mlp, !mlp, !F) -> (!mlp, !mlp)
  %mean = nn.map (%a = %loss : !F, %s = %scale : !F) -> !F {
    %0 = arith.mulf %a, %s : f32
    nn.yield %0 : f32
  }
  nn.return %nw, %nm, %mean, %scale, %scale : !mlp, !mlp, !F, !F, !F
}

nn.func @mlp_init(%key: !nn.key) -> (!mlp {nn.kind = "parameter"}) {
  %up = nn.random %key {std = 2.0e-2 : f64, site = 0 : i32} : !W
  %down = nn.random %key {std = 2.0e-2 : f64, site = 1 : i32} : !W
  %w = nn.pack(%up, %down) : !mlp
  nn.return %w : !mlp
}
// CHECK-LABEL: exec.func @init() entry
// CHECK: exec.call @mlp_init(%{{.*}}, %{{.*}}) : !exec.key, !mlp1
// CHECK-COUNT-2: exec.kernel
nn.func @init() -> (!mlp {nn.kind = "parameter", nn.path = "mlp"}, !mlp {nn.kind = "optimizer_state", nn.state = "m", nn.path = "mlp"}) {
  %minus = nn.map () -> !S {
    %0 = arith.constant -1 : i64
    nn.yield %0 : i64
  }
  %key = nn.key %minus, %minus : (!S, !S)
  %w = nn.call @mlp_init(%key) : (!nn.key) -> !mlp
  %zero = nn.map () -> !W {
    %0 = arith.constant 0.0 : f32
    nn.yield %0 : f32
  }
  %m = nn.pack(%zero, %zero) : !mlp
  nn.return %w, %m : !mlp, !mlp
}
}
