// RUN: shardc-opt %s --split-input-file --verify-diagnostics

!X = !nn.tensor<f32[batch=2, n=3]>
nn.func @outside(%x: !X) {
  // expected-error @+1 {{'pipe.send' op stands in no stage: its module has no 'pipe.stage'}}
  pipe.send %x to 1 message 0 order [batch, n] : !X
  nn.return
}

// -----

!X = !nn.tensor<f32[batch=2, n=3]>
module attributes {pipe.stage = #pipe.stage<1 of 2 over "pp", mesh = [pp = 2]>} {
nn.func @send_c1(%x: !X) {
  // expected-error @+1 {{'pipe.send' op sends to stage 1, it must be another of the 2}}
  pipe.send %x to 1 message 0 order [batch, n] : !X
  nn.return
}
}

// -----

!X = !nn.tensor<f32[batch=2, n=3]>
module attributes {pipe.stage = #pipe.stage<1 of 2 over "pp", mesh = [pp = 2]>} {
nn.func @receive_c1() {
  // expected-error @+1 {{'pipe.receive' op receives from stage 2, it must be another of the 2}}
  %x = pipe.receive from 2 message 0 order [batch, n] : !X
  nn.return
}
}

// -----

!X = !nn.tensor<f32[batch=2, n=3]>
module attributes {pipe.stage = #pipe.stage<1 of 2 over "pp", mesh = [pp = 2]>} {
nn.func @send_c2(%x: !X) {
  // expected-error @+1 {{'pipe.send' op must order the axes of f32[batch=2, n=3], each once}}
  pipe.send %x to 0 message 0 order [batch, batch] : !X
  nn.return
}
}

// -----

!P = !nn.tensor<f32[n=3], sum@dp>
module attributes {dist.plan = #dist.plan<mesh = [dp = 2], rules = []>, pipe.stage = #pipe.stage<1 of 2 over "pp", mesh = [dp = 2, pp = 2]>} {
nn.func @receive_c3() {
  // expected-error @+1 {{'pipe.receive' op can't move f32[n=3], sum@dp, which is partial}}
  %x = pipe.receive from 0 message 0 order [n] : !P
  nn.return
}
}

// -----

!X = !nn.tensor<f32[batch=2, n=3]>
module attributes {pipe.stage = #pipe.stage<1 of 2 over "pp", mesh = [pp = 2]>} {
nn.func @sent_of_nothing(%x: !X) {
  // expected-error @+1 {{'pipe.sent' op waits for message 1 to stage 0, which 0 ops before it send}}
  pipe.sent to 0 message 1
  pipe.send %x to 0 message 1 order [batch, n] : !X
  nn.return
}
}

// -----

!X = !nn.tensor<f32[batch=2, n=3]>
module attributes {pipe.stage = #pipe.stage<1 of 2 over "pp", mesh = [pp = 2]>} {
nn.func @sent_twice(%x: !X) {
  pipe.send %x to 0 message 0 order [batch, n] : !X
  pipe.sent to 0 message 0
  // expected-error @+1 {{'pipe.sent' op waits for message 0 to stage 0 twice}}
  pipe.sent to 0 message 0
  nn.return
}
}

// -----

// expected-error @+1 {{stage 2 is none of the 2}}
module attributes {pipe.stage = #pipe.stage<2 of 2 over "pp", mesh = [pp = 2]>} {
}

// -----

// expected-error @+1 {{there are 2 stages, mesh axis 'pp' has size 4}}
module attributes {pipe.stage = #pipe.stage<0 of 2 over "pp", mesh = [pp = 4]>} {
}

// -----

// expected-error @+1 {{mesh axis 'pp' is not in the mesh}}
module attributes {pipe.stage = #pipe.stage<0 of 2 over "pp", mesh = [dp = 2]>} {
}

// -----

// expected-error @+1 {{'pipe.stage' must be a #pipe.stage of a module}}
module attributes {pipe.stage = 1 : i64} {
}

// -----

nn.func @begin_c1() {
  // expected-error @+1 {{must say of which micro-batch and which chunk it is}}
  pipe.begin forward of microbatch 3
  nn.return
}

// -----

nn.func @begin_c1_update() {
  // expected-error @+1 {{'update' is of no micro-batch and no chunk}}
  pipe.begin update of microbatch 3 chunk 0
  nn.return
}

// -----

!X = !nn.tensor<f32[n=3]>
nn.func @keep_c1(%x: !X) {
  // expected-error @+1 {{'pipe.keep' op stands in no stage: its module has no 'pipe.stage'}}
  %y = pipe.keep %x : !X
  nn.return
}

// -----

!P = !nn.tensor<f32[n=3], sum@dp>
module attributes {dist.plan = #dist.plan<mesh = [dp = 2], rules = []>, pipe.stage = #pipe.stage<1 of 2 over "pp", mesh = [dp = 2, pp = 2]>} {
nn.func @keep_c2(%x: !P {nn.kind = "gradient"}) {
  // expected-error @+1 {{'pipe.keep' op can't move f32[n=3], sum@dp, which is partial}}
  %y = pipe.keep %x : !P
  nn.return
}
}
