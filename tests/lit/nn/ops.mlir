// Every op of the dialect, valid; what is printed is read back and printed the same.
// RUN: shardc-opt %s | FileCheck %s
// RUN: shardc-opt %s | shardc-opt > %t && shardc-opt %s | diff - %t

!norm = !nn.bundle<norm, weight: f32[embed=8], bias: f32[embed=8]>


// CHECK-LABEL: nn.func @functions(%x: !nn.tensor<f32[embed=8]>, %w: !norm {nn.kind = "parameter"})
nn.func @functions(%x: !nn.tensor<f32[embed=8]>, %w: !norm {nn.kind = "parameter"}) -> !nn.tensor<f32[embed=8]> {
  // CHECK: %weight, %bias = nn.unpack %w : !norm
  %weight, %bias = nn.unpack %w : !norm
  // CHECK: nn.pack(%weight, %bias) : !norm
  %again = nn.pack(%weight, %bias) : !norm
  // CHECK: nn.call @functions(%x, %{{.*}}) : (!nn.tensor<f32[embed=8]>, !norm) -> !nn.tensor<f32[embed=8]>
  %y = nn.call @functions(%x, %again) : (!nn.tensor<f32[embed=8]>, !norm) -> !nn.tensor<f32[embed=8]>
  // CHECK: nn.loop 3 (%i, %carried = %{{.*}}) : (!nn.tensor<f32[embed=8]>) {
  %z = nn.loop 3 (%i, %carried = %y) : (!nn.tensor<f32[embed=8]>) {
    // CHECK: nn.yield %carried
    nn.yield %carried : !nn.tensor<f32[embed=8]>
  }
  nn.return %z : !nn.tensor<f32[embed=8]>
}

// CHECK-LABEL: @keys
nn.func @keys(%step: !nn.tensor<i64[]>, %first: !nn.tensor<i64[]>, %x: !nn.tensor<f32[batch=2, embed=8]>) -> !nn.tensor<f32[batch=2, embed=8]> {
  // CHECK: nn.key %step, %first
  %key = nn.key %step, %first : (!nn.tensor<i64[]>, !nn.tensor<i64[]>)
  // CHECK: nn.child_key %{{.*}} site 2
  %child = nn.child_key %key site 2
  // CHECK: nn.dropout %x random %{{.*}} {p = 1.000000e-01 : f64, site = 1 : i32}
  %y = nn.dropout %x random %child {p = 0.1, site = 1 : i32} : <f32[batch=2, embed=8]> -> <f32[batch=2, embed=8]>
  nn.return %y : !nn.tensor<f32[batch=2, embed=8]>
}

// CHECK-LABEL: @computations
nn.func @computations(%x: !nn.tensor<f32[batch=2, seq=4, embed=8]>, %w: !nn.tensor<f32[mlp=6, embed=8]>, %t: !nn.tensor<f32[vocab=9, embed=8]>, %i: !nn.tensor<i32[batch=2, seq=4]>)
    -> !nn.tensor<f32[vocab=9, embed=8]> {
  // CHECK: nn.contract %x, %w over [embed] : <f32[batch=2, seq=4, embed=8]>, <f32[mlp=6, embed=8]> -> <f32[batch=2, seq=4, mlp=6]>
  %0 = nn.contract %x, %w over [embed] : <f32[batch=2, seq=4, embed=8]>, <f32[mlp=6, embed=8]> -> <f32[batch=2, seq=4, mlp=6]>
  // CHECK: nn.map (%a = %{{.*}} : <f32[batch=2, seq=4, mlp=6]>) -> <f32[batch=2, seq=4, mlp=6]>, <f32[batch=2, seq=4, mlp=6]> {
  %1, %2 = nn.map (%a = %0 : <f32[batch=2, seq=4, mlp=6]>) -> <f32[batch=2, seq=4, mlp=6]>, <f32[batch=2, seq=4, mlp=6]> {
    %e = math.exp %a : f32
    nn.yield %a, %e : f32, f32
  }
  // CHECK: nn.map () -> <f32[embed=8]>
  %fill = nn.map () -> <f32[embed=8]> {
    %one = arith.constant 1.0 : f32
    nn.yield %one : f32
  }
  // CHECK: nn.reduce max %{{.*}} over [mlp] : <f32[batch=2, seq=4, mlp=6]> -> <f32[batch=2, seq=4]>
  %3 = nn.reduce max %1 over [mlp] : <f32[batch=2, seq=4, mlp=6]> -> <f32[batch=2, seq=4]>
  // CHECK: nn.gather %t[%i] axis vocab
  %4 = nn.gather %t[%i] axis vocab : <f32[vocab=9, embed=8]>, <i32[batch=2, seq=4]> -> <f32[batch=2, seq=4, embed=8]>
  // CHECK: nn.scatter_add %{{.*}}[%i] axis vocab
  %5 = nn.scatter_add %4[%i] axis vocab : <f32[batch=2, seq=4, embed=8]>, <i32[batch=2, seq=4]> -> <f32[vocab=9, embed=8]>
  nn.return %5 : !nn.tensor<f32[vocab=9, embed=8]>
}

