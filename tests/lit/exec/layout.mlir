// RUN: shardc-opt %s --split-input-file --exec-layout | FileCheck %s --check-prefix=ORDER
// RUN: shardc-opt %s --split-input-file --exec-layout --exec-lower | FileCheck %s --check-prefix=GEMM

// Nothing places `seq`: batch stays in front. The weights follow the activations' order, whatever their files have, and
// each projection, its gradient and its weight's gradient is one product without a batch.
!X = !nn.tensor<f32[batch=2, seq=4, embed=8]>
!Q = !nn.tensor<f32[batch=2, seq=4, qkv=3, kv_heads=2, group=2, head_dim=4]>
!Wq = !nn.tensor<f32[embed=8, qkv=3, kv_heads=2, group=2, head_dim=4]>
!O = !nn.tensor<f32[batch=2, seq=4, kv_heads=2, group=2, head_dim=4]>
!Wo = !nn.tensor<f32[head_dim=4, kv_heads=2, group=2, embed=8]>
!w = !nn.bundle<attention, q: f32[embed=8, qkv=3, kv_heads=2, group=2, head_dim=4], o: f32[head_dim=4, kv_heads=2, group=2, embed=8]>
module {
// ORDER-LABEL: nn.func @projections
// ORDER: nn.unpack %weights : !attention
// ORDER: nn.contract %x, %{{.*}} -> <f32[batch=2, seq=4, qkv=3, kv_heads=2, group=2, head_dim=4]>
// ORDER: nn.contract %{{.*}} : <f32[batch=2, seq=4, kv_heads=2, group=2, head_dim=4]>, <f32[kv_heads=2, group=2, head_dim=4, embed=8]> -> <f32[batch=2, seq=4, embed=8]>
// GEMM-LABEL: exec.func @projections
// GEMM: exec.gemm %x, %{{.*}} m [batch*seq=8: 8, 0, 48] n [qkv*kv_heads*group*head_dim=48: 0, {{.*}}, 1] k [embed=8: 1, {{.*}}, 0] beta 0
// GEMM: exec.gemm %{{.*}} m [batch*seq=8: 48, 0, 8] n [embed=8: 0, 1, 1] k [kv_heads*group*head_dim=16: 1, 8, 0] beta 0
// GEMM: exec.gemm %{{.*}} m [kv_heads*group*head_dim=16: 1, 0, 8] n [embed=8: 0, 1, 1] k [batch*seq=8: 48, 8, 0] beta 1
nn.func @projections(%x: !X, %weights: !w {nn.kind = "parameter"}, %d_y: !X, %gradients: !w {nn.kind = "gradient"}) -> (!X, !w {nn.kind = "gradient"}) {
  %wq, %wo = nn.unpack %weights : !w
  %gq, %go = nn.unpack %gradients : !w
  %qkv = nn.contract %x, %wq over [embed] : !X, !Wq -> !Q
  %q, %k, %v = nn.unstack %qkv axis qkv : !Q -> !O, !O, !O
  %y = nn.contract %q, %wo over [kv_heads, group, head_dim] : !O, !Wo -> !X
  %d_o = nn.contract %q, %d_y over [batch, seq] : !O, !X -> !Wo
  %new = nn.map (%a = %go : !Wo, %b = %d_o : !Wo) -> !Wo {
    %0 = arith.addf %a, %b : f32
    nn.yield %0 : f32
  }
  %out = nn.pack(%gq, %new) : !w
  nn.return %y, %out : !X, !w
}
}

// -----

