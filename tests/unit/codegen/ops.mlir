// One rank: every kind of loop, product and row op, in sizes that take each of the emitter's paths.
!M = !exec.buffer<f32[row=96, col=200]>
!R = !exec.buffer<f32[row=96]>
!C = !exec.buffer<f32[col=200]>
!F = !exec.buffer<f32[]>
!S = !exec.buffer<i64[]>
!K = !exec.buffer<f32[p=3, row=70, col=5]>
!L = !exec.buffer<f32[r=8, c=5000]>
!W = !exec.buffer<f32[k=2:18000, c=6000:1, r=3:6000]>
!A = !exec.buffer<f32[m=24, k=40]>
!B = !exec.buffer<f32[n=56, k=40]>
!D = !exec.buffer<f32[m=24, n=56]>
!ids = !exec.buffer<i32[n=2000]>
!table = !exec.buffer<f32[vocab=50, embed=16]>
!rows = !exec.buffer<f32[n=2000, embed=16]>
!labels = !exec.buffer<i32[n=300]>
!logits = !exec.buffer<f32[n=300, vocab=60]>
!picked = !exec.buffer<f32[n=300]>
!heads = !exec.buffer<f32[seq=32, head=4, d=16]>
!positions = !exec.buffer<i32[seq=32]>
!q = !exec.buffer<f32[batch=2, seq=40, kv_heads=2, group=2, d=8]>
!k = !exec.buffer<f32[batch=2, key_seq=40, kv_heads=2, d=8]>
!o = !exec.buffer<f32[batch=2, seq=40, kv_heads=2, group=2, d=8]>
!l = !exec.buffer<f32[batch=2, kv_heads=2, group=2, seq=40]>
!pair = !exec.struct<pair, left: f32[row=96], right: f32[row=96]>
!nested = !exec.struct<nested, inner: !pair, scale: f32[]>

