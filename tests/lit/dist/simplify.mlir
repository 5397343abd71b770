// RUN: shardc-opt %s -split-input-file --dist-simplify | FileCheck %s --implicit-check-not="= dist."

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = []>} {
  // CHECK-LABEL: nn.func @cancel
  // CHECK-NEXT:    nn.return %x
  nn.func @cancel(%x: !nn.tensor<f32[seq=8@tp]>) -> !nn.tensor<f32[seq=8@tp]> {
    %a = dist.reshard %x : !nn.tensor<f32[seq=8@tp]> -> !nn.tensor<f32[seq=8]>
    %b = dist.reshard %a : !nn.tensor<f32[seq=8]> -> !nn.tensor<f32[seq=8@tp]>
    nn.return %b : !nn.tensor<f32[seq=8@tp]>
  }

  // CHECK-LABEL: nn.func @through
  // CHECK-NEXT:    %[[Y:.*]] = dist.reshard %x : !nn.tensor<f32[seq=8], sum@tp> -> !nn.tensor<f32[seq=8]>
  // CHECK-NEXT:    nn.return %[[Y]]
  nn.func @through(%x: !nn.tensor<f32[seq=8], sum@tp>) -> !nn.tensor<f32[seq=8]> {
    %a = dist.reshard %x : !nn.tensor<f32[seq=8], sum@tp> -> !nn.tensor<f32[seq=8@tp]>
    %b = dist.reshard %a : !nn.tensor<f32[seq=8@tp]> -> !nn.tensor<f32[seq=8]>
    nn.return %b : !nn.tensor<f32[seq=8]>
  }

  // The value between is read: reducing twice would cost more than gathering it.
  // CHECK-LABEL: nn.func @read_between
  // CHECK-NEXT:    %[[A:.*]] = dist.reshard %x : {{.*}} -> !nn.tensor<f32[seq=8@tp]>
  // CHECK-NEXT:    %[[B:.*]] = dist.reshard %[[A]]
  // CHECK-NEXT:    nn.return %[[A]], %[[B]]
  nn.func @read_between(%x: !nn.tensor<f32[seq=8], sum@tp>) -> (!nn.tensor<f32[seq=8@tp]>, !nn.tensor<f32[seq=8]>) {
    %a = dist.reshard %x : !nn.tensor<f32[seq=8], sum@tp> -> !nn.tensor<f32[seq=8@tp]>
    %b = dist.reshard %a : !nn.tensor<f32[seq=8@tp]> -> !nn.tensor<f32[seq=8]>
    nn.return %a, %b : !nn.tensor<f32[seq=8@tp]>, !nn.tensor<f32[seq=8]>
  }

  // CHECK-LABEL: nn.func @merge
  // CHECK-NEXT:    %[[A:.*]] = dist.reshard %x
  // CHECK-NEXT:    nn.return %[[A]], %[[A]]
  nn.func @merge(%x: !nn.tensor<f32[seq=8@tp]>) -> (!nn.tensor<f32[seq=8]>, !nn.tensor<f32[seq=8]>) {
    %a = dist.reshard %x : !nn.tensor<f32[seq=8@tp]> -> !nn.tensor<f32[seq=8]>
    %b = dist.reshard %x : !nn.tensor<f32[seq=8@tp]> -> !nn.tensor<f32[seq=8]>
    nn.return %a, %b : !nn.tensor<f32[seq=8]>, !nn.tensor<f32[seq=8]>
  }

  // Two reductions become one.
  // CHECK-LABEL: nn.func @delay
  // CHECK-NEXT:    %[[SUM:.*]] = nn.map (%{{.*}} = %x : <f32[seq=8], sum@tp>, %{{.*}} = %y : <f32[seq=8], sum@tp>) -> <f32[seq=8], sum@tp>
  // CHECK:         dist.reshard %[[SUM]] : !nn.tensor<f32[seq=8], sum@tp> -> !nn.tensor<f32[seq=8@tp]>
  nn.func @delay(%x: !nn.tensor<f32[seq=8], sum@tp>, %y: !nn.tensor<f32[seq=8], sum@tp>) -> !nn.tensor<f32[seq=8@tp]> {
    %a = dist.reshard %x : !nn.tensor<f32[seq=8], sum@tp> -> !nn.tensor<f32[seq=8@tp]>
    %b = dist.reshard %y : !nn.tensor<f32[seq=8], sum@tp> -> !nn.tensor<f32[seq=8@tp]>
    %c = nn.map (%d = %a : <f32[seq=8@tp]>, %e = %b : <f32[seq=8@tp]>) -> <f32[seq=8@tp]> {
      %0 = arith.addf %d, %e : f32
      nn.yield %0 : f32
    }
    nn.return %c : !nn.tensor<f32[seq=8@tp]>
  }

  // Not linear together: both are reduced before.
  // CHECK-LABEL: nn.func @no_delay
  // CHECK-NEXT:    %[[A:.*]] = dist.reshard %x
  // CHECK-NEXT:    %[[B:.*]] = dist.reshard %y
  // CHECK-NEXT:    nn.map (%{{.*}} = %[[A]] : <f32[seq=8]>, %{{.*}} = %[[B]] : <f32[seq=8]>)
  nn.func @no_delay(%x: !nn.tensor<f32[seq=8], sum@tp>, %y: !nn.tensor<f32[seq=8], sum@tp>) -> !nn.tensor<f32[seq=8]> {
    %a = dist.reshard %x : !nn.tensor<f32[seq=8], sum@tp> -> !nn.tensor<f32[seq=8]>
    %b = dist.reshard %y : !nn.tensor<f32[seq=8], sum@tp> -> !nn.tensor<f32[seq=8]>
    %c = nn.map (%d = %a : <f32[seq=8]>, %e = %b : <f32[seq=8]>) -> <f32[seq=8]> {
      %0 = arith.mulf %d, %e : f32
      nn.yield %0 : f32
    }
    nn.return %c : !nn.tensor<f32[seq=8]>
  }

  // A source is read again instead; zeros are a partial sum as they are, ones are not.
  // CHECK-LABEL: nn.func @sources
  // CHECK-NEXT:    %[[P:.*]] = nn.iota : <i32[seq=8]>
  // CHECK-NEXT:    %[[Z:.*]] = nn.map () -> <f32[seq=8], sum@tp>
  // CHECK:         %[[O:.*]] = nn.map () -> <f32[seq=8]>
  // CHECK:         %[[M:.*]] = dist.reshard %[[O]]
  // CHECK-NEXT:    nn.return %[[P]], %[[Z]], %[[M]]
  nn.func @sources() -> (!nn.tensor<i32[seq=8]>, !nn.tensor<f32[seq=8], sum@tp>, !nn.tensor<f32[seq=8], sum@tp>) {
    %p = nn.iota : <i32[seq=8@tp]>
    %z = nn.map () -> <f32[seq=8]> {
      %0 = arith.constant 0.0 : f32
      nn.yield %0 : f32
    }
    %o = nn.map () -> <f32[seq=8]> {
      %0 = arith.constant 1.0 : f32
      nn.yield %0 : f32
    }
    %q = dist.reshard %p : !nn.tensor<i32[seq=8@tp]> -> !nn.tensor<i32[seq=8]>
    %a = dist.reshard %z : !nn.tensor<f32[seq=8]> -> !nn.tensor<f32[seq=8], sum@tp>
    %b = dist.reshard %o : !nn.tensor<f32[seq=8]> -> !nn.tensor<f32[seq=8], sum@tp>
    nn.return %q, %a, %b : !nn.tensor<i32[seq=8]>, !nn.tensor<f32[seq=8], sum@tp>, !nn.tensor<f32[seq=8], sum@tp>
  }

  // CHECK-LABEL: nn.func @pack
  // CHECK-NEXT:    %[[X:.*]] = dist.reshard %x
  // CHECK-NEXT:    %[[B:.*]] = nn.pack(%[[X]], %y)
  // CHECK-NEXT:    nn.return %[[B]]
  nn.func @pack(%x: !nn.tensor<f32[seq=8@tp]>, %y: !nn.tensor<f32[seq=8]>) -> !nn.bundle<b, x: f32[seq=8], y: f32[seq=8]> {
    %a = nn.pack(%x, %y) : !nn.bundle<b, x: f32[seq=8@tp], y: f32[seq=8]>
    %b = dist.reshard %a : !nn.bundle<b, x: f32[seq=8@tp], y: f32[seq=8]> -> !nn.bundle<b, x: f32[seq=8], y: f32[seq=8]>
    nn.return %b : !nn.bundle<b, x: f32[seq=8], y: f32[seq=8]>
  }

  // A slice leaves the loop; a gather stays, all layers would be held gathered at once.
  // CHECK-LABEL: nn.func @loop
  // CHECK-NEXT:    %[[X:.*]] = dist.reshard %x
  // CHECK-NEXT:    nn.loop
  // CHECK-NEXT:      %[[Y:.*]] = dist.reshard %y
  // CHECK-NEXT:      nn.call @use(%[[X]], %[[Y]])
  nn.func @loop(%x: !nn.tensor<f32[seq=8]>, %y: !nn.tensor<f32[seq=8@tp]>, %z: !nn.tensor<f32[seq=8]>) -> !nn.tensor<f32[seq=8]> {
    %r = nn.loop 2 (%i, %c = %z) : (!nn.tensor<f32[seq=8]>) {
      %a = dist.reshard %x : !nn.tensor<f32[seq=8]> -> !nn.tensor<f32[seq=8@tp]>
      %b = dist.reshard %y : !nn.tensor<f32[seq=8@tp]> -> !nn.tensor<f32[seq=8]>
      %d = nn.call @use(%a, %b) : (!nn.tensor<f32[seq=8@tp]>, !nn.tensor<f32[seq=8]>) -> !nn.tensor<f32[seq=8]>
      nn.yield %d : !nn.tensor<f32[seq=8]>
    }
    nn.return %r : !nn.tensor<f32[seq=8]>
  }
  // CHECK-LABEL: nn.func @use
  nn.func @use(%x: !nn.tensor<f32[seq=8@tp]>, %y: !nn.tensor<f32[seq=8]>) -> !nn.tensor<f32[seq=8]> {
    nn.return %y : !nn.tensor<f32[seq=8]>
  }
}

