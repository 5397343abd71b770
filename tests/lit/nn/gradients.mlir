// RUN: shardc-opt --nn-differentiate --split-input-file %s | FileCheck %s

// The gradient of each op, in the smallest program that shows it.

!x = !nn.tensor<f32[seq=4, embed=8]>
!w = !nn.tensor<f32[embed=8]>
nn.func @main(%x: !x {nn.kind = "parameter"}, %w: !w {nn.kind = "parameter"}) -> !x {
  %y = nn.map (%a = %x : !x, %b = %w : !w) -> !x {
    %0 = math.exp %a : f32
    %1 = arith.mulf %0, %b : f32
    nn.yield %1 : f32
  } loc("y")
  nn.return %y : !x
}
// CHECK-LABEL: nn.func @main_backward(
// CHECK-NEXT:   %d_x, %d_w = nn.map (%a = %x : <f32[seq=4, embed=8]>, %b = %w : <f32[embed=8]>, %d_y_1 = %d_y : <f32[seq=4, embed=8]>) -> <f32[seq=4, embed=8]>, <f32[seq=4, embed=8]> {
// CHECK-NEXT:   %0 = math.exp %a : f32
// CHECK-NEXT:   %1 = arith.mulf %d_y_1, %b : f32
// CHECK-NEXT:   %2 = arith.mulf %d_y_1, %0 : f32
// CHECK-NEXT:   %3 = arith.mulf %1, %0 : f32
// CHECK-NEXT:   nn.yield %3, %2 : f32, f32
// CHECK-NEXT:   }
// CHECK-NEXT:   %d_w_0 = nn.reduce sum %d_w over [seq]
// CHECK-NEXT:   nn.return %d_x, %d_w_0
// CHECK-NEXT: }

// -----
// What is passed through is not computed: d_x is d_y, and the broadcast operand is its sum.
!x = !nn.tensor<f32[seq=4, embed=8]>
!w = !nn.tensor<f32[embed=8]>
nn.func @main(%x: !x {nn.kind = "parameter"}, %w: !w {nn.kind = "parameter"}) -> !x {
  %y = nn.map (%a = %x : !x, %b = %w : !w) -> !x {
    %0 = arith.subf %a, %b : f32
    %1 = arith.subf %0, %b : f32
    nn.yield %1 : f32
  } loc("y")
  nn.return %y : !x
}
// CHECK-LABEL: nn.func @main_backward(
// CHECK-NEXT:   %d_w = nn.map (%d_y_1 = %d_y : <f32[seq=4, embed=8]>) -> <f32[seq=4, embed=8]> {
// CHECK-NEXT:   %0 = arith.negf %d_y_1 : f32
// CHECK-NEXT:   %1 = arith.subf %0, %d_y_1 : f32
// CHECK-NEXT:   nn.yield %1 : f32
// CHECK-NEXT:   }
// CHECK-NEXT:   %d_w_0 = nn.reduce sum %d_w over [seq]
// CHECK-NEXT:   nn.return %d_y, %d_w_0
// CHECK-NEXT: }

// -----
// An operand whose axes stand in another order gets its gradient in that order.
!x = !nn.tensor<f32[seq=4, embed=8]>
!t = !nn.tensor<f32[embed=8, seq=4]>
nn.func @main(%x: !x {nn.kind = "parameter"}, %t: !t {nn.kind = "parameter"}) -> !x {
  %y = nn.map (%a = %x : !x, %b = %t : !t) -> !x {
    %0 = arith.mulf %a, %b : f32
    nn.yield %0 : f32
  } loc("y")
  nn.return %y : !x
}
// CHECK-LABEL: nn.func @main_backward(
// CHECK-NEXT:   %d_x = nn.map (%b = %t : <f32[embed=8, seq=4]>, %d_y_0 = %d_y : <f32[seq=4, embed=8]>) -> <f32[seq=4, embed=8]> {
// CHECK-NEXT:   %0 = arith.mulf %d_y_0, %b : f32
// CHECK-NEXT:   nn.yield %0 : f32
// CHECK-NEXT:   }
// CHECK-NEXT:   %d_t = nn.map (%a = %x : <f32[seq=4, embed=8]>, %d_y_0 = %d_y : <f32[seq=4, embed=8]>) -> <f32[embed=8, seq=4]> {
// CHECK-NEXT:   %0 = arith.mulf %d_y_0, %a : f32
// CHECK-NEXT:   nn.yield %0 : f32
// CHECK-NEXT:   }
// CHECK-NEXT:   nn.return %d_x, %d_t
// CHECK-NEXT: }

