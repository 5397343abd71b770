// RUN: shardc-opt %s -split-input-file -verify-diagnostics --dist-place --dist-simplify --dist-lower-reshard --dist-verify | FileCheck %s

// Attention under tp: heads are placed, nothing moves until the output projection, which folds them.
module attributes {dist.plan = #dist.plan<mesh = [tp = 2], rules = [[kv_heads@tp]]>} {
  // CHECK-LABEL: nn.func @attention_tp
  // CHECK-NOT:     = dist.
  // CHECK:         nn.attention {{.*}} -> <f32[seq=4, kv_heads=2@tp, group=3, head_dim=8]>, <f32[seq=4, kv_heads=2@tp, group=3]>
  // CHECK-NEXT:    %[[Y:.*]] = nn.contract {{.*}} -> <f32[seq=4, embed=48], sum@tp>
  // CHECK-NEXT:    dist.all_reduce sum %[[Y]] over [tp]
  nn.func @attention_tp(%q: !nn.tensor<f32[seq=4, kv_heads=2, group=3, head_dim=8]>, %k: !nn.tensor<f32[key_seq=4, kv_heads=2, head_dim=8]>, %o: !nn.tensor<f32[embed=48, kv_heads=2, group=3, head_dim=8]> {nn.kind = "parameter"}) -> !nn.tensor<f32[seq=4, embed=48]> {
    %x, %lse = nn.attention %q, %k, %k over [head_dim] query seq key key_seq {causal = true, scale = 0.5 : f64} : <f32[seq=4, kv_heads=2, group=3, head_dim=8]>, <f32[key_seq=4, kv_heads=2, head_dim=8]>, <f32[key_seq=4, kv_heads=2, head_dim=8]> -> <f32[seq=4, kv_heads=2, group=3, head_dim=8]>, <f32[seq=4, kv_heads=2, group=3]>
    %y = nn.contract %x, %o over [kv_heads, group, head_dim] : <f32[seq=4, kv_heads=2, group=3, head_dim=8]>, <f32[embed=48, kv_heads=2, group=3, head_dim=8]> -> <f32[seq=4, embed=48]>
    nn.return %y : !nn.tensor<f32[seq=4, embed=48]>
  }
}

// -----

// Multi-query attention with sequence parallel: the one head of keys is computed on each rank's positions and
// gathered; queries are split by group. The rank that holds no other head holds the same keys.
module attributes {dist.plan = #dist.plan<mesh = [tp = 2], rules = [[group@tp], [seq@tp]]>} {
  // CHECK-LABEL: nn.func @mqa
  // CHECK:         nn.contract %x, %wk {{.*}} -> <f32[seq=4@tp, kv_heads=1, head_dim=8]>
  // CHECK:         %[[X:.*]] = dist.all_gather %x axis seq over [tp]
  // CHECK:         nn.contract %[[X]], %wq {{.*}} -> <f32[seq=4, kv_heads=1, group=2@tp, head_dim=8]>
  // CHECK:         dist.all_gather %{{.*}} axis key_seq over [tp]
  // CHECK:         nn.attention
  // CHECK-NOT:     = dist.
  nn.func @mqa(%x: !nn.tensor<f32[seq=4, embed=16]>, %wq: !nn.tensor<f32[embed=16, kv_heads=1, group=2, head_dim=8]> {nn.kind = "parameter"}, %wk: !nn.tensor<f32[embed=16, kv_heads=1, head_dim=8]> {nn.kind = "parameter"}) -> !nn.tensor<f32[seq=4, kv_heads=1, group=2, head_dim=8]> {
    %k0 = nn.contract %x, %wk over [embed] : <f32[seq=4, embed=16]>, <f32[embed=16, kv_heads=1, head_dim=8]> -> <f32[seq=4, kv_heads=1, head_dim=8]>
    %q = nn.contract %x, %wq over [embed] : <f32[seq=4, embed=16]>, <f32[embed=16, kv_heads=1, group=2, head_dim=8]> -> <f32[seq=4, kv_heads=1, group=2, head_dim=8]>
    %k = nn.rename %k0 [seq -> key_seq] : <f32[seq=4, kv_heads=1, head_dim=8]> -> <f32[key_seq=4, kv_heads=1, head_dim=8]>
    %y, %lse = nn.attention %q, %k, %k over [head_dim] query seq key key_seq {causal = true, scale = 0.5 : f64} : <f32[seq=4, kv_heads=1, group=2, head_dim=8]>, <f32[key_seq=4, kv_heads=1, head_dim=8]>, <f32[key_seq=4, kv_heads=1, head_dim=8]> -> <f32[seq=4, kv_heads=1, group=2, head_dim=8]>, <f32[seq=4, kv_heads=1, group=2]>
    nn.return %y : !nn.tensor<f32[seq=4, kv_heads=1, group=2, head_dim=8]>
  }
}

