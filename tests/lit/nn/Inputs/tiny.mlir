// A model with all that training programs have: two layers of one function, a tied weight, dropout, ignored labels.
#block = [#nn.parameter<file = "ln.weight", init = "ones", std = 0.02 : f64, decay = false, storage = [["embed"]]>, #nn.parameter<file = "ln.bias", init = "zeros", std = 0.02 : f64, decay = false, storage = [["embed"]]>, #nn.parameter<file = "mlp.fc.weight", init = "normal", std = 0.02 : f64, decay = true, storage = [["embed"], ["mlp"]]>, #nn.parameter<file = "mlp.proj.weight", init = "normal", std = 0.02 : f64, decay = true, storage = [["mlp"], ["embed"]]>]
#main = [#nn.parameter<file = "wte.weight", init = "normal", std = 0.02 : f64, decay = true, storage = [["vocab"], ["embed"]]>, #nn.parameter<file = "ln_f.weight", init = "ones", std = 0.02 : f64, decay = false, storage = [["embed"]]>, #nn.parameter<file = "ln_f.bias", init = "zeros", std = 0.02 : f64, decay = false, storage = [["embed"]]>]
!x = !nn.tensor<f32[batch=2, seq=4, embed=8]>
!rows = !nn.tensor<f32[batch=2, seq=4]>
!w = !nn.tensor<f32[embed=8]>
!norm = !nn.bundle<norm, weight: f32[embed=8], bias: f32[embed=8]>
!mlp = !nn.bundle<mlp, fc.weight: f32[embed=8, mlp=16], proj.weight: f32[mlp=16, embed=8]>
!block = !nn.bundle<block, ln.weight: f32[embed=8], ln.bias: f32[embed=8], mlp.fc.weight: f32[embed=8, mlp=16], mlp.proj.weight: f32[mlp=16, embed=8]>
!main = !nn.bundle<main, wte: f32[vocab=9, embed=8], ln.weight: f32[embed=8], ln.bias: f32[embed=8]>
module attributes {nn.model = "tiny", nn.recipe = {microbatches = 2, global_batch_size = 4, seq_len = 4, steps = 100, seed = 1,
  optimizer = {name = "adamw", lr = 6.0e-4 : f64, beta1 = 0.9 : f64, beta2 = 0.95 : f64, eps = 1.0e-8 : f64, weight_decay = 0.1 : f64},
  lr_schedule = {name = "cosine", warmup_steps = 10, min_lr = 6.0e-5 : f64}, max_grad_norm = 1.0 : f64, eval_batches = 2}} {
  nn.func @norm(%x: !x, %weights: !norm {nn.kind = "parameter"}) -> !x {
    %weight, %bias = nn.unpack %weights : !norm
    %sum = nn.reduce sum %x over [embed] : !x -> !rows loc("sum")
    %c = nn.map (%a = %x : !x, %s = %sum : !rows) -> !x {
      %n = arith.constant 8.0 : f32
      %m = arith.divf %s, %n : f32
      %d = arith.subf %a, %m : f32
      nn.yield %d : f32
    } loc("centered")
    %sq = nn.map (%a = %c : !x) -> !x {
      %d = arith.mulf %a, %a : f32
      nn.yield %d : f32
    } loc("square")
    %var = nn.reduce sum %sq over [embed] : !x -> !rows loc("variance")
    %y = nn.map (%a = %c : !x, %v = %var : !rows, %g = %weight : !w, %b = %bias : !w) -> !x {
      %n = arith.constant 8.0 : f32
      %e = arith.constant 1.0e-5 : f32
      %m = arith.divf %v, %n : f32
      %0 = arith.addf %m, %e : f32
      %r = math.rsqrt %0 : f32
      %1 = arith.mulf %a, %r : f32
      %2 = arith.mulf %1, %g : f32
      %3 = arith.addf %2, %b : f32
      nn.yield %3 : f32
    } loc("y")
    nn.return %y : !x
  }
  nn.func @mlp(%x: !x, %weights: !mlp {nn.kind = "parameter"}, %key: !nn.key) -> !x {
    %fc, %proj = nn.unpack %weights : !mlp
    %h = nn.contract %x, %fc over [embed] : !x, !nn.tensor<f32[embed=8, mlp=16]> -> !nn.tensor<f32[batch=2, seq=4, mlp=16]> loc("h")
    %a = nn.map (%a = %h : <f32[batch=2, seq=4, mlp=16]>) -> <f32[batch=2, seq=4, mlp=16]> {
      %z = arith.constant 0.0 : f32
      %0 = arith.maximumf %a, %z : f32
      nn.yield %0 : f32
    } loc("act")
    %y = nn.contract %a, %proj over [mlp] : !nn.tensor<f32[batch=2, seq=4, mlp=16]>, !nn.tensor<f32[mlp=16, embed=8]> -> !x loc("y")
    %d = nn.dropout %y random %key {p = 0.1 : f64, site = 0 : i32} : !x -> !x loc("drop")
    nn.return %d : !x
  }
  nn.func @block(%x: !x, %weights: !block {nn.kind = "parameter"}, %key: !nn.key) -> !x {
    %lw, %lb, %fc, %proj = nn.unpack %weights : !block
    %ln = nn.pack(%lw, %lb) : !norm loc("ln")
    %n = nn.call @norm(%x, %ln) : (!x, !norm) -> !x loc("n")
    %mlp = nn.pack(%fc, %proj) : !mlp loc("mlp")
    %k = nn.child_key %key site 1
    %m = nn.call @mlp(%n, %mlp, %k) : (!x, !mlp, !nn.key) -> !x loc("m")
    %y = nn.map (%a = %x : !x, %b = %m : !x) -> !x {
      %0 = arith.addf %a, %b : f32
      nn.yield %0 : f32
    } loc("residual")
    nn.return %y : !x
  }
  nn.func @main(%tokens: !nn.tensor<i32[batch=2, seq=4]> {nn.input = "tokens"}, %labels: !nn.tensor<i32[batch=2, seq=4]> {nn.input = "labels"},
      %weights: !main {nn.kind = "parameter", nn.path = "", nn.file_prefix = "transformer.", nn.parameters = #main}, %h.0: !block {nn.kind = "parameter", nn.path = "h.0", nn.file_prefix = "transformer.h.0.", nn.parameters = #block}, %h.1: !block {nn.kind = "parameter", nn.path = "h.1", nn.file_prefix = "transformer.h.1.", nn.parameters = #block}, %key: !nn.key) -> !rows {
    %wte, %lw, %lb = nn.unpack %weights : !main
    %e = nn.gather %wte[%tokens] axis vocab : !nn.tensor<f32[vocab=9, embed=8]>, !nn.tensor<i32[batch=2, seq=4]> -> !x loc("e")
    %k0 = nn.child_key %key site 0
    %x0 = nn.call @block(%e, %h.0, %k0) : (!x, !block, !nn.key) -> !x loc("x.0")
    %k1 = nn.child_key %key site 1
    %x1 = nn.call @block(%x0, %h.1, %k1) : (!x, !block, !nn.key) -> !x loc("x.1")
    %ln = nn.pack(%lw, %lb) : !norm loc("ln_f")
    %n = nn.call @norm(%x1, %ln) : (!x, !norm) -> !x loc("x.n")
    %logits = nn.contract %n, %wte over [embed] : !x, !nn.tensor<f32[vocab=9, embed=8]> -> !nn.tensor<f32[batch=2, seq=4, vocab=9]> loc("logits")
    %max = nn.reduce max %logits over [vocab] : !nn.tensor<f32[batch=2, seq=4, vocab=9]> -> !rows loc("max")
    %maxd = nn.detach %max : !rows -> !rows
    %exp = nn.map (%a = %logits : <f32[batch=2, seq=4, vocab=9]>, %b = %maxd : !rows) -> <f32[batch=2, seq=4, vocab=9]> {
      %0 = arith.subf %a, %b : f32
      %1 = math.exp %0 : f32
      nn.yield %1 : f32
    } loc("exp")
    %sum = nn.reduce sum %exp over [vocab] : !nn.tensor<f32[batch=2, seq=4, vocab=9]> -> !rows loc("sum")
    %pick = nn.gather %logits[%labels] axis vocab : !nn.tensor<f32[batch=2, seq=4, vocab=9]>, !nn.tensor<i32[batch=2, seq=4]> -> !rows loc("pick")
    %loss = nn.map (%a = %sum : !rows, %b = %pick : !rows, %m = %maxd : !rows, %l = %labels : <i32[batch=2, seq=4]>) -> !rows {
      %0 = math.log %a : f32
      %1 = arith.addf %0, %m : f32
      %2 = arith.subf %1, %b : f32
      %z = arith.constant 0 : i32
      %zf = arith.constant 0.0 : f32
      %ok = arith.cmpi sge, %l, %z : i32
      %3 = arith.select %ok, %2, %zf : f32
      nn.yield %3 : f32
    } loc("loss")
    nn.return %loss : !rows
  }
}
