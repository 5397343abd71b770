// RUN: shardc-opt --canonicalize %s | FileCheck %s

!x = !nn.tensor<f32[seq=4, embed=8]>
!w = !nn.tensor<f32[embed=8]>
!pair = !nn.bundle<pair, a: f32[embed=8], b: f32[embed=8]>

// CHECK-LABEL: @unpack_of_pack
// CHECK-NEXT: nn.return %b, %a
nn.func @unpack_of_pack(%a: !w, %b: !w) -> (!w, !w) {
  %p = nn.pack(%b, %a) : !pair
  %c, %d = nn.unpack %p : !pair
  nn.return %c, %d : !w, !w
}

// CHECK-LABEL: @pack_of_unpack
// CHECK-NEXT: nn.return %p
nn.func @pack_of_unpack(%p: !pair) -> !pair {
  %a, %b = nn.unpack %p : !pair
  %q = nn.pack(%a, %b) : !pair
  nn.return %q : !pair
}

// Another order is another bundle.
// CHECK-LABEL: @pack_swapped
// CHECK: nn.pack(%b, %a)
nn.func @pack_swapped(%p: !pair) -> !pair {
  %a, %b = nn.unpack %p : !pair
  %q = nn.pack(%b, %a) : !pair
  nn.return %q : !pair
}

// An operand that is not read, one that is there twice, a result nobody uses and one that repeats an operand.
// CHECK-LABEL: @map
// CHECK-NEXT: %[[Y:.*]] = nn.map (%{{.*}} = %x : <f32[seq=4, embed=8]>) -> <f32[seq=4, embed=8]>
// CHECK-NEXT: arith.mulf
// CHECK-NEXT: nn.yield
// CHECK-NEXT: }
// CHECK-NEXT: nn.return %[[Y]], %x
nn.func @map(%x: !x, %w: !w) -> (!x, !x) {
  %y, %dead, %same = nn.map (%a = %x : !x, %b = %x : !x, %c = %w : !w) -> !x, !x, !x {
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %a, %c : f32
    nn.yield %0, %1, %b : f32, f32, f32
  }
  nn.return %y, %same : !x, !x
}

// A map broadcasts by itself.
// CHECK-LABEL: @broadcast
// CHECK-NEXT: nn.map (%{{.*}} = %x : <f32[seq=4, embed=8]>, %{{.*}} = %w : <f32[embed=8]>)
nn.func @broadcast(%x: !x, %w: !w) -> !x {
  %wide = nn.map (%a = %w : !w) -> !x {
    nn.yield %a : f32
  }
  %y = nn.map (%a = %x : !x, %b = %wide : !x) -> !x {
    %0 = arith.mulf %a, %b : f32
    nn.yield %0 : f32
  }
  nn.return %y : !x
}

// `dead` is carried only for itself.
// CHECK-LABEL: @loop
// CHECK-NEXT: nn.loop 3 (%i, %sum = %x) : (!nn.tensor<f32[seq=4, embed=8]>)
// CHECK-NOT: arith.mulf
nn.func @loop(%x: !x) -> !x {
  %s, %d = nn.loop 3 (%i, %sum = %x, %dead = %x) : (!x, !x) {
    %next = nn.map (%a = %sum : !x, %b = %x : !x) -> !x {
      %0 = arith.addf %a, %b : f32
      nn.yield %0 : f32
    }
    %other = nn.map (%a = %dead : !x, %b = %sum : !x) -> !x {
      %0 = arith.mulf %a, %b : f32
      nn.yield %0 : f32
    }
    nn.yield %next, %other : !x, !x
  }
  nn.return %s : !x
}
