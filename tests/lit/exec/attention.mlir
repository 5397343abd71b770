// RUN: shardc-opt %s | shardc-opt | FileCheck %s
// RUN: shardc-opt %s --exec-layout --exec-lower | FileCheck %s --check-prefix=LOWER

// Two query heads share each key; heads are placed on tp, queries stay whole. Query, key and value are views of one product.
!Q = !nn.tensor<f32[batch=4@dp, seq=6, kv_heads=2@tp, group=2, head_dim=8]>
!K = !nn.tensor<f32[batch=4@dp, key_seq=6, kv_heads=2@tp, head_dim=8]>
!L = !nn.tensor<f32[batch=4@dp, seq=6, kv_heads=2@tp, group=2]>
!P = !nn.tensor<i32[seq=6]>
module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = [[batch@dp], [kv_heads@tp]]>} {
// LOWER-LABEL: exec.func @attend
// LOWER: exec.rope %q at %positions -> %[[Q:.*]] loops [batch=2: 96, 0, 96][seq=6: 16, 1, 16][group=2: 8, 0, 8] dim [head_dim=8: 1, 1]
// LOWER: exec.attention %[[Q]], %k, %v random %key -> %{{.*}}, %{{.*}} batch [batch=2: 96, 48, 48, 96, 12] kv_head [1: 0, 0, 0, 0, 0]
// LOWER-SAME: group [group=2: 8, 0, 0, 8, 1] query [seq=6: 16, 0, 0, 16, 2] key [key_seq=6: 0, 8, 8, 0, 0] dim [head_dim=8: 1, 1, 0, 0, 0] value_dim [head_dim=8: 0, 0, 1, 1, 0]
// LOWER-SAME: batch_start = #exec.rank<dp * 2>, causal = true
// LOWER-SAME: groups = 2 : i64, key_size = 6 : i64, kv_head_start = #exec.rank<tp * 1>, query_size = 6 : i64
// CHECK: nn.attention
nn.func @attend(%q: !Q, %k: !K, %v: !K, %positions: !P, %key: !nn.key) -> (!Q, !L) {
  %r = nn.rope %q at %positions over head_dim {theta = 1.0e4 : f64} : !Q, !P -> !Q
  %y, %lse = nn.attention %r, %k, %v random %key over [head_dim] query seq key key_seq {causal = true, dropout = 1.0e-1 : f64, scale = 0.5 : f64}
    : !Q, !K, !K -> !Q, !L
  nn.return %y, %lse : !Q, !L
}
}