// -----

// Context parallel: keys are gathered; their gradients, partial over cp, are renamed first and scattered then.
module attributes {dist.plan = #dist.plan<mesh = [cp = 2], rules = [[seq@cp]]>} {
  // CHECK-LABEL: nn.func @attention_cp
  // CHECK:         dist.all_gather %{{.*}} axis key_seq over [cp]
  // CHECK:         nn.attention {{.*}} -> <f32[seq=4@cp, heads=2, head_dim=8]>, <f32[seq=4@cp, heads=2]>
  // CHECK:         nn.attention_backward {{.*}} <f32[key_seq=4, heads=2, head_dim=8], sum@cp>, <f32[key_seq=4, heads=2, head_dim=8], sum@cp>
  // CHECK:         %[[DK:.*]] = nn.map {{.*}} -> <f32[key_seq=4, heads=2, head_dim=8], sum@cp>
  // CHECK:         %[[RENAMED:.*]] = nn.rename %[[DK]][key_seq -> seq]
  // CHECK-NEXT:    dist.reduce_scatter sum %[[RENAMED]] axis seq over [cp]
  // CHECK-NOT:     = dist.
  nn.func @attention_cp(%q: !nn.tensor<f32[seq=4, heads=2, head_dim=8]>, %k0: !nn.tensor<f32[seq=4, heads=2, head_dim=8]>) -> !nn.tensor<f32[seq=4, heads=2, head_dim=8]> {
    %k = nn.rename %k0 [seq -> key_seq] : <f32[seq=4, heads=2, head_dim=8]> -> <f32[key_seq=4, heads=2, head_dim=8]>
    %y, %lse = nn.attention %q, %k, %k over [head_dim] query seq key key_seq {causal = true, scale = 0.5 : f64} : <f32[seq=4, heads=2, head_dim=8]>, <f32[key_seq=4, heads=2, head_dim=8]>, <f32[key_seq=4, heads=2, head_dim=8]> -> <f32[seq=4, heads=2, head_dim=8]>, <f32[seq=4, heads=2]>
    %dq, %dk, %dv = nn.attention_backward %q, %k, %k out %y, %lse, %y over [head_dim] query seq key key_seq {causal = true, scale = 0.5 : f64} : <f32[seq=4, heads=2, head_dim=8]>, <f32[key_seq=4, heads=2, head_dim=8]>, <f32[key_seq=4, heads=2, head_dim=8]>, <f32[seq=4, heads=2, head_dim=8]>, <f32[seq=4, heads=2]>, <f32[seq=4, heads=2, head_dim=8]> -> <f32[seq=4, heads=2, head_dim=8]>, <f32[key_seq=4, heads=2, head_dim=8]>, <f32[key_seq=4, heads=2, head_dim=8]>
    %d = nn.map (%a = %dk : <f32[key_seq=4, heads=2, head_dim=8]>, %b = %dv : <f32[key_seq=4, heads=2, head_dim=8]>) -> <f32[key_seq=4, heads=2, head_dim=8]> {
      %0 = arith.addf %a, %b : f32
      nn.yield %0 : f32
    }
    %dk0 = nn.rename %d [key_seq -> seq] : <f32[key_seq=4, heads=2, head_dim=8]> -> <f32[seq=4, heads=2, head_dim=8]>
    nn.return %dk0 : !nn.tensor<f32[seq=4, heads=2, head_dim=8]>
  }
}