// -----
// A batched axis (heads) is kept, result axes are the operand's.
!q = !nn.tensor<f32[seq=4, heads=2, head_dim=3]>
!k = !nn.tensor<f32[heads=2, key_seq=5, head_dim=3]>
!s = !nn.tensor<f32[key_seq=5, heads=2, seq=4]>
nn.func @main(%q: !q {nn.kind = "parameter"}, %k: !k {nn.kind = "parameter"}) -> !s {
  %s = nn.contract %q, %k over [head_dim] : !q, !k -> !s loc("s")
  nn.return %s : !s
}
// CHECK-LABEL: nn.func @main_backward(
// CHECK-NEXT:   %d_q = nn.contract %d_s, %k over [key_seq]
// CHECK-NEXT:   %d_k = nn.contract %d_s, %q over [seq]
// CHECK-NEXT:   nn.return %d_q, %d_k
// CHECK-NEXT: }

// -----
!x = !nn.tensor<f32[seq=4, embed=8]>
!r = !nn.tensor<f32[seq=4]>
nn.func @main(%x: !x {nn.kind = "parameter"}) -> (!r, !r) {
  %s = nn.reduce sum %x over [embed] : !x -> !r loc("s")
  %m = nn.reduce max %x over [embed] : !x -> !r loc("m")
  nn.return %s, %m : !r, !r
}
// CHECK-LABEL: nn.func @main_backward(
// CHECK-NEXT:   %m = nn.unpack %saved
// CHECK-NEXT:   %is_max = nn.map (%a = %x : <f32[seq=4, embed=8]>, %b = %m : <f32[seq=4]>) -> <f32[seq=4, embed=8]> {
// CHECK-NEXT:   %cst = arith.constant 0.000000e+00 : f32
// CHECK-NEXT:   %cst_1 = arith.constant 1.000000e+00 : f32
// CHECK-NEXT:   %0 = arith.cmpf oeq, %a, %b : f32
// CHECK-NEXT:   %1 = arith.select %0, %cst_1, %cst : f32
// CHECK-NEXT:   nn.yield %1 : f32
// CHECK-NEXT:   }
// CHECK-NEXT:   %ties = nn.reduce sum %is_max over [embed]
// CHECK-NEXT:   %d_x = nn.map (%a = %is_max : <f32[seq=4, embed=8]>, %b = %ties : <f32[seq=4]>, %c = %d_m : <f32[seq=4]>) -> <f32[seq=4, embed=8]> {
// CHECK-NEXT:   %0 = arith.divf %c, %b : f32
// CHECK-NEXT:   %1 = arith.mulf %a, %0 : f32
// CHECK-NEXT:   nn.yield %1 : f32
// CHECK-NEXT:   }
// CHECK-NEXT:   %d_x_0 = nn.map (%a = %d_x : <f32[seq=4, embed=8]>, %b = %d_s : <f32[seq=4]>) -> <f32[seq=4, embed=8]> {
// CHECK-NEXT:   %0 = arith.addf %a, %b : f32
// CHECK-NEXT:   nn.yield %0 : f32
// CHECK-NEXT:   }
// CHECK-NEXT:   nn.return %d_x_0
// CHECK-NEXT: }

// -----
!t = !nn.tensor<f32[vocab=9, embed=8]>
!i = !nn.tensor<i32[seq=4]>
!x = !nn.tensor<f32[seq=4, embed=8]>
nn.func @main(%i: !i, %t: !t {nn.kind = "parameter"}) -> !x {
  %x = nn.gather %t[%i] axis vocab : !t, !i -> !x loc("x")
  nn.return %x : !x
}
// CHECK-LABEL: nn.func @main_backward(
// CHECK-NEXT:   %d_t = nn.scatter_add %d_x[%i] axis vocab
// CHECK-NEXT:   nn.return %d_t
// CHECK-NEXT: }

