// RUN: shardc-opt %s -split-input-file -verify-diagnostics | FileCheck %s

// CHECK: #dist.plan<mesh = [dp = 2, tp = 2], rules = {{\[\[}}batch@dp], [heads@tp, mlp@tp, vocab@tp], [seq@tp]]>
module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2],
    rules = [[batch@dp], [heads@tp, mlp@tp, vocab@tp], [seq@tp]]>} {}

// -----

// CHECK: rules = {{\[\[}}batch@replica@shard]], parameter = {{\[\[}}embed@shard]], optimizer_state = {{\[\[}}embed@shard]]>
module attributes {dist.plan = #dist.plan<mesh = [replica = 2, shard = 4], rules = [[batch@replica@shard]],
    parameter = [[embed@shard]], optimizer_state = [[embed@shard]]>} {}

// -----

// CHECK: parameter = {{\[\[}}embed@shard], [*@dp@shard]], gradient = {{\[\[}}*@dp]], reduce_gradients = last, keep_gathered, gather = module>
module attributes {dist.plan = #dist.plan<mesh = [dp = 2, shard = 4], rules = [[batch@dp@shard]],
    parameter = [[embed@shard], [*@dp@shard]], gradient = [[*@dp]], reduce_gradients = last, keep_gathered,
    gather = module>} {}

// -----

// expected-error @+1 {{a rule for whichever axis is the largest holds at rest only}}
module attributes {dist.plan = #dist.plan<mesh = [dp = 2], rules = [[*@dp]]>} {}

// -----

// expected-error @+1 {{a rule for whichever axis is the largest must be a level of its own}}
module attributes {dist.plan = #dist.plan<mesh = [dp = 2], rules = [], parameter = [[embed@dp, *@dp]]>} {}

// -----

// expected-error @+1 {{expected 'last'}}
module attributes {dist.plan = #dist.plan<mesh = [dp = 2], rules = [], reduce_gradients = each>} {}

// -----

// expected-error @+1 {{mesh axis 'dp' has size 0, it must be at least 1}}
module attributes {dist.plan = #dist.plan<mesh = [dp = 0], rules = []>} {}

// -----

// expected-error @+1 {{mesh axis 'dp' stands twice in the mesh}}
module attributes {dist.plan = #dist.plan<mesh = [dp = 2, dp = 2], rules = []>} {}

// -----

// expected-error @+1 {{axis 'seq' stands twice in one level}}
module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = [[seq@dp, seq@tp]]>} {}

// -----

// expected-error @+1 {{rule 'batch' names mesh axis 'pp', which the mesh lacks}}
module attributes {dist.plan = #dist.plan<mesh = [dp = 2], rules = [[batch@pp]]>} {}

// -----

// expected-error @+1 {{rule 'batch' names mesh axis 'dp' twice}}
module attributes {dist.plan = #dist.plan<mesh = [dp = 2], rules = [[batch@dp@dp]]>} {}

// -----

// expected-error @+1 {{rule 'batch' names no mesh axis}}
module attributes {dist.plan = #dist.plan<mesh = [dp = 2], rules = [[batch]]>} {}

// -----

// expected-error @+1 {{'bias' is not a kind that rests: expected 'parameter', 'gradient' or 'optimizer_state'}}
module attributes {dist.plan = #dist.plan<mesh = [dp = 2], rules = [], bias = [[embed@dp]]>} {}

// -----

// expected-error @+1 {{'dist.plan' must be a #dist.plan of a module}}
module attributes {dist.plan = 3} {}

// -----

// expected-error @+1 {{unknown attribute 'dist.plane'}}
module attributes {dist.plane = 3} {}

// -----

module attributes {dist.plan = #dist.plan<mesh = [tp = 4], rules = []>} {
  // expected-error @+2 {{axis 'heads' has size 6, which mesh axis 'tp' (4) does not divide}}
  // expected-note @+1 {{'tp' can be 1, 2, 3 or 6 here}}
  nn.func @f(%x: !nn.tensor<f32[heads=6@tp]>) -> !nn.tensor<f32[heads=6@tp]> {
    nn.return %x : !nn.tensor<f32[heads=6@tp]>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [tp = 2], rules = []>} {
  // expected-error @+1 {{axis heads=6@cp is placed by mesh axis 'cp', which the mesh lacks}}
  nn.func @f(%x: !nn.tensor<f32[heads=6@cp]>) -> !nn.tensor<f32[heads=6@cp]> {
    nn.return %x : !nn.tensor<f32[heads=6@cp]>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [tp = 2], rules = []>} {
  // expected-error @+1 {{f32[], sum@cp is partial over mesh axis 'cp', which the mesh lacks}}
  nn.func @f(%x: !nn.tensor<f32[], sum@cp>) -> !nn.tensor<f32[], sum@cp> {
    nn.return %x : !nn.tensor<f32[], sum@cp>
  }
}