// -----

// A rename runs where the operand's names say. The new name claims no mesh axis beside the old one: not against
// it in one level, and not from another axis, which would be gathered for it.
module attributes {dist.plan = #dist.plan<mesh = [tp = 2], rules = [[embed@tp], [seq@tp, seq.2@tp]]>} {
  // CHECK-LABEL: nn.func @rename
  // CHECK-NEXT:    %[[Y:.*]] = nn.rename %x[embed_out -> embed] : <f32[seq=4@tp, embed_out=8]> -> <f32[seq=4@tp, embed=8]>
  // CHECK-NEXT:    %[[Z:.*]] = dist.all_to_all %[[Y]] from seq to embed over [tp]
  // CHECK-NEXT:    nn.return %[[Z]]
  nn.func @rename(%x: !nn.tensor<f32[seq=4, embed_out=8]>) -> !nn.tensor<f32[seq=4, embed=8]> {
    %y = nn.rename %x [embed_out -> embed] : <f32[seq=4, embed_out=8]> -> <f32[seq=4, embed=8]>
    nn.return %y : !nn.tensor<f32[seq=4, embed=8]>
  }
  // CHECK-LABEL: nn.func @scope
  // CHECK-NEXT:    nn.rename %x[seq -> seq.2] : <f32[seq=4@tp]> -> <f32[seq.2=4@tp]>
  // CHECK-NEXT:    nn.return
  nn.func @scope(%x: !nn.tensor<f32[seq=4]>) -> !nn.tensor<f32[seq.2=4]> {
    %y = nn.rename %x [seq -> seq.2] : <f32[seq=4]> -> <f32[seq.2=4]>
    nn.return %y : !nn.tensor<f32[seq.2=4]>
  }
}

// -----

// A vocabulary head: maximum, sum and the label's logit are reduced, each [batch, seq]; so is the gradient of the
// activations, once. Logits never move.
module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = [[batch@dp], [vocab@tp]]>} {
  // CHECK-LABEL: nn.func @head
  // CHECK:         nn.contract {{.*}} -> <f32[batch=2@dp, seq=4, vocab=10@tp]>
  // CHECK:         dist.all_reduce max %{{.*}} over [tp] : <f32[batch=2@dp, seq=4], max@tp> -> <f32[batch=2@dp, seq=4]>
  // CHECK:         dist.all_reduce sum %{{.*}} over [tp] : <f32[batch=2@dp, seq=4], sum@tp> -> <f32[batch=2@dp, seq=4]>
  // CHECK:         dist.all_reduce sum %{{.*}} over [tp] : <f32[batch=2@dp, seq=4], sum@tp> -> <f32[batch=2@dp, seq=4]>
  // CHECK:         %[[DX:.*]] = nn.contract {{.*}} over [vocab] {{.*}} -> <f32[batch=2@dp, seq=4, embed=8], sum@tp>
  // CHECK-NEXT:    dist.all_reduce sum %[[DX]] over [tp]
  // CHECK-NOT:     = dist.
  nn.func @head(%x: !nn.tensor<f32[batch=2, seq=4, embed=8]>, %labels: !nn.tensor<i32[batch=2, seq=4]>, %w: !nn.tensor<f32[vocab=10, embed=8]> {nn.kind = "parameter"}) -> (!nn.tensor<f32[batch=2, seq=4]>, !nn.tensor<f32[batch=2, seq=4, embed=8]>) {
    %logits = nn.contract %x, %w over [embed] : <f32[batch=2, seq=4, embed=8]>, <f32[vocab=10, embed=8]> -> <f32[batch=2, seq=4, vocab=10]>
    %max = nn.reduce max %logits over [vocab] : <f32[batch=2, seq=4, vocab=10]> -> <f32[batch=2, seq=4]>
    %e = nn.map (%a = %logits : <f32[batch=2, seq=4, vocab=10]>, %b = %max : <f32[batch=2, seq=4]>) -> <f32[batch=2, seq=4, vocab=10]> {
      %0 = arith.subf %a, %b : f32
      %1 = math.exp %0 : f32
      nn.yield %1 : f32
    }
    %sum = nn.reduce sum %e over [vocab] : <f32[batch=2, seq=4, vocab=10]> -> <f32[batch=2, seq=4]>
    %label = nn.gather %logits[%labels] axis vocab : <f32[batch=2, seq=4, vocab=10]>, <i32[batch=2, seq=4]> -> <f32[batch=2, seq=4]>
    %loss = nn.map (%a = %sum : <f32[batch=2, seq=4]>, %b = %max : <f32[batch=2, seq=4]>, %c = %label : <f32[batch=2, seq=4]>) -> <f32[batch=2, seq=4]> {
      %0 = math.log %a : f32
      %1 = arith.addf %0, %b : f32
      %2 = arith.subf %1, %c : f32
      nn.yield %2 : f32
    }
    %ones = nn.map () -> <f32[batch=2, seq=4]> {
      %0 = arith.constant 1.0 : f32
      nn.yield %0 : f32
    }
    %hot = nn.scatter_add %ones[%labels] axis vocab : <f32[batch=2, seq=4]>, <i32[batch=2, seq=4]> -> <f32[vocab=10]>
    %d_logits = nn.map (%a = %e : <f32[batch=2, seq=4, vocab=10]>, %b = %sum : <f32[batch=2, seq=4]>) -> <f32[batch=2, seq=4, vocab=10]> {
      %0 = arith.divf %a, %b : f32
      nn.yield %0 : f32
    }
    %d_x = nn.contract %d_logits, %w over [vocab] : <f32[batch=2, seq=4, vocab=10]>, <f32[vocab=10, embed=8]> -> <f32[batch=2, seq=4, embed=8]>
    nn.return %loss, %d_x : !nn.tensor<f32[batch=2, seq=4]>, !nn.tensor<f32[batch=2, seq=4, embed=8]>
  }
}