// -----
// The updates' axis `embed` was summed away: its gradient is repeated.
!t = !nn.tensor<f32[vocab=9]>
!i = !nn.tensor<i32[seq=4]>
!x = !nn.tensor<f32[seq=4, embed=8]>
nn.func @main(%i: !i, %x: !x {nn.kind = "parameter"}) -> !t {
  %t = nn.scatter_add %x[%i] axis vocab : !x, !i -> !t loc("t")
  nn.return %t : !t
}
// CHECK-LABEL: nn.func @main_backward(
// CHECK-NEXT:   %d_x = nn.gather %d_t[%i] axis vocab
// CHECK-NEXT:   %d_x_0 = nn.map (%a = %d_x : <f32[seq=4]>) -> <f32[seq=4, embed=8]> {
// CHECK-NEXT:   nn.yield %a : f32
// CHECK-NEXT:   }
// CHECK-NEXT:   nn.return %d_x_0
// CHECK-NEXT: }

// -----
!q = !nn.tensor<f32[seq=4, heads=2, head_dim=4]>
!k = !nn.tensor<f32[key_seq=4, heads=2, head_dim=4]>
!l = !nn.tensor<f32[seq=4, heads=2]>
nn.func @main(%q: !q {nn.kind = "parameter"}, %k: !k {nn.kind = "parameter"}, %v: !k, %key: !nn.key) -> !q {
  %y, %lse = nn.attention %q, %k, %v random %key over [head_dim] query seq key key_seq
    {causal = true, scale = 0.5 : f64, dropout = 0.1 : f64, site = 3 : i32} : !q, !k, !k -> !q, !l loc("y")
  nn.return %y : !q
}
// CHECK-LABEL: nn.func @main_backward(
// CHECK-NEXT:   %y, %lse = nn.unpack %saved
// CHECK-NEXT:   %d_query, %d_key, %d_value = nn.attention_backward %q, %k, %v out %y, %lse, %d_y random %key over [head_dim] query seq key key_seq {causal = true, dropout = 1.000000e-01 : f64, scale = 5.000000e-01 : f64, site = 3 : i32}
// CHECK-NEXT:   nn.return %d_query, %d_key
// CHECK-NEXT: }

// -----
!x = !nn.tensor<f32[batch=2, seq=4, head_dim=8]>
nn.func @main(%x: !x {nn.kind = "parameter"}, %key: !nn.key) -> !x {
  %p = nn.iota : !nn.tensor<i32[seq=4]> loc("positions")
  %y = nn.rope %x at %p over head_dim {theta = 1.0e4 : f64} : !x, !nn.tensor<i32[seq=4]> -> !x loc("y")
  %z = nn.dropout %y random %key {p = 0.5 : f64, site = 2 : i32} : !x -> !x loc("z")
  nn.return %z : !x
}
// CHECK-LABEL: nn.func @main_backward(
// CHECK-NEXT:   %d_y = nn.dropout %d_z random %key {p = 5.000000e-01 : f64, site = 2 : i32}
// CHECK-NEXT:   %positions = nn.iota
// CHECK-NEXT:   %d_x = nn.rope %d_y at %positions over head_dim {inverse = true, theta = 1.000000e+04 : f64}
// CHECK-NEXT:   nn.return %d_x
// CHECK-NEXT: }

// -----
!x = !nn.tensor<f32[seq=4, heads=6]>
nn.func @main(%x: !x {nn.kind = "parameter"}) -> !nn.tensor<f32[key_seq=4, heads=6]> {
  %s = nn.split %x [heads -> kv_heads, group] : !x -> !nn.tensor<f32[seq=4, kv_heads=3, group=2]> loc("s")
  %m = nn.merge %s [kv_heads, group -> heads] : !nn.tensor<f32[seq=4, kv_heads=3, group=2]> -> !x loc("m")
  %r = nn.rename %m [seq -> key_seq] : !x -> !nn.tensor<f32[key_seq=4, heads=6]> loc("r")
  nn.return %r : !nn.tensor<f32[key_seq=4, heads=6]>
}
// CHECK-LABEL: nn.func @main_backward(
// CHECK-NEXT:   %d_m = nn.rename %d_r[key_seq -> seq]
// CHECK-NEXT:   %d_s = nn.split %d_m[heads -> kv_heads, group]
// CHECK-NEXT:   %d_x = nn.merge %d_s[kv_heads, group -> heads]
// CHECK-NEXT:   nn.return %d_x
// CHECK-NEXT: }