// A rule places `seq`: it goes in front, and the gather of activations is one piece. `embed` of the table is placed at
// rest: it goes in front, the gather of the weight is one piece too. Random numbers keep the model's numbering.
!X = !nn.tensor<f32[batch=4@dp, seq=8@tp, embed=8]>
!Xw = !nn.tensor<f32[batch=4@dp, seq=8, embed=8]>
!Wr = !nn.tensor<f32[mlp=6@tp, embed=8@dp]>
!W = !nn.tensor<f32[mlp=6@tp, embed=8]>
!H = !nn.tensor<f32[batch=4@dp, seq=8, mlp=6@tp]>
module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = [[batch@dp], [mlp@tp], [seq@tp]]>} {
// ORDER-LABEL: nn.func @up
// ORDER: dist.all_gather %x {{.*}} -> <f32[seq=8, batch=4@dp, embed=8]>
// ORDER: dist.all_gather %weight {{.*}} : <f32[embed=8@dp, mlp=6@tp]> -> <f32[embed=8, mlp=6@tp]>
// GEMM-LABEL: exec.func @up
// GEMM: exec.collective all_gather [tp] %x -> %[[X:.*]] tile [seq*batch*embed=64: 1, 1] step [0, 64]
// GEMM: exec.collective all_gather [dp] %weight -> %[[W:.*]] tile [embed*mlp=12: 1, 1] step [0, 12]
// GEMM: exec.gemm %[[X]], %[[W]] -> %{{.*}} m [seq*batch=16: 8, 0, 3] n [mlp=3: 0, 1, 1] k [embed=8: 1, 3, 0] beta 0
nn.func @up(%x: !X, %weight: !Wr {nn.kind = "parameter"}) -> !H {
  %whole = dist.all_gather %x axis seq over [tp] : !X -> !Xw
  %w = dist.all_gather %weight axis embed over [dp] : !Wr -> !W
  %y = nn.contract %whole, %w over [embed] : !Xw, !W -> !H
  nn.return %y : !H
}

// The element at local [e, m] is number (3 tp + m) * 8 + (4 dp + e) of the whole [mlp, embed].
// ORDER-LABEL: nn.func @init_up
// ORDER: nn.random %key {exec.order = ["mlp", "embed"], {{.*}}} : <f32[embed=8@dp, mlp=6@tp]>
// GEMM-LABEL: exec.func @init_up
// GEMM: exec.random %key -> %{{.*}} loops [embed=4: 3, 1][mlp=3: 1, 8] start [dp * 4 + tp * 24]
nn.func @init_up(%key: !nn.key) -> (!Wr {nn.kind = "parameter"}) {
  %w = nn.random %key {std = 2.0e-2 : f64, site = 0 : i32} : !Wr
  nn.return %w : !Wr
}

nn.func @use(%key: !nn.key, %x: !X) -> !H {
  %w = nn.call @init_up(%key) : (!nn.key) -> !Wr
  %y = nn.call @up(%x, %w) : (!X, !Wr) -> !H
  nn.return %y : !H
}

// A table is looked up by row: the axis of the index goes in front though nothing places it.
// ORDER-LABEL: nn.func @look_up
// ORDER: nn.gather %{{.*}} : <f32[vocab=10, embed=8]>
nn.func @look_up(%table: !nn.tensor<f32[embed=8, vocab=10]> {nn.kind = "parameter"}, %tokens: !nn.tensor<i32[batch=4@dp, seq=8]> {nn.input = "tokens"}) -> !Xw {
  %x = nn.gather %table[%tokens] axis vocab : !nn.tensor<f32[embed=8, vocab=10]>, !nn.tensor<i32[batch=4@dp, seq=8]> -> !Xw
  nn.return %x : !Xw
}
}

// -----

// A function between takes the weight gathered: where it is made and where it is kept, it lies alike.
!W = !nn.tensor<f32[mlp=6, embed=8@dp]>
!G = !nn.tensor<f32[mlp=6, embed=8]>
!X = !nn.tensor<f32[batch=4@dp, embed=8]>
!H = !nn.tensor<f32[batch=4@dp, mlp=6]>
module attributes {dist.plan = #dist.plan<mesh = [dp = 2], rules = [[batch@dp], [embed@dp]]>} {
// ORDER-LABEL: nn.func @product
nn.func @product(%x: !X, %w: !G {nn.kind = "parameter", nn.path = "up"}) -> !H {
  %y = nn.contract %x, %w over [embed] : !X, !G -> !H
  nn.return %y : !H
}
// ORDER-LABEL: nn.func @use
// ORDER: dist.all_gather %w {{.*}} : <f32[embed=8@dp, mlp=6]> -> <f32[embed=8, mlp=6]>
nn.func @use(%x: !X, %w: !W {nn.kind = "parameter", nn.path = "up"}) -> !H {
  %whole = dist.all_gather %w axis embed over [dp] : !W -> !G
  %y = nn.call @product(%x, %whole) : (!X, !G) -> !H
  nn.return %y : !H
}
// ORDER-LABEL: nn.func @make
// ORDER: nn.random {{.*}} : <f32[embed=8@dp, mlp=6]>
nn.func @make(%key: !nn.key) -> (!W {nn.kind = "parameter", nn.path = "up"}) {
  %w = nn.random %key {std = 2.0e-2 : f64, site = 0 : i32} : !W
  nn.return %w : !W
}
}