// -----

// An embedding over a placed vocabulary: rows out of a rank's range are zero, the sum is scattered along seq.
module attributes {dist.plan = #dist.plan<mesh = [tp = 2], rules = [[vocab@tp], [seq@tp]]>} {
  // CHECK-LABEL: nn.func @embed
  // CHECK:         %[[TOKENS:.*]] = dist.all_gather %tokens axis seq over [tp]
  // CHECK:         %[[X:.*]] = nn.gather %table[%[[TOKENS]]] axis vocab {{.*}} -> <f32[seq=4, embed=8], sum@tp>
  // CHECK-NEXT:    dist.reduce_scatter sum %[[X]] axis seq over [tp]
  nn.func @embed(%tokens: !nn.tensor<i32[seq=4]>, %table: !nn.tensor<f32[vocab=10, embed=8]> {nn.kind = "parameter"}) -> !nn.tensor<f32[seq=4, embed=8]> {
    %x = nn.gather %table[%tokens] axis vocab : <f32[vocab=10, embed=8]>, <i32[seq=4]> -> <f32[seq=4, embed=8]>
    nn.return %x : !nn.tensor<f32[seq=4, embed=8]>
  }
}

// -----

// The global norm: squares of a placed and of a whole gradient. The whole one is masked, the sum is reduced once.
module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = [[mlp@tp]]>} {
  // CHECK-LABEL: nn.func @squared_norm
  // CHECK-SAME:    -> (!nn.tensor<f32[], sum@tp> {nn.kind = "accumulator"})
  // CHECK:         %[[MASKED:.*]] = dist.mask %{{.*}} over [tp] : <f32[]> -> <f32[], sum@tp>
  // CHECK:         nn.map (%{{.*}} = %{{.*}} : <f32[], sum@tp>, %{{.*}} = %[[MASKED]] : <f32[], sum@tp>) -> <f32[], sum@tp>
  nn.func @squared_norm(%placed: !nn.tensor<f32[mlp=4, embed=8]> {nn.kind = "gradient"}, %whole: !nn.tensor<f32[embed=8]> {nn.kind = "gradient"}) -> (!nn.tensor<f32[]> {nn.kind = "accumulator"}) {
    %a2 = nn.map (%a = %placed : <f32[mlp=4, embed=8]>) -> <f32[mlp=4, embed=8]> {
      %0 = arith.mulf %a, %a : f32
      nn.yield %0 : f32
    }
    %b2 = nn.map (%a = %whole : <f32[embed=8]>) -> <f32[embed=8]> {
      %0 = arith.mulf %a, %a : f32
      nn.yield %0 : f32
    }
    %a3 = nn.reduce sum %a2 over [mlp, embed] : <f32[mlp=4, embed=8]> -> <f32[]>
    %b3 = nn.reduce sum %b2 over [embed] : <f32[embed=8]> -> <f32[]>
    %sum = nn.map (%a = %a3 : <f32[]>, %b = %b3 : <f32[]>) -> <f32[]> {
      %0 = arith.addf %a, %b : f32
      nn.yield %0 : f32
    }
    nn.return %sum : !nn.tensor<f32[]>
  }
  // CHECK-LABEL: nn.func @norm
  // CHECK-COUNT-2: nn.call @squared_norm
  // CHECK:         %[[SUM:.*]] = nn.map {{.*}} -> <f32[], sum@tp>
  // CHECK:         %[[WHOLE:.*]] = dist.all_reduce sum %[[SUM]] over [tp]
  // CHECK-NEXT:    nn.map (%{{.*}} = %[[WHOLE]] : <f32[]>) -> <f32[]>
  // CHECK-NOT:     = dist.
  nn.func @norm(%placed: !nn.tensor<f32[mlp=4, embed=8]> {nn.kind = "gradient"}, %whole: !nn.tensor<f32[embed=8]> {nn.kind = "gradient"}) -> !nn.tensor<f32[]> {
    %a = nn.call @squared_norm(%placed, %whole) : (!nn.tensor<f32[mlp=4, embed=8]>, !nn.tensor<f32[embed=8]>) -> !nn.tensor<f32[]>
    %b = nn.call @squared_norm(%placed, %whole) : (!nn.tensor<f32[mlp=4, embed=8]>, !nn.tensor<f32[embed=8]>) -> !nn.tensor<f32[]>
    %sum = nn.map (%c = %a : <f32[]>, %d = %b : <f32[]>) -> <f32[]> {
      %0 = arith.addf %c, %d : f32
      nn.yield %0 : f32
    }
    %norm = nn.map (%c = %sum : <f32[]>) -> <f32[]> {
      %0 = math.sqrt %c : f32
      nn.yield %0 : f32
    }
    nn.return %norm : !nn.tensor<f32[]>
  }
}