module {
exec.global @scalars.step "step" : !S
exec.global @scalars.first_sample "first_sample" : !S
exec.global @a "in" : !M
exec.global @b "in" : !M
exec.global @e1 "out" : !M
exec.global @e2 "out" : !M
exec.global @e3 "out" : !M
exec.global @sums "out" : !R
exec.global @largest "out" : !R
exec.global @scaled "out" : !M
exec.global @columns "out" : !C
exec.global @column_max "out" : !C
exec.global @total "out" : !F
exec.global @kept "in" : !K
exec.global @kept_sum "out" : !exec.buffer<f32[p=3, col=5]>
exec.global @long "in" : !L
exec.global @long_sum "out" : !exec.buffer<f32[r=8]>
exec.global @whole "in" : !W
exec.global @whole_sum "out" : !exec.buffer<f32[k=2]>
exec.global @left "in" : !A
exec.global @right "in" : !B
exec.global @product "out" : !D
exec.global @batched "out" : !exec.buffer<f32[g=3, m=8, n=56]>
exec.global @ids "out" : !ids
exec.global @table "in" : !table
exec.global @rows "out" : !rows
exec.global @d_table "out" : !table
exec.global @d_table_twice "out" : !table
exec.global @labels "out" : !labels
exec.global @logits "in" : !logits
exec.global @picked "out" : !picked
exec.global @d_logits "out" : !logits
exec.global @transposed "out" : !exec.buffer<f32[col=200, row=96]>
exec.global @dropped "out" : !M
exec.global @heads "in" : !heads
exec.global @positions "out" : !positions
exec.global @turned "out" : !heads
exec.global @turned_back "out" : !heads
exec.global @q "in" : !q
exec.global @k "in" : !k
exec.global @v "in" : !k
exec.global @o "out" : !o
exec.global @lse "out" : !l
exec.global @d_o "in" : !o
exec.global @d_q "out" : !q
exec.global @d_k "out" : !k
exec.global @d_v "out" : !k
exec.global @nested "out" : !nested
exec.global @slots "in" : !exec.buffer<f32[slot=4, row=96]>
exec.global @slot_sum "out" : !R

exec.func @init() entry {
  %zero = exec.buffer : !S
  exec.kernel "zero" loops () -> (write %zero) : !S {
    %0 = arith.constant 0 : i64
    exec.yield %0 : i64
  }
  %key = exec.key %zero, %zero : !S, !S
  %a = exec.address @a : !M
  %b = exec.address @b : !M
  %kept = exec.address @kept : !K
  %long = exec.address @long : !L
  %whole = exec.address @whole : !W
  %left = exec.address @left : !A
  %right = exec.address @right : !B
  %table = exec.address @table : !table
  %logits = exec.address @logits : !logits
  %heads = exec.address @heads : !heads
  %q = exec.address @q : !q
  %k = exec.address @k : !k
  %v = exec.address @v : !k
  %d_o = exec.address @d_o : !o
  %slots = exec.address @slots : !exec.buffer<f32[slot=4, row=96]>
  %columns = exec.address @columns : !C
  exec.random %key -> %a loops [row*col=19200: 1, 1] start [0] {std = 1.0 : f64, site = 0 : i32} : !M
  exec.random %key -> %b loops [row=96: 200, 1][col=200: 1, 96] start [0] {std = 1.0 : f64, site = 1 : i32} : !M
  exec.random %key -> %kept loops [p*row*col=1050: 1, 1] start [0] {std = 1.0 : f64, site = 2 : i32} : !K
  exec.random %key -> %long loops [r*c=40000: 1, 1] start [0] {std = 1.0 : f64, site = 3 : i32} : !L
  exec.random %key -> %whole loops [k=2: 18000, 18000][c=6000: 1, 3][r=3: 6000, 1] start [7] {std = 1.0 : f64, site = 4 : i32} : !W
  exec.random %key -> %left loops [m*k=960: 1, 1] start [0] {std = 1.0 : f64, site = 5 : i32} : !A
  exec.random %key -> %right loops [n*k=2240: 1, 1] start [0] {std = 1.0 : f64, site = 6 : i32} : !B
  exec.random %key -> %table loops [vocab*embed=800: 1, 1] start [0] {std = 1.0 : f64, site = 7 : i32} : !table
  exec.random %key -> %logits loops [n*vocab=18000: 1, 1] start [0] {std = 1.0 : f64, site = 8 : i32} : !logits
  exec.random %key -> %heads loops [seq*head*d=2048: 1, 1] start [0] {std = 1.0 : f64, site = 9 : i32} : !heads
  exec.random %key -> %q loops [batch*seq*kv_heads*group*d=2560: 1, 1] start [0] {std = 1.0 : f64, site = 10 : i32} : !q
  exec.random %key -> %k loops [batch*key_seq*kv_heads*d=1280: 1, 1] start [0] {std = 1.0 : f64, site = 11 : i32} : !k
  exec.random %key -> %v loops [batch*key_seq*kv_heads*d=1280: 1, 1] start [0] {std = 1.0 : f64, site = 12 : i32} : !k
  exec.random %key -> %d_o loops [batch*seq*kv_heads*group*d=2560: 1, 1] start [0] {std = 1.0 : f64, site = 13 : i32} : !o
  exec.random %key -> %slots loops [slot*row=384: 1, 1] start [0] {std = 1.0 : f64, site = 14 : i32} : !exec.buffer<f32[slot=4, row=96]>
  exec.random %key -> %columns loops [col=200: 1, 1] start [0] {std = 1.0 : f64, site = 15 : i32} : !C
}

// left = x / (1 + |x|), right = left of the struct that came in; both by pointers that were packed.
exec.func @inner(in %x: !R, in %given: !pair, out %made: !pair) {
  %left = exec.field %made "left" : !pair
  %right = exec.field %made "right" : !pair
  %other = exec.field %given "left" : !pair
  exec.kernel "inner_left" loops [row=96: 1, 1, 1] (%e = %x) -> (write %left, write %right) : !R, !R, !R {
    %one = arith.constant 1.0 : f32
    %0 = math.absf %e : f32
    %1 = arith.addf %0, %one : f32
    %2 = arith.divf %e, %1 : f32
    exec.yield %2, %e : f32, f32
  }
  exec.kernel "inner_right" loops [row=96: 1, 1, 1] (%e = %right, %g = %other) -> (write %right) : !R, !R, !R {
    %0 = arith.subf %e, %g : f32
    exec.yield %0 : f32
  }
}
exec.func @outer(in %x: !R, in %y: !R, out %made: !pair) {
  %pair = exec.pack(%y, %x) : !pair
  exec.call @inner(%x, %pair, %made) : !R, !pair, !pair
}

exec.func @step() entry {
  %a = exec.address @a : !M
  %b = exec.address @b : !M
  %e1 = exec.address @e1 : !M
  %e2 = exec.address @e2 : !M
  %e3 = exec.address @e3 : !M
  exec.kernel "elementwise" loops [row*col=19200: 1, 1, 1, 1] (%x = %a, %y = %b) -> (write %e1, write %e2) : !M, !M, !M, !M {
    %half = arith.constant 0.5 : f32
    %zero = arith.constant 0.0 : f32
    %one = arith.constant 1.0 : f32
    %0 = math.tanh %x : f32
    %1 = math.erf %y : f32
    %2 = arith.mulf %0, %1 : f32
    %3 = math.exp %x : f32
    %4 = arith.addf %2, %3 : f32
    %5 = arith.cmpf ogt, %x, %y : f32
    %6 = math.exp %y : f32
    %7 = arith.addf %6, %one : f32
    %8 = math.log %7 : f32
    %9 = math.absf %x : f32
    %10 = math.sqrt %9 : f32
    %11 = arith.select %5, %8, %10 : f32
    %12 = arith.maximumf %x, %zero : f32
    %13 = arith.minimumf %y, %half : f32
    %14 = arith.subf %12, %13 : f32
    %15 = arith.subf %11, %14 : f32
    %16 = arith.mulf %y, %y : f32
    %17 = arith.addf %16, %one : f32
    %18 = math.rsqrt %17 : f32
    %19 = arith.divf %15, %18 : f32
    exec.yield %4, %19 : f32, f32
  }
  exec.kernel "in_place" loops [row*col=19200: 1, 1, 1] (%x = %e1) -> (write %e1, write %e3) : !M, !M, !M {
    %half = arith.constant 0.5 : f32
    %0 = arith.mulf %x, %half : f32
    %1 = arith.addf %x, %half : f32
    exec.yield %0, %1 : f32, f32
  }
  %sums = exec.address @sums : !R
  %largest = exec.address @largest : !R
  exec.kernel "row_sum" loops [row=96: 200, 200, 1][col=200: 1, 1, 0] (%x = %a, %y = %b) -> (sum %sums) : !M, !M, !R {
    %0 = arith.mulf %x, %y : f32
    exec.yield %0 : f32
  }
  exec.kernel "row_max" loops [row=96: 200, 1][col=200: 1, 0] (%x = %a) -> (max %largest) : !M, !R {
    exec.yield %x : f32
  }
  %scaled = exec.address @scaled : !M
  exec.kernel "scale_rows" loops [row=96: 200, 1, 1, 200][col=200: 1, 0, 0, 1] (%x = %a, %s = %sums, %m = %largest) -> (write %scaled) : !M, !R, !R, !M {
    %0 = math.exp %m : f32
    %1 = arith.divf %s, %0 : f32
    %2 = arith.mulf %x, %1 : f32
    exec.yield %2 : f32
  }
  %columns = exec.address @columns : !C
  %column_max = exec.address @column_max : !C
  exec.kernel "column_sum" loops [row=96: 200, 200, 0][col=200: 1, 1, 1] (%x = %a, %y = %b) -> (add %columns) : !M, !M, !C {
    %0 = arith.mulf %x, %y : f32
    exec.yield %0 : f32
  }
  exec.kernel "column_max" loops [row=96: 200, 0][col=200: 1, 1] (%x = %a) -> (max %column_max) : !M, !C {
    exec.yield %x : f32
  }
  %total = exec.address @total : !F
  exec.kernel "total" loops [row*col=19200: 1, 0] (%x = %a) -> (sum %total) : !M, !F {
    %0 = arith.mulf %x, %x : f32
    exec.yield %0 : f32
  }
  %kept = exec.address @kept : !K
  %kept_sum = exec.address @kept_sum : !exec.buffer<f32[p=3, col=5]>
  exec.kernel "kept_sum" loops [p=3: 350, 5][row=70: 5, 0][col=5: 1, 1] (%x = %kept) -> (sum %kept_sum) : !K, !exec.buffer<f32[p=3, col=5]> {
    exec.yield %x : f32
  }
  %long = exec.address @long : !L
  %long_sum = exec.address @long_sum : !exec.buffer<f32[r=8]>
  exec.kernel "long_sum" loops [r=8: 5000, 1][c=5000: 1, 0] (%x = %long) -> (sum %long_sum) : !L, !exec.buffer<f32[r=8]> {
    exec.yield %x : f32
  }
  %whole = exec.address @whole : !W
  %whole_sum = exec.address @whole_sum : !exec.buffer<f32[k=2]>
  exec.kernel "whole_sum" loops [k=2: 18000, 1][c=6000: 1, 0][r=3: 6000, 0] (%x = %whole) -> (sum %whole_sum) : !W, !exec.buffer<f32[k=2]> {
    exec.yield %x : f32
  }

  %left = exec.address @left : !A
  %right = exec.address @right : !B
  %product = exec.address @product : !D
  exec.gemm %left, %right -> %product m [m=24: 40, 0, 56] n [n=56: 0, 40, 1] k [k=40: 1, 1, 0] beta 0 : !A, !B, !D
  exec.gemm %left, %right -> %product m [m=24: 40, 0, 56] n [n=56: 0, 40, 1] k [k=40: 1, 1, 0] beta 1 : !A, !B, !D
  %batched = exec.address @batched : !exec.buffer<f32[g=3, m=8, n=56]>
  %left_parts = exec.view %left [0] : !A -> !exec.buffer<f32[g=3, m=8, k=40]>
  exec.gemm %left_parts, %right -> %batched m [m=8: 40, 0, 56] n [n=56: 0, 40, 1] k [k=40: 1, 1, 0] batch [g=3: 320, 0, 448] beta 0
    : !exec.buffer<f32[g=3, m=8, k=40]>, !B, !exec.buffer<f32[g=3, m=8, n=56]>

  %ids = exec.address @ids : !ids
  exec.iota -> %ids loops [n=2000: 1, 1] start [3] : !ids
  exec.kernel "hash" loops [n=2000: 1, 1] (%i = %ids) -> (write %ids) : !ids, !ids {
    %seven = arith.constant 7 : i32
    %most = arith.constant 53 : i32
    %0 = arith.muli %i, %seven : i32
    %1 = arith.remsi %0, %most : i32
    exec.yield %1 : i32
  }
  %table = exec.address @table : !table
  %rows = exec.address @rows : !rows
  %d_table = exec.address @d_table : !table
  %d_table_twice = exec.address @d_table_twice : !table
  exec.gather %table[%ids] -> %rows loops [n=2000: 0, 1, 16][embed=16: 1, 0, 1] axis [vocab=50: 16] start [1] : !table, !ids, !rows
  exec.scatter_add %rows[%ids] -> %d_table loops [n=2000: 16, 1, 0][embed=16: 1, 0, 1] axis [vocab=50: 16] start [1] beta 0 : !rows, !ids, !table
  exec.copy %d_table -> %d_table_twice loops [vocab*embed=800: 1, 1] : !table, !table
  exec.scatter_add %rows[%ids] -> %d_table_twice loops [n=2000: 16, 1, 0][embed=16: 1, 0, 1] axis [vocab=50: 16] start [1] beta 1 : !rows, !ids, !table
  %labels = exec.address @labels : !labels
  exec.iota -> %labels loops [n=300: 1, 1] start [0] : !labels
  %logits = exec.address @logits : !logits
  %picked = exec.address @picked : !picked
  %d_logits = exec.address @d_logits : !logits
  exec.gather %logits[%labels] -> %picked loops [n=300: 60, 1, 1] axis [vocab=60: 1] start [0] : !logits, !labels, !picked
  exec.scatter_add %picked[%labels] -> %d_logits loops [n=300: 1, 1, 60] axis [vocab=60: 1] start [0] beta 0 : !picked, !labels, !logits

  %transposed = exec.address @transposed : !exec.buffer<f32[col=200, row=96]>
  exec.copy %a -> %transposed loops [row=96: 200, 1][col=200: 1, 96] : !M, !exec.buffer<f32[col=200, row=96]>
  %step = exec.address @scalars.step : !S
  %first = exec.address @scalars.first_sample : !S
  %key = exec.key %step, %first : !S, !S
  %child = exec.child_key %key site 3
  %dropped = exec.address @dropped : !M
  exec.dropout %a random %child -> %dropped loops [row=96: 200, 200, 0, 1][col=200: 1, 1, 1, 0] start [5] sample [2] {p = 0.25 : f64, site = 1 : i32} : !M, !M
  %heads = exec.address @heads : !heads
  %positions = exec.address @positions : !positions
  %turned = exec.address @turned : !heads
  %turned_back = exec.address @turned_back : !heads
  exec.iota -> %positions loops [seq=32: 1, 1] start [5] : !positions
  exec.rope %heads at %positions -> %turned loops [seq=32: 64, 1, 64][head=4: 16, 0, 16] dim [d=16: 1, 1] {theta = 1.0e4 : f64} : !heads, !positions, !heads
  exec.rope %heads at %positions -> %turned_back loops [seq=32: 64, 1, 64][head=4: 16, 0, 16] dim [d=16: 1, 1]
    {theta = 1.0e4 : f64, interleaved = true, inverse = true, scaling = {rope_type = "linear", factor = 4.0 : f64}} : !heads, !positions, !heads

  %q = exec.address @q : !q
  %k = exec.address @k : !k
  %v = exec.address @v : !k
  %o = exec.address @o : !o
  %lse = exec.address @lse : !l
  %d_o = exec.address @d_o : !o
  %d_q = exec.address @d_q : !q
  %d_k = exec.address @d_k : !k
  %d_v = exec.address @d_v : !k
  exec.attention %q, %k, %v random %key -> %o, %lse
    batch [batch=2: 1280, 640, 640, 1280, 160] kv_head [kv_heads=2: 16, 8, 8, 16, 80] group [group=2: 8, 0, 0, 8, 40]
    query [seq=40: 32, 0, 0, 32, 1] key [key_seq=40: 0, 16, 16, 0, 0] dim [d=8: 1, 1, 0, 0, 0] value_dim [d=8: 0, 0, 1, 1, 0]
    {scale = 0.35 : f64, causal = true, dropout = 0.2 : f64, site = 4 : i32, groups = 2 : i64, query_size = 40 : i64, key_size = 40 : i64} : !q, !k, !k, !o, !l
  exec.attention_backward %q, %k, %v, %o, %lse, %d_o random %key -> %d_q, %d_k, %d_v
    batch [batch=2: 1280, 640, 640, 1280, 160, 1280, 1280, 640, 640] kv_head [kv_heads=2: 16, 8, 8, 16, 80, 16, 16, 8, 8] group [group=2: 8, 0, 0, 8, 40, 8, 8, 0, 0]
    query [seq=40: 32, 0, 0, 32, 1, 32, 32, 0, 0] key [key_seq=40: 0, 16, 16, 0, 0, 0, 0, 16, 16]
    dim [d=8: 1, 1, 0, 0, 0, 0, 1, 1, 0] value_dim [d=8: 0, 0, 1, 1, 0, 1, 0, 0, 1]
    {scale = 0.35 : f64, causal = true, dropout = 0.2 : f64, site = 4 : i32, groups = 2 : i64, query_size = 40 : i64, key_size = 40 : i64} : !q, !k, !k, !o, !l, !o, !q, !k, !k

  %nested = exec.address @nested : !nested
  %inner = exec.field %nested "inner" : !nested
  %scale = exec.field %nested "scale" : !nested
  exec.call @outer(%sums, %largest, %inner) : !R, !R, !pair
  exec.kernel "scale" loops () -> (write %scale) : !F {
    %0 = arith.constant 3.0 : f32
    exec.yield %0 : f32
  }
  %slots = exec.address @slots : !exec.buffer<f32[slot=4, row=96]>
  %slot_sum = exec.address @slot_sum : !R
  exec.kernel "slot_zero" loops [row=96: 1] () -> (write %slot_sum) : !R {
    %0 = arith.constant 0.0 : f32
    exec.yield %0 : f32
  }
  exec.loop 4 (%trip) {
    %sample = exec.buffer : !S
    exec.kernel "sample" loops (%f = %first, %n = %trip) -> (write %sample) : !S, !S, !S {
      %two = arith.constant 2 : i64
      %0 = arith.muli %n, %two : i64
      %1 = arith.addi %f, %0 : i64
      exec.yield %1 : i64
    }
    %slot = exec.input %slots[%sample since %first] samples 2 : !exec.buffer<f32[slot=4, row=96]>, !S, !S -> !R
    exec.kernel "slot_add" loops [row=96: 1, 1, 1] (%s = %slot_sum, %x = %slot) -> (write %slot_sum) : !R, !R, !R {
      %half = arith.constant 0.5 : f32
      %0 = arith.mulf %s, %half : f32
      %1 = arith.addf %0, %x : f32
      exec.yield %1 : f32
    }
  }
}
}
