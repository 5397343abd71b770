// Every constraint of every op, violated once.
// RUN: shardc-opt %s --split-input-file --verify-diagnostics

nn.func @return_c1(%x: !nn.tensor<f32[embed=8]>) -> !nn.tensor<f32[embed=4]> {
  // expected-error@+1 {{operands ('!nn.tensor<f32[embed=8]>') differ from the results of @return_c1 ('!nn.tensor<f32[embed=4]>')}}
  nn.return %x : !nn.tensor<f32[embed=8]>
}
// -----
nn.func @call_c1(%x: !nn.tensor<f32[embed=8]>) {
  // expected-error@+1 {{'nowhere' is not an nn.func of this module}}
  nn.call @nowhere(%x) : (!nn.tensor<f32[embed=8]>) -> ()
  nn.return
}
// -----
nn.func @callee(%x: !nn.tensor<f32[embed=4]>) {
  nn.return
}
nn.func @call_c2(%x: !nn.tensor<f32[embed=8]>) {
  // expected-error@+1 {{operands ('!nn.tensor<f32[embed=8]>') differ from the arguments of @callee ('!nn.tensor<f32[embed=4]>')}}
  nn.call @callee(%x) : (!nn.tensor<f32[embed=8]>) -> ()
  nn.return
}
// -----
nn.func @loop_c2(%x: !nn.tensor<f32[embed=8]>, %y: !nn.tensor<f32[embed=4]>) {
  // expected-error@+1 {{the body yields ('!nn.tensor<f32[embed=4]>'), carried are ('!nn.tensor<f32[embed=8]>')}}
  %z = nn.loop 2 (%i, %c = %x) : (!nn.tensor<f32[embed=8]>) {
    nn.yield %y : !nn.tensor<f32[embed=4]>
  }
  nn.return
}
// -----
nn.func @key_c1(%x: !nn.tensor<f32[embed=8]>) {
  // expected-error@+1 {{step and first sample must be i64 scalars}}
  %key = nn.key %x, %x : (!nn.tensor<f32[embed=8]>, !nn.tensor<f32[embed=8]>)
  nn.return
}
// -----
// expected-error@+1 {{axis 'seq' stands twice in one tensor: rename one of the two}}
nn.func @axis_twice(%x: !nn.tensor<f32[seq=4, seq=4]>) {
  nn.return
}
// -----
// expected-error@+1 {{mesh axis 'tp' is used twice in one tensor}}
nn.func @mesh_axis_twice(%x: !nn.tensor<f32[seq=4@tp, embed=8@tp]>) {
  nn.return
}
// -----
// expected-error@+1 {{mesh axis 'tp' is used twice in one tensor}}
nn.func @placed_and_partial(%x: !nn.tensor<f32[seq=4@tp], sum@tp>) {
  nn.return
}
// -----
// expected-error@+1 {{axis 'seq' has size 0, it must be at least 1}}
nn.func @empty_axis(%x: !nn.tensor<f32[seq=0]>) {
  nn.return
}
// -----
// expected-error@+1 {{bundle 'norm' has field 'weight' twice}}
nn.func @bundle_field_twice(%x: !nn.bundle<norm, weight: f32[embed=8], weight: f32[embed=8]>) {
  nn.return
}
// -----
nn.func @contract_c1(%x: !nn.tensor<f32[seq=4, embed=8]>, %w: !nn.tensor<f32[mlp=6, embed=8]>) {
  // expected-error@+1 {{folds 'seq', which is not an axis of both operands}}
  %y = nn.contract %x, %w over [seq] : <f32[seq=4, embed=8]>, <f32[mlp=6, embed=8]> -> <f32[mlp=6, embed=8]>
  nn.return
}
// -----
nn.func @contract_c2(%x: !nn.tensor<f32[seq=4, embed=8]>, %w: !nn.tensor<f32[mlp=6, embed=8]>) {
  // expected-error@+1 {{the result lacks axis 'mlp'}}
  %y = nn.contract %x, %w over [embed] : <f32[seq=4, embed=8]>, <f32[mlp=6, embed=8]> -> <f32[seq=4]>
  nn.return
}
// -----
nn.func @contract_c3_size(%x: !nn.tensor<f32[seq=4, embed=8]>, %w: !nn.tensor<f32[mlp=6, embed=9]>) {
  // expected-error@+1 {{operand #1 has axis embed=9, another operand has embed=8: one axis has one size}}
  %y = nn.contract %x, %w over [embed] : <f32[seq=4, embed=8]>, <f32[mlp=6, embed=9]> -> <f32[seq=4, mlp=6]>
  nn.return
}
// -----
nn.func @contract_c3_placement(%x: !nn.tensor<f32[seq=4, embed=8@tp]>, %w: !nn.tensor<f32[mlp=6, embed=8]>) {
  // expected-error@+1 {{operand #1 has axis embed=8, another operand has embed=8@tp: a dist.reshard is missing}}
  %y = nn.contract %x, %w over [embed] : <f32[seq=4, embed=8@tp]>, <f32[mlp=6, embed=8]> -> <f32[seq=4, mlp=6]>
  nn.return
}
// -----
nn.func @contract_c3_mesh(%x: !nn.tensor<f32[seq=4@tp, embed=8]>, %w: !nn.tensor<f32[mlp=6@tp, embed=8]>) {
  // expected-error@+1 {{mesh axis 'tp' places both 'seq' and 'mlp' in one iteration space}}
  %y = nn.contract %x, %w over [embed] : <f32[seq=4@tp, embed=8]>, <f32[mlp=6@tp, embed=8]> -> <f32[seq=4@tp, mlp=6]>
  nn.return
}
// -----
nn.func @contract_c4(%x: !nn.tensor<f32[seq=4, embed=8], sum@tp>, %w: !nn.tensor<f32[mlp=6, embed=8]>) {
  // expected-error@+1 {{operand #0 is partial (f32[seq=4, embed=8], sum@tp): it must be reduced before an op that is not linear in it alone}}
  %y = nn.contract %x, %w over [embed] : <f32[seq=4, embed=8], sum@tp>, <f32[mlp=6, embed=8]> -> <f32[seq=4, mlp=6], sum@tp>
  nn.return
}
// -----
nn.func @contract_c5(%x: !nn.tensor<f32[seq=4, embed=8]>, %w: !nn.tensor<bf16[mlp=6, embed=8]>) {
  // expected-error@+1 {{operands have element types 'f32' and 'bf16'}}
  %y = nn.contract %x, %w over [embed] : <f32[seq=4, embed=8]>, <bf16[mlp=6, embed=8]> -> <f32[seq=4, mlp=6]>
  nn.return
}
// -----
// A result that says it is whole where the fold leaves a partial: the all-reduce that someone forgot.
nn.func @contract_partial_forgotten(%x: !nn.tensor<f32[seq=4, mlp=6@tp]>, %w: !nn.tensor<f32[embed=8, mlp=6@tp]>) {
  // expected-error@+1 {{result #0 is f32[seq=4, embed=8], its operands make it f32[seq=4, embed=8], sum@tp}}
  %y = nn.contract %x, %w over [mlp] : <f32[seq=4, mlp=6@tp]>, <f32[embed=8, mlp=6@tp]> -> <f32[seq=4, embed=8]>
  nn.return
}
// -----
nn.func @map_c1(%x: !nn.tensor<f32[seq=4]>) {
  // expected-error@+1 {{yields 'i1' for a result of type '!nn.tensor<f32[seq=4]>'}}
  %y = nn.map (%a = %x : <f32[seq=4]>) -> <f32[seq=4]> {
    %c = arith.cmpf ogt, %a, %a : f32
    nn.yield %c : i1
  }
  nn.return
}
// -----
nn.func @map_c2(%x: !nn.tensor<f32[seq=4, embed=8]>) {
  // expected-error@+1 {{operand #0 has axis 'embed', which the result lacks}}
  %y = nn.map (%a = %x : <f32[seq=4, embed=8]>) -> <f32[seq=4]> {
    nn.yield %a : f32
  }
  nn.return
}
// -----
nn.func @map_c4_mixed(%x: !nn.tensor<f32[seq=4]>, %y: !nn.tensor<f32[seq=4], sum@tp>) {
  // expected-error@+1 {{operand #1 (f32[seq=4], sum@tp) is not partial in the way operand #0 is (f32[seq=4]): reduce first}}
  %z = nn.map (%a = %x : <f32[seq=4]>, %b = %y : <f32[seq=4], sum@tp>) -> <f32[seq=4], sum@tp> {
    %s = arith.addf %a, %b : f32
    nn.yield %s : f32
  }
  nn.return
}
// -----
nn.func @map_c4_constant(%x: !nn.tensor<f32[seq=4], sum@tp>) {
  // expected-error@+1 {{operands are partial (f32[seq=4], sum@tp) and the region is not linear in them: they must be reduced first}}
  %z = nn.map (%a = %x : <f32[seq=4], sum@tp>) -> <f32[seq=4], sum@tp> {
    %one = arith.constant 1.0 : f32
    // expected-note@+1 {{'arith.addf' is not linear}}
    %s = arith.addf %a, %one : f32
    nn.yield %s : f32
  }
  nn.return
}
// -----
nn.func @map_c4_exp(%x: !nn.tensor<f32[seq=4], sum@tp>) {
  // expected-error@+1 {{the region is not linear in them}}
  %z = nn.map (%a = %x : <f32[seq=4], sum@tp>) -> <f32[seq=4], sum@tp> {
    // expected-note@+1 {{'math.exp' is not linear}}
    %s = math.exp %a : f32
    nn.yield %s : f32
  }
  nn.return
}
// -----
nn.func @reduce_c1(%x: !nn.tensor<f32[seq=4]>) {
  // expected-error@+1 {{folds 'embed', which is not an axis of the operand}}
  %y = nn.reduce sum %x over [embed] : <f32[seq=4]> -> <f32[seq=4]>
  nn.return
}
// -----
nn.func @reduce_c2(%x: !nn.tensor<f32[seq=4, embed=8]>) {
  // expected-error@+1 {{the result has axis 'embed', which does not belong there}}
  %y = nn.reduce sum %x over [embed] : <f32[seq=4, embed=8]> -> <f32[seq=4, embed=8]>
  nn.return
}
// -----
nn.func @reduce_c3(%x: !nn.tensor<f32[seq=4, embed=8], sum@tp>) {
  // expected-error@+1 {{folds by 'max' an operand that is partial by 'sum' (f32[seq=4, embed=8], sum@tp)}}
  %y = nn.reduce max %x over [embed] : <f32[seq=4, embed=8], sum@tp> -> <f32[seq=4], sum@tp>
  nn.return
}
// -----
nn.func @gather_c1(%t: !nn.tensor<f32[vocab=9, embed=8]>, %i: !nn.tensor<i32[seq=4]>) {
  // expected-error@+1 {{gathers along 'seq', which the table lacks}}
  %y = nn.gather %t[%i] axis seq : <f32[vocab=9, embed=8]>, <i32[seq=4]> -> <f32[seq=4, embed=8]>
  nn.return
}
// -----
nn.func @gather_c2(%t: !nn.tensor<f32[vocab=9, embed=8]>, %i: !nn.tensor<f32[seq=4]>) {
  // expected-error@+1 {{index has element type 'f32', it must be i32}}
  %y = nn.gather %t[%i] axis vocab : <f32[vocab=9, embed=8]>, <f32[seq=4]> -> <f32[seq=4, embed=8]>
  nn.return
}
// -----
nn.func @gather_c3(%t: !nn.tensor<f32[vocab=9, embed=8]>, %i: !nn.tensor<i32[seq=4]>) {
  // expected-error@+1 {{the result lacks axis 'embed'}}
  %y = nn.gather %t[%i] axis vocab : <f32[vocab=9, embed=8]>, <i32[seq=4]> -> <f32[seq=4]>
  nn.return
}
// -----
nn.func @gather_c5(%t: !nn.tensor<f32[vocab=9, embed=8], sum@dp>, %i: !nn.tensor<i32[seq=4]>) {
  // expected-error@+1 {{operand #0 is partial (f32[vocab=9, embed=8], sum@dp)}}
  %y = nn.gather %t[%i] axis vocab : <f32[vocab=9, embed=8], sum@dp>, <i32[seq=4]> -> <f32[seq=4, embed=8]>
  nn.return
}
// -----
nn.func @scatter_add_c1(%u: !nn.tensor<f32[seq=4, embed=8]>, %i: !nn.tensor<i32[seq=4]>) {
  // expected-error@+1 {{scatters along 'vocab', which the result lacks}}
  %y = nn.scatter_add %u[%i] axis vocab : <f32[seq=4, embed=8]>, <i32[seq=4]> -> <f32[embed=8]>
  nn.return
}
// -----
nn.func @scatter_add_c2(%u: !nn.tensor<f32[embed=8]>, %i: !nn.tensor<i32[seq=4]>) {
  // expected-error@+1 {{the index has axis 'seq', which the updates lack}}
  %y = nn.scatter_add %u[%i] axis vocab : <f32[embed=8]>, <i32[seq=4]> -> <f32[vocab=9, embed=8]>
  nn.return
}
// -----
nn.func @scatter_add_c3(%u: !nn.tensor<f32[seq=4, embed=8]>, %i: !nn.tensor<i32[seq=4]>) {
  // expected-error@+1 {{the result has axis 'mlp', which the updates lack}}
  %y = nn.scatter_add %u[%i] axis vocab : <f32[seq=4, embed=8]>, <i32[seq=4]> -> <f32[vocab=9, mlp=8]>
  nn.return
}
// -----
nn.func @attention_c2(%q: !nn.tensor<f32[seq=4, head_dim=4]>, %k: !nn.tensor<f32[seq=4, head_dim=4]>) {
  // expected-error@+1 {{the query axis 'seq' must be the query's only}}
  %y, %lse = nn.attention %q, %k, %k over [head_dim] query seq key seq {scale = 0.5 : f64} : <f32[seq=4, head_dim=4]>, <f32[seq=4, head_dim=4]>, <f32[seq=4, head_dim=4]> -> <f32[seq=4, head_dim=4]>, <f32[seq=4]>
  nn.return
}
// -----
nn.func @attention_c4_dropout(%q: !nn.tensor<f32[seq=4, kv_heads=3, group=4@tp, head_dim=4]>, %k: !nn.tensor<f32[key_seq=4, kv_heads=3, group=4@tp, head_dim=4]>, %key: !nn.key) {
  // expected-error@+1 {{axis group=4@tp must be whole here}}
  %y, %lse = nn.attention %q, %k, %k random %key over [head_dim] query seq key key_seq {scale = 0.5 : f64, dropout = 0.1 : f64} : <f32[seq=4, kv_heads=3, group=4@tp, head_dim=4]>, <f32[key_seq=4, kv_heads=3, group=4@tp, head_dim=4]>, <f32[key_seq=4, kv_heads=3, group=4@tp, head_dim=4]> -> <f32[seq=4, kv_heads=3, group=4@tp, head_dim=4]>, <f32[seq=4, kv_heads=3, group=4@tp]>
  nn.return
}