// -----

// A weight that one function uses over positions and another does not: the second's contribution is masked, so
// that both add to one accumulator.
module attributes {dist.plan = #dist.plan<mesh = [tp = 2], rules = [[seq@tp]]>} {
  // CHECK-LABEL: nn.func @over_seq
  // CHECK-SAME:    %sum: !nn.tensor<f32[embed=8], sum@tp>
  nn.func @over_seq(%d: !nn.tensor<f32[seq=4, embed=8]>, %sum: !nn.tensor<f32[embed=8]> {nn.kind = "gradient"}) -> (!nn.tensor<f32[embed=8]> {nn.kind = "gradient"}) {
    %c = nn.reduce sum %d over [seq] : <f32[seq=4, embed=8]> -> <f32[embed=8]>
    %new = nn.map (%a = %sum : <f32[embed=8]>, %b = %c : <f32[embed=8]>) -> <f32[embed=8]> {
      %0 = arith.addf %a, %b : f32
      nn.yield %0 : f32
    }
    nn.return %new : !nn.tensor<f32[embed=8]>
  }
  // CHECK-LABEL: nn.func @pooled
  // CHECK-SAME:    %sum: !nn.tensor<f32[embed=8], sum@tp>
  // CHECK:         dist.mask %d over [tp]
  nn.func @pooled(%d: !nn.tensor<f32[embed=8]>, %sum: !nn.tensor<f32[embed=8]> {nn.kind = "gradient"}) -> (!nn.tensor<f32[embed=8]> {nn.kind = "gradient"}) {
    %new = nn.map (%a = %sum : <f32[embed=8]>, %b = %d : <f32[embed=8]>) -> <f32[embed=8]> {
      %0 = arith.addf %a, %b : f32
      nn.yield %0 : f32
    }
    nn.return %new : !nn.tensor<f32[embed=8]>
  }
  // CHECK-LABEL: nn.func @tied
  // CHECK-SAME:    -> (!nn.tensor<f32[embed=8], sum@tp> {nn.kind = "gradient"})
  // CHECK-NOT:     = dist.
  nn.func @tied(%x: !nn.tensor<f32[seq=4, embed=8]>, %y: !nn.tensor<f32[embed=8]>, %sum: !nn.tensor<f32[embed=8]> {nn.kind = "gradient"}) -> (!nn.tensor<f32[embed=8]> {nn.kind = "gradient"}) {
    %a = nn.call @pooled(%y, %sum) : (!nn.tensor<f32[embed=8]>, !nn.tensor<f32[embed=8]>) -> !nn.tensor<f32[embed=8]>
    %b = nn.call @over_seq(%x, %a) : (!nn.tensor<f32[seq=4, embed=8]>, !nn.tensor<f32[embed=8]>) -> !nn.tensor<f32[embed=8]>
    nn.return %b : !nn.tensor<f32[embed=8]>
  }
}