// -----
// No gradient arrives for the second part: zeros.
!x = !nn.tensor<f32[qk=6]>
nn.func @main(%x: !x {nn.kind = "parameter"}) -> !nn.tensor<f32[nope=4]> {
  %a, %b = nn.slice %x [qk -> nope, rot] : !x -> !nn.tensor<f32[nope=4]>, !nn.tensor<f32[rot=2]> loc("a")
  nn.return %a : !nn.tensor<f32[nope=4]>
}
// CHECK-LABEL: nn.func @main_backward(
// CHECK-NEXT:   %zero = nn.map () -> <f32[rot=2]> {
// CHECK-NEXT:   %cst = arith.constant 0.000000e+00 : f32
// CHECK-NEXT:   nn.yield %cst : f32
// CHECK-NEXT:   }
// CHECK-NEXT:   %d_x = nn.concat %d_a, %zero[nope, rot -> qk]
// CHECK-NEXT:   nn.return %d_x
// CHECK-NEXT: }

// -----
!x = !nn.tensor<f32[lo=4]>
!z = !nn.tensor<f32[hi=4]>
nn.func @main(%x: !x {nn.kind = "parameter"}, %z: !z {nn.kind = "parameter"}) -> !nn.tensor<f32[all=8]> {
  %c = nn.concat %x, %z [lo, hi -> all] : !x, !z -> !nn.tensor<f32[all=8]> loc("c")
  nn.return %c : !nn.tensor<f32[all=8]>
}
// CHECK-LABEL: nn.func @main_backward(
// CHECK-NEXT:   %d_c_0, %d_c_1 = nn.slice %d_c[all -> lo, hi]
// CHECK-NEXT:   nn.return %d_c_0, %d_c_1
// CHECK-NEXT: }

// -----
!x = !nn.tensor<f32[seq=4]>
!p = !nn.tensor<f32[two=2, seq=4]>
nn.func @main(%x: !x {nn.kind = "parameter"}, %z: !x {nn.kind = "parameter"}) -> !x {
  %p = nn.stack %x, %z axis two : !x, !x -> !p loc("p")
  %a, %b = nn.unstack %p axis two : !p -> !x, !x loc("a")
  nn.return %b : !x
}
// CHECK-LABEL: nn.func @main_backward(
// CHECK-NEXT:   %zero = nn.map () -> <f32[seq=4]> {
// CHECK-NEXT:   %cst = arith.constant 0.000000e+00 : f32
// CHECK-NEXT:   nn.yield %cst : f32
// CHECK-NEXT:   }
// CHECK-NEXT:   %d_p = nn.stack %zero, %d_a axis two
// CHECK-NEXT:   %d_p_0, %d_p_1 = nn.unstack %d_p axis two
// CHECK-NEXT:   nn.return %d_p_0, %d_p_1
// CHECK-NEXT: }

// -----
// Nothing flows back through a detached value.
!x = !nn.tensor<f32[seq=4]>
nn.func @main(%x: !x {nn.kind = "parameter"}) -> !x {
  %d = nn.detach %x : !x -> !x loc("d")
  %y = nn.map (%a = %x : !x, %b = %d : !x) -> !x {
    %0 = arith.mulf %a, %b : f32
    nn.yield %0 : f32
  } loc("y")
  nn.return %y : !x
}
// CHECK-LABEL: nn.func @main_backward(
// CHECK-NEXT:   %d_x = nn.map (%b = %x : <f32[seq=4]>, %d_y_0 = %d_y : <f32[seq=4]>) -> <f32[seq=4]> {
// CHECK-NEXT:   %0 = arith.mulf %d_y_0, %b : f32
// CHECK-NEXT:   nn.yield %0 : f32
// CHECK-NEXT:   }
// CHECK-NEXT:   nn.return %d_x
// CHECK-NEXT: }