// -----

// Tokens go two functions up to their input, which is read whole; the count of labels slices what it needs.
module attributes {dist.plan = #dist.plan<mesh = [tp = 2], rules = [[vocab@tp], [seq@tp]]>} {
  // CHECK-LABEL: nn.func @embed
  // CHECK-SAME:    %tokens: !nn.tensor<i32[batch=2, seq=8]>
  // CHECK:         nn.gather %table[%tokens]
  // CHECK:         %[[X:.*]] = dist.reshard {{.*}}, sum@tp> -> !nn.tensor<f32[batch=2, seq=8@tp, embed=4]>
  nn.func @embed(%tokens: !nn.tensor<i32[batch=2, seq=8@tp]>, %table: !nn.tensor<f32[vocab=10@tp, embed=4]> {nn.kind = "parameter"}) -> !nn.tensor<f32[batch=2, seq=8@tp, embed=4]> {
    %whole = dist.reshard %tokens : !nn.tensor<i32[batch=2, seq=8@tp]> -> !nn.tensor<i32[batch=2, seq=8]>
    %x = nn.gather %table[%whole] axis vocab : <f32[vocab=10@tp, embed=4]>, <i32[batch=2, seq=8]> -> <f32[batch=2, seq=8, embed=4], sum@tp>
    %y = dist.reshard %x : !nn.tensor<f32[batch=2, seq=8, embed=4], sum@tp> -> !nn.tensor<f32[batch=2, seq=8@tp, embed=4]>
    nn.return %y : !nn.tensor<f32[batch=2, seq=8@tp, embed=4]>
  }
  // CHECK-LABEL: nn.func @micro
  // CHECK-SAME:    %tokens: !nn.tensor<i32[batch=2, seq=8]>
  // CHECK-NEXT:    %[[SLICE:.*]] = dist.reshard %tokens : !nn.tensor<i32[batch=2, seq=8]> -> !nn.tensor<i32[batch=2, seq=8@tp]>
  // CHECK-NEXT:    nn.call @embed(%tokens
  // CHECK-NEXT:    nn.map (%{{.*}} = %[[SLICE]]
  nn.func @micro(%tokens: !nn.tensor<i32[batch=2, seq=8@tp]>, %table: !nn.tensor<f32[vocab=10@tp, embed=4]> {nn.kind = "parameter"}) -> (!nn.tensor<f32[batch=2, seq=8@tp, embed=4]>, !nn.tensor<i32[batch=2, seq=8@tp]>) {
    %x = nn.call @embed(%tokens, %table) : (!nn.tensor<i32[batch=2, seq=8@tp]>, !nn.tensor<f32[vocab=10@tp, embed=4]>) -> !nn.tensor<f32[batch=2, seq=8@tp, embed=4]>
    %count = nn.map (%a = %tokens : <i32[batch=2, seq=8@tp]>) -> <i32[batch=2, seq=8@tp]> {
      nn.yield %a : i32
    }
    nn.return %x, %count : !nn.tensor<f32[batch=2, seq=8@tp, embed=4]>, !nn.tensor<i32[batch=2, seq=8@tp]>
  }
  // CHECK-LABEL: nn.func @step
  // CHECK-NEXT:    %[[TOKENS:.*]] = nn.input "tokens" from %first : {{.*}} -> <i32[batch=2, seq=8]>
  // CHECK-NEXT:    nn.call @micro(%[[TOKENS]]
  nn.func @step(%first: !nn.tensor<i64[]>, %table: !nn.tensor<f32[vocab=10@tp, embed=4]> {nn.kind = "parameter"}) -> !nn.tensor<f32[batch=2, seq=8@tp, embed=4]> {
    %tokens = nn.input "tokens" from %first : (!nn.tensor<i64[]>) -> <i32[batch=2, seq=8@tp]>
    %x, %count = nn.call @micro(%tokens, %table) : (!nn.tensor<i32[batch=2, seq=8@tp]>, !nn.tensor<f32[vocab=10@tp, embed=4]>) -> (!nn.tensor<f32[batch=2, seq=8@tp, embed=4]>, !nn.tensor<i32[batch=2, seq=8@tp]>)
    nn.return %x : !nn.tensor<f32[batch=2, seq=8@tp, embed=4]>
  }
}