// CHECK-LABEL: @attention
nn.func @attention(%q: !nn.tensor<f32[seq=4, kv_heads=2, group=3, head_dim=4]>, %k: !nn.tensor<f32[key_seq=4, kv_heads=2, head_dim=4]>, %v: !nn.tensor<f32[key_seq=4, kv_heads=2, head_dim=4]>)
    -> !nn.tensor<f32[seq=4, kv_heads=2, group=3, head_dim=4]> {
  // CHECK: nn.iota : <i32[seq=4]>
  %p = nn.iota : <i32[seq=4]>
  // CHECK: nn.rope %q at %{{.*}} over head_dim {theta = 1.000000e+04 : f64}
  %r = nn.rope %q at %p over head_dim {theta = 1.0e4 : f64} : <f32[seq=4, kv_heads=2, group=3, head_dim=4]>, <i32[seq=4]> -> <f32[seq=4, kv_heads=2, group=3, head_dim=4]>
  // CHECK: nn.attention %{{.*}}, %k, %v over [head_dim] query seq key key_seq {causal = true, scale = 5.000000e-01 : f64}
  %y, %lse = nn.attention %r, %k, %v over [head_dim] query seq key key_seq {causal = true, scale = 0.5 : f64}
    : <f32[seq=4, kv_heads=2, group=3, head_dim=4]>, <f32[key_seq=4, kv_heads=2, head_dim=4]>, <f32[key_seq=4, kv_heads=2, head_dim=4]>
    -> <f32[seq=4, kv_heads=2, group=3, head_dim=4]>, <f32[seq=4, kv_heads=2, group=3]>
  // CHECK: nn.attention_backward %{{.*}}, %k, %v out %{{.*}}, %lse, %{{.*}} over [head_dim] query seq key key_seq
  %dq, %dk, %dv = nn.attention_backward %r, %k, %v out %y, %lse, %y over [head_dim] query seq key key_seq {causal = true, scale = 0.5 : f64}
    : <f32[seq=4, kv_heads=2, group=3, head_dim=4]>, <f32[key_seq=4, kv_heads=2, head_dim=4]>, <f32[key_seq=4, kv_heads=2, head_dim=4]>, <f32[seq=4, kv_heads=2, group=3, head_dim=4]>, <f32[seq=4, kv_heads=2, group=3]>, <f32[seq=4, kv_heads=2, group=3, head_dim=4]>
    -> <f32[seq=4, kv_heads=2, group=3, head_dim=4]>, <f32[key_seq=4, kv_heads=2, head_dim=4]>, <f32[key_seq=4, kv_heads=2, head_dim=4]>
  nn.return %dq : !nn.tensor<f32[seq=4, kv_heads=2, group=3, head_dim=4]>
}

// Samples are no heads, by whatever name: with dropout the one axis of heads can be split.
// CHECK-LABEL: @attention_dropout
nn.func @attention_dropout(%q: !nn.tensor<f32[batch.2=2@dp, seq=4, heads=2@tp, head_dim=4]>, %k: !nn.tensor<f32[batch.2=2@dp, key_seq=4, heads=2@tp, head_dim=4]>, %key: !nn.key) {
  // CHECK: nn.attention {{.*}} random %key
  %y, %lse = nn.attention %q, %k, %k random %key over [head_dim] query seq key key_seq {scale = 0.5 : f64, dropout = 0.1 : f64} : <f32[batch.2=2@dp, seq=4, heads=2@tp, head_dim=4]>, <f32[batch.2=2@dp, key_seq=4, heads=2@tp, head_dim=4]>, <f32[batch.2=2@dp, key_seq=4, heads=2@tp, head_dim=4]> -> <f32[batch.2=2@dp, seq=4, heads=2@tp, head_dim=4]>, <f32[batch.2=2@dp, seq=4, heads=2@tp]>
  nn.return
}