// -----

nn.func @attention_c4(%q: !nn.tensor<f32[seq=4, head_dim=4]>, %k: !nn.tensor<f32[key_seq=4@cp, head_dim=4]>) {
  // expected-error@+1 {{axis key_seq=4@cp must be whole here}}
  %y, %lse = nn.attention %q, %k, %k over [head_dim] query seq key key_seq {scale = 0.5 : f64} : <f32[seq=4, head_dim=4]>, <f32[key_seq=4@cp, head_dim=4]>, <f32[key_seq=4@cp, head_dim=4]> -> <f32[seq=4, head_dim=4]>, <f32[seq=4]>
  nn.return
}
// -----
nn.func @attention_c6(%q: !nn.tensor<f32[seq=4, head_dim=4]>, %k: !nn.tensor<f32[key_seq=4, head_dim=4]>) {
  // expected-error@+1 {{dropout needs a random key}}
  %y, %lse = nn.attention %q, %k, %k over [head_dim] query seq key key_seq {scale = 0.5 : f64, dropout = 0.1 : f64} : <f32[seq=4, head_dim=4]>, <f32[key_seq=4, head_dim=4]>, <f32[key_seq=4, head_dim=4]> -> <f32[seq=4, head_dim=4]>, <f32[seq=4]>
  nn.return
}
// -----
nn.func @attention_c7(%q: !nn.tensor<f32[seq=4, head_dim=4]>, %k: !nn.tensor<f32[key_seq=4, head_dim=4]>) {
  // expected-error@+1 {{lse is f32[seq=4, head_dim=4], its axes must be [seq]}}
  %y, %lse = nn.attention %q, %k, %k over [head_dim] query seq key key_seq {scale = 0.5 : f64} : <f32[seq=4, head_dim=4]>, <f32[key_seq=4, head_dim=4]>, <f32[key_seq=4, head_dim=4]> -> <f32[seq=4, head_dim=4]>, <f32[seq=4, head_dim=4]>
  nn.return
}
// -----
nn.func @rope_c1_odd(%x: !nn.tensor<f32[seq=4, head_dim=3]>, %p: !nn.tensor<i32[seq=4]>) {
  // expected-error@+1 {{rotates head_dim=3, whose size must be even}}
  %y = nn.rope %x at %p over head_dim {theta = 1.0e4 : f64} : <f32[seq=4, head_dim=3]>, <i32[seq=4]> -> <f32[seq=4, head_dim=3]>
  nn.return
}
// -----
nn.func @rope_c1_placed(%x: !nn.tensor<f32[seq=4, head_dim=4@tp]>, %p: !nn.tensor<i32[seq=4]>) {
  // expected-error@+1 {{axis head_dim=4@tp must be whole here}}
  %y = nn.rope %x at %p over head_dim {theta = 1.0e4 : f64} : <f32[seq=4, head_dim=4@tp]>, <i32[seq=4]> -> <f32[seq=4, head_dim=4@tp]>
  nn.return
}
// -----
nn.func @rope_c2(%x: !nn.tensor<f32[seq=4@cp, head_dim=4]>, %p: !nn.tensor<i32[seq=4]>) {
  // expected-error@+1 {{operand #1 has axis seq=4, another operand has seq=4@cp: a dist.reshard is missing}}
  %y = nn.rope %x at %p over head_dim {theta = 1.0e4 : f64} : <f32[seq=4@cp, head_dim=4]>, <i32[seq=4]> -> <f32[seq=4@cp, head_dim=4]>
  nn.return
}
// -----
nn.func @rename_c1(%x: !nn.tensor<f32[seq=4, key_seq=4]>) {
  // expected-error@+1 {{renames to 'key_seq', which the operand has already}}
  %y = nn.rename %x [seq -> key_seq] : <f32[seq=4, key_seq=4]> -> <f32[key_seq=4]>
  nn.return
}
// -----
nn.func @split_c1(%x: !nn.tensor<f32[heads=6]>) {
  // expected-error@+1 {{the parts of heads=6 multiply to 4}}
  %y = nn.split %x [heads -> kv_heads, group] : <f32[heads=6]> -> <f32[kv_heads=2, group=2]>
  nn.return
}
// -----
nn.func @merge_c3(%x: !nn.tensor<f32[kv_heads=2, group=2@tp]>) {
  // expected-error@+1 {{axis group=2@tp must be whole here}}
  %y = nn.merge %x [kv_heads, group -> heads] : <f32[kv_heads=2, group=2@tp]> -> <f32[heads=4]>
  nn.return
}
// -----
nn.func @slice_c1(%x: !nn.tensor<f32[qk=6]>) {
  // expected-error@+1 {{the parts of qk=6 add up to 5}}
  %a, %b = nn.slice %x [qk -> nope, rot] : <f32[qk=6]> -> !nn.tensor<f32[nope=3]>, !nn.tensor<f32[rot=2]>
  nn.return
}
// -----
nn.func @slice_c3(%x: !nn.tensor<f32[qk=6@tp]>) {
  // expected-error@+1 {{axis qk=6@tp must be whole here}}
  %a, %b = nn.slice %x [qk -> nope, rot] : <f32[qk=6@tp]> -> !nn.tensor<f32[nope=3]>, !nn.tensor<f32[rot=3]>
  nn.return
}
// -----
nn.func @concat_c4(%a: !nn.tensor<f32[nope=3], sum@tp>, %b: !nn.tensor<f32[rot=3]>) {
  // expected-error@+1 {{operands are partial in different ways: reduce first}}
  %x = nn.concat %a, %b [nope, rot -> qk] : !nn.tensor<f32[nope=3], sum@tp>, !nn.tensor<f32[rot=3]> -> <f32[qk=6]>
  nn.return
}
// -----
nn.func @unstack_c1(%x: !nn.tensor<f32[qkv=3, seq=4]>) {
  // expected-error@+1 {{has 2 results for axis qkv=3}}
  %q, %k = nn.unstack %x axis qkv : <f32[qkv=3, seq=4]> -> !nn.tensor<f32[seq=4]>, !nn.tensor<f32[seq=4]>
  nn.return
}
// -----
nn.func @stack_c2(%a: !nn.tensor<f32[seq=4@cp]>, %b: !nn.tensor<f32[seq=4]>) {
  // expected-error@+1 {{operand #1 (f32[seq=4]) differs from operand #0}}
  %x = nn.stack %a, %b axis ab : !nn.tensor<f32[seq=4@cp]>, !nn.tensor<f32[seq=4]> -> <f32[ab=2, seq=4@cp]>
  nn.return
}
// -----
nn.func @input_c2(%first: !nn.tensor<i64[]>) {
  // expected-error@+1 {{the result must have an axis 'batch'}}
  %t = nn.input "tokens" from %first : (<i64[]>) -> <i32[seq=4]>
  nn.return
}
// -----
nn.func @iota_c1() {
  // expected-error@+1 {{the result must be an integer tensor}}
  %p = nn.iota : <f32[seq=4]>
  nn.return
}
// -----
nn.func @dropout_c1(%x: !nn.tensor<f32[batch=2]>, %key: !nn.key) {
  // expected-error@+1 {{p is 1.000000e+00, it must be at least 0 and below 1}}
  %y = nn.dropout %x random %key {p = 1.0, site = 0 : i32} : <f32[batch=2]> -> <f32[batch=2]>
  nn.return
}
// -----
nn.func @dropout_c3(%x: !nn.tensor<f32[batch=2], sum@tp>, %key: !nn.key) {
  // expected-error@+1 {{operand #0 is partial (f32[batch=2], sum@tp)}}
  %y = nn.dropout %x random %key {p = 0.5, site = 0 : i32} : <f32[batch=2], sum@tp> -> <f32[batch=2], sum@tp>
  nn.return
}