// -----

// Nobody closes what an entry leaves partial: it returns its loss whole.
module attributes {dist.plan = #dist.plan<mesh = [dp = 2], rules = [[batch@dp]]>} {
  // CHECK-LABEL: nn.func @eval
  // CHECK:         %[[SUM:.*]] = nn.reduce
  // CHECK-NEXT:    dist.all_reduce sum %[[SUM]] over [dp]
  nn.func @eval(%x: !nn.tensor<f32[batch=4]>) -> (!nn.tensor<f32[]> {nn.kind = "accumulator"}) {
    %sum = nn.reduce sum %x over [batch] : <f32[batch=4]> -> <f32[]>
    nn.return %sum : !nn.tensor<f32[]>
  }
}

// -----

// A mesh axis of size 1 places nothing.
module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 1], rules = [[batch@dp], [mlp@tp]]>} {
  // CHECK-LABEL: nn.func @sizes
  // CHECK-SAME:    %x: !nn.tensor<f32[batch=4@dp, mlp=3]>
  nn.func @sizes(%x: !nn.tensor<f32[batch=4, mlp=3]>) -> !nn.tensor<f32[batch=4, mlp=3]> {
    nn.return %x : !nn.tensor<f32[batch=4, mlp=3]>
  }
}

// -----

// expected-error @+1 {{has no 'dist.plan' to place by}}
module {}

// -----

module attributes {dist.plan = #dist.plan<mesh = [tp = 2], rules = [[mlp@tp, embed@tp]]>} {
  // expected-error @+2 {{axes 'mlp' and 'embed' both claim mesh axis 'tp' in rules of one level}}
  // expected-note @+1 {{write the two rules as two levels: the first one wins}}
  nn.func @claims(%x: !nn.tensor<f32[mlp=4, embed=8]>) -> !nn.tensor<f32[mlp=4, embed=8]> {
    nn.return %x : !nn.tensor<f32[mlp=4, embed=8]>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [tp = 4], rules = [[heads@tp]]>} {
  // expected-error @+2 {{axis 'heads' has size 6, which mesh axis 'tp' (4) does not divide}}
  // expected-note @+1 {{'tp' can be 1, 2, 3 or 6 here}}
  nn.func @divides(%x: !nn.tensor<f32[heads=6]>) -> !nn.tensor<f32[heads=6]> {
    nn.return %x : !nn.tensor<f32[heads=6]>
  }
}