// CHECK-LABEL: @movers
nn.func @movers(%x: !nn.tensor<f32[seq=4, heads=6@tp]>) -> !nn.tensor<f32[key=2, heads=6@tp]> {
  // CHECK: nn.rename %x[seq -> key_seq] : <f32[seq=4, heads=6@tp]> -> <f32[key_seq=4, heads=6@tp]>
  %0 = nn.rename %x [seq -> key_seq] : <f32[seq=4, heads=6@tp]> -> <f32[key_seq=4, heads=6@tp]>
  // CHECK: nn.split %{{.*}}[heads -> kv_heads, group] : <f32[key_seq=4, heads=6@tp]> -> <f32[key_seq=4, kv_heads=2@tp, group=3]>
  %1 = nn.split %0 [heads -> kv_heads, group] : <f32[key_seq=4, heads=6@tp]> -> <f32[key_seq=4, kv_heads=2@tp, group=3]>
  // CHECK: nn.merge %{{.*}}[kv_heads, group -> heads]
  %2 = nn.merge %1 [kv_heads, group -> heads] : <f32[key_seq=4, kv_heads=2@tp, group=3]> -> <f32[key_seq=4, heads=6@tp]>
  // CHECK: nn.slice %{{.*}}[key_seq -> nope, rot]
  %3, %4 = nn.slice %2 [key_seq -> nope, rot] : <f32[key_seq=4, heads=6@tp]> -> !nn.tensor<f32[nope=1, heads=6@tp]>, !nn.tensor<f32[rot=3, heads=6@tp]>
  // CHECK: nn.concat %{{.*}}, %{{.*}}[nope, rot -> key_seq]
  %5 = nn.concat %3, %4 [nope, rot -> key_seq] : !nn.tensor<f32[nope=1, heads=6@tp]>, !nn.tensor<f32[rot=3, heads=6@tp]> -> <f32[key_seq=4, heads=6@tp]>
  // CHECK: nn.unstack %{{.*}} axis key_seq
  %6:4 = nn.unstack %5 axis key_seq : <f32[key_seq=4, heads=6@tp]> -> !nn.tensor<f32[heads=6@tp]>, !nn.tensor<f32[heads=6@tp]>, !nn.tensor<f32[heads=6@tp]>, !nn.tensor<f32[heads=6@tp]>
  // CHECK: nn.stack %{{.*}}, %{{.*}} axis key
  %7 = nn.stack %6#0, %6#2 axis key : !nn.tensor<f32[heads=6@tp]>, !nn.tensor<f32[heads=6@tp]> -> <f32[key=2, heads=6@tp]>
  // CHECK: nn.detach
  %8 = nn.detach %7 : <f32[key=2, heads=6@tp]> -> <f32[key=2, heads=6@tp]>
  nn.return %8 : !nn.tensor<f32[key=2, heads=6@tp]>
}

// CHECK-LABEL: @sources
nn.func @sources(%first: !nn.tensor<i64[]>, %key: !nn.key) -> !nn.tensor<f32[embed=8]> {
  // CHECK: nn.input "tokens" from %first
  %tokens = nn.input "tokens" from %first : (<i64[]>) -> <i32[batch=2@dp, seq=4]>
  // CHECK: nn.random %key {site = 3 : i32, std = 2.000000e-02 : f64}
  %w = nn.random %key {std = 0.02, site = 3 : i32} : <f32[embed=8]>
  nn.return %w : !nn.tensor<f32[embed=8]>
}

// A sum of partials is partial: no reduction in between.
// CHECK-LABEL: @partials
nn.func @partials(%a: !nn.tensor<f32[embed=8], sum@tp>, %b: !nn.tensor<f32[embed=8], sum@tp>) -> !nn.tensor<f32[], sum@tp> {
  %0 = nn.map (%x = %a : <f32[embed=8], sum@tp>, %y = %b : <f32[embed=8], sum@tp>) -> <f32[embed=8], sum@tp> {
    %half = arith.constant 0.5 : f32
    %s = arith.addf %x, %y : f32
    %m = arith.mulf %s, %half : f32
    nn.yield %m : f32
  }
  // CHECK: nn.reduce sum %{{.*}} over [embed] : <f32[embed=8], sum@tp> -> <f32[], sum@tp>
  %1 = nn.reduce sum %0 over [embed] : <f32[embed=8], sum@tp> -> <f32[], sum@tp>
  nn.return %1 : !nn.tensor<f32[], sum@tp>
}
