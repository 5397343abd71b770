// RUN: shardc-opt --nn-differentiate --split-input-file --verify-diagnostics %s

// expected-error@below {{the module has no function @main to differentiate}}
module {
}

// -----
!x = !nn.tensor<f32[seq=4]>
// expected-error@below {{calls itself, directly or through others}}
nn.func @main(%x: !x {nn.kind = "parameter"}) -> !x {
  %y = nn.call @main(%x) : (!x) -> !x
  nn.return %y : !x
}

// -----
!x = !nn.tensor<f32[seq=4]>
nn.func @main(%x: !x {nn.kind = "parameter"}) -> !x {
  %y = nn.map (%a = %x : !x) -> !x {
    // expected-error@below {{'math.atan' has no derivative here}}
    %0 = math.atan %a : f32
    nn.yield %0 : f32
  }
  nn.return %y : !x
}

// -----
!q = !nn.tensor<f32[seq=4, head_dim=4]>
!k = !nn.tensor<f32[key_seq=4, head_dim=4]>
!l = !nn.tensor<f32[seq=4]>
nn.func @main(%q: !q {nn.kind = "parameter"}, %k: !k) -> !l {
  // expected-error@below {{gives 'lse' for its gradient only: nothing flows back through it}}
  %y, %lse = nn.attention %q, %k, %k over [head_dim] query seq key key_seq {scale = 0.5 : f64} : !q, !k, !k -> !q, !l
  nn.return %lse : !l
}
