// RUN: shardc-opt %s -split-input-file -verify-diagnostics --dist-verify
// What --dist-verify asks of the whole, and hand-written mistakes that the types catch.

// expected-error @+1 {{has no 'dist.plan'}}
module {}

// -----

module attributes {dist.plan = #dist.plan<mesh = [tp = 2], rules = []>} {
  nn.func @verify_c1(%x: !nn.tensor<f32[seq=8@tp]>) -> !nn.tensor<f32[seq=8]> {
    // expected-error @+1 {{'dist.reshard' op is left: run --dist-lower-reshard before the level is closed}}
    %y = dist.reshard %x : !nn.tensor<f32[seq=8@tp]> -> !nn.tensor<f32[seq=8]>
    nn.return %y : !nn.tensor<f32[seq=8]>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [tp = 2], rules = []>} {
  // expected-note @+2 {{only gradients and accumulators cross a function's edge as partial sums: reduce it before}}
  // expected-error @+1 {{argument #0 of @verify_c2_argument is partial (f32[], sum@tp)}}
  nn.func @verify_c2_argument(%x: !nn.tensor<f32[], sum@tp>) -> (!nn.tensor<f32[], sum@tp> {nn.kind = "accumulator"}) {
    nn.return %x : !nn.tensor<f32[], sum@tp>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [tp = 2], rules = []>} {
  // expected-note @+1 {{only gradients and accumulators cross}}
  nn.func @verify_c2_result(%x: !nn.tensor<f32[seq=8@tp]>) -> !nn.tensor<f32[], sum@tp> {
    // expected-error @+1 {{result #0 of @verify_c2_result is partial (f32[], sum@tp)}}
    %y = nn.reduce sum %x over [seq] : <f32[seq=8@tp]> -> <f32[], sum@tp>
    nn.return %y : !nn.tensor<f32[], sum@tp>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [tp = 2], rules = []>} {
  // expected-note @+1 {{only gradients and accumulators cross}}
  nn.func @verify_c5(%x: !nn.tensor<f32[seq=8@tp]>) -> (!nn.tensor<f32[], max@tp> {nn.kind = "accumulator"}) {
    // expected-error @+1 {{result #0 of @verify_c5 is partial (f32[], max@tp) by 'max'}}
    %y = nn.reduce max %x over [seq] : <f32[seq=8@tp]> -> <f32[], max@tp>
    nn.return %y : !nn.tensor<f32[], max@tp>
  }
}

// -----

// A norm's gradient that somebody forgot to sum over tp.
module attributes {dist.plan = #dist.plan<mesh = [tp = 2], rules = [[seq@tp]]>} {
  nn.func @forgotten_sum(%w: !nn.tensor<f32[embed=8]>, %d: !nn.tensor<f32[seq=8@tp, embed=8]>) -> !nn.tensor<f32[embed=8]> {
    %dw = nn.reduce sum %d over [seq] : <f32[seq=8@tp, embed=8]> -> <f32[embed=8], sum@tp>
    // expected-error @+1 {{operand #1 (f32[embed=8], sum@tp) is not partial in the way operand #0 is (f32[embed=8]): reduce first}}
    %new = nn.map (%a = %w : <f32[embed=8]>, %b = %dw : <f32[embed=8], sum@tp>) -> <f32[embed=8]> {
      %0 = arith.subf %a, %b : f32
      nn.yield %0 : f32
    }
    nn.return %new : !nn.tensor<f32[embed=8]>
  }
}

// -----

// A partial into a nonlinear map: the error is at the scalar op.
module attributes {dist.plan = #dist.plan<mesh = [tp = 2], rules = []>} {
  nn.func @nonlinear(%x: !nn.tensor<f32[seq=8], sum@tp>) -> !nn.tensor<f32[seq=8], sum@tp> {
    // expected-error @+1 {{operands are partial (f32[seq=8], sum@tp) and the region is not linear in them: they must be reduced first}}
    %y = nn.map (%a = %x : <f32[seq=8], sum@tp>) -> <f32[seq=8], sum@tp> {
      // expected-note @+1 {{'math.exp' is not linear}}
      %0 = math.exp %a : f32
      nn.yield %0 : f32
    }
    nn.return %y : !nn.tensor<f32[seq=8], sum@tp>
  }
}

// -----

// A collective over the wrong mesh axis, as a mutated program would have it.
module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = []>} {
  nn.func @wrong_mesh_axis(%x: !nn.tensor<f32[seq=8], sum@tp>) -> !nn.tensor<f32[seq=8]> {
    // expected-error @+1 {{the operand (f32[seq=8], sum@tp) is not partial over 'dp'}}
    %y = dist.all_reduce sum %x over [dp] : <f32[seq=8], sum@tp> -> <f32[seq=8]>
    nn.return %y : !nn.tensor<f32[seq=8]>
  }
}

// -----

// An update on the whole of a weight that rests in parts.
module attributes {dist.plan = #dist.plan<mesh = [dp = 2], rules = []>} {
  // expected-note @+1 {{so says @init: reshard it before}}
  nn.func @init() -> (!nn.tensor<f32[embed=8@dp]> {nn.kind = "parameter", nn.path = "norm"}) {
    %w = nn.map () -> <f32[embed=8@dp]> {
      %one = arith.constant 1.0 : f32
      nn.yield %one : f32
    }
    nn.return %w : !nn.tensor<f32[embed=8@dp]>
  }
  nn.func @step(%w: !nn.tensor<f32[embed=8@dp]> {nn.kind = "parameter", nn.path = "norm"})
      -> (!nn.tensor<f32[embed=8]> {nn.kind = "parameter", nn.path = "norm"}) {
    // expected-error @+1 {{@step returns a parameter of 'norm' as f32[embed=8], but it is stored as f32[embed=8@dp]}}
    %whole = dist.all_gather %w axis embed over [dp] : <f32[embed=8@dp]> -> <f32[embed=8]>
    nn.return %whole : !nn.tensor<f32[embed=8]>
  }
}