// -----

// Zeros that a function makes for accumulators are made partial there: callers mask nothing.
module attributes {dist.plan = #dist.plan<mesh = [dp = 2], rules = [[batch@dp]]>} {
  // CHECK-LABEL: nn.func @zeros
  // CHECK:         nn.map () -> <f32[embed=8], sum@dp>
  nn.func @zeros() -> (!nn.tensor<f32[embed=8]> {nn.kind = "gradient"}) {
    %zero = nn.map () -> <f32[embed=8]> {
      %0 = arith.constant 0.0 : f32
      nn.yield %0 : f32
    }
    nn.return %zero : !nn.tensor<f32[embed=8]>
  }
  // CHECK-LABEL: nn.func @step
  // CHECK-NEXT:    %[[Z:.*]] = nn.call @zeros
  // CHECK-NEXT:    nn.return %[[Z]]
  nn.func @step() -> (!nn.tensor<f32[embed=8], sum@dp> {nn.kind = "gradient"}) {
    %zero = nn.call @zeros() : () -> !nn.tensor<f32[embed=8]>
    %sum = dist.reshard %zero : !nn.tensor<f32[embed=8]> -> !nn.tensor<f32[embed=8], sum@dp>
    nn.return %sum : !nn.tensor<f32[embed=8], sum@dp>
  }
}
