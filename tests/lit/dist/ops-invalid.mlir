// RUN: shardc-opt %s -split-input-file -verify-diagnostics
// Each constraint of each op, violated.

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = []>} {
  nn.func @reshard_c1(%x: !nn.tensor<f32[seq=8]>) -> !nn.tensor<f32[seq=4]> {
    // expected-error @+1 {{are not the same tensor}}
    %y = dist.reshard %x : !nn.tensor<f32[seq=8]> -> !nn.tensor<f32[seq=4]>
    nn.return %y : !nn.tensor<f32[seq=4]>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = []>} {
  nn.func @reshard_c2(%x: !nn.tensor<f32[seq=8], sum@tp>) -> !nn.tensor<f32[seq=8], max@tp> {
    // expected-error @+1 {{the result (f32[seq=8], max@tp) can't be partial by 'max': the operand is f32[seq=8], sum@tp}}
    %y = dist.reshard %x : !nn.tensor<f32[seq=8], sum@tp> -> !nn.tensor<f32[seq=8], max@tp>
    nn.return %y : !nn.tensor<f32[seq=8], max@tp>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = []>} {
  nn.func @reshard_c2_whole(%x: !nn.tensor<f32[seq=8]>) -> !nn.tensor<f32[seq=8], max@tp> {
    // expected-error @+1 {{the result (f32[seq=8], max@tp) can't be partial by 'max': the operand is f32[seq=8]}}
    %y = dist.reshard %x : !nn.tensor<f32[seq=8]> -> !nn.tensor<f32[seq=8], max@tp>
    nn.return %y : !nn.tensor<f32[seq=8], max@tp>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = []>} {
  nn.func @all_reduce_c1_none(%x: !nn.tensor<f32[seq=8], sum@tp>) -> !nn.tensor<f32[seq=8], sum@tp> {
    // expected-error @+1 {{names no mesh axis}}
    %y = dist.all_reduce sum %x over [] : <f32[seq=8], sum@tp> -> <f32[seq=8], sum@tp>
    nn.return %y : !nn.tensor<f32[seq=8], sum@tp>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = []>} {
  nn.func @all_reduce_c1_twice(%x: !nn.tensor<f32[seq=8], sum@tp>) -> !nn.tensor<f32[seq=8]> {
    // expected-error @+1 {{names mesh axis 'tp' twice}}
    %y = dist.all_reduce sum %x over [tp, tp] : <f32[seq=8], sum@tp> -> <f32[seq=8]>
    nn.return %y : !nn.tensor<f32[seq=8]>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = []>} {
  nn.func @all_reduce_c2(%x: !nn.tensor<f32[seq=8], sum@tp>) -> !nn.tensor<f32[seq=8]> {
    // expected-error @+1 {{the operand (f32[seq=8], sum@tp) is not partial over 'dp'}}
    %y = dist.all_reduce sum %x over [dp] : <f32[seq=8], sum@tp> -> <f32[seq=8]>
    nn.return %y : !nn.tensor<f32[seq=8]>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = []>} {
  nn.func @all_reduce_c2_kind(%x: !nn.tensor<f32[seq=8], max@tp>) -> !nn.tensor<f32[seq=8]> {
    // expected-error @+1 {{folds by 'sum' an operand that is partial by 'max'}}
    %y = dist.all_reduce sum %x over [tp] : <f32[seq=8], max@tp> -> <f32[seq=8]>
    nn.return %y : !nn.tensor<f32[seq=8]>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = []>} {
  nn.func @all_reduce_c3(%x: !nn.tensor<f32[seq=8], sum@tp>) -> !nn.tensor<f32[seq=8@tp]> {
    // expected-error @+1 {{the result is f32[seq=8@tp], its operand makes it f32[seq=8]}}
    %y = dist.all_reduce sum %x over [tp] : <f32[seq=8], sum@tp> -> <f32[seq=8@tp]>
    nn.return %y : !nn.tensor<f32[seq=8@tp]>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = []>} {
  nn.func @reduce_scatter_c1(%x: !nn.tensor<f32[seq=8], sum@tp>) -> !nn.tensor<f32[seq=8@tp]> {
    // expected-error @+1 {{names mesh axis 'tp' twice}}
    %y = dist.reduce_scatter sum %x axis seq over [tp, tp] : <f32[seq=8], sum@tp> -> <f32[seq=8@tp]>
    nn.return %y : !nn.tensor<f32[seq=8@tp]>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = []>} {
  nn.func @reduce_scatter_c2(%x: !nn.tensor<f32[seq=8]>) -> !nn.tensor<f32[seq=8@tp]> {
    // expected-error @+1 {{the operand (f32[seq=8]) is not partial over 'tp'}}
    %y = dist.reduce_scatter sum %x axis seq over [tp] : <f32[seq=8]> -> <f32[seq=8@tp]>
    nn.return %y : !nn.tensor<f32[seq=8@tp]>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = []>} {
  nn.func @reduce_scatter_c3(%x: !nn.tensor<f32[seq=8], sum@tp>) -> !nn.tensor<f32[seq=8@tp]> {
    // expected-error @+1 {{the operand (f32[seq=8]) has no axis 'embed'}}
    %y = dist.reduce_scatter sum %x axis embed over [tp] : <f32[seq=8], sum@tp> -> <f32[seq=8@tp]>
    nn.return %y : !nn.tensor<f32[seq=8@tp]>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = []>} {
  nn.func @reduce_scatter_c4(%x: !nn.tensor<f32[seq=8@dp], sum@tp>) -> !nn.tensor<f32[seq=8@tp@dp]> {
    // expected-error @+1 {{the result is f32[seq=8@tp@dp], its operand makes it f32[seq=8@dp@tp]}}
    %y = dist.reduce_scatter sum %x axis seq over [tp] : <f32[seq=8@dp], sum@tp> -> <f32[seq=8@tp@dp]>
    nn.return %y : !nn.tensor<f32[seq=8@tp@dp]>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 3], rules = []>} {
  nn.func @reduce_scatter_parts(%x: !nn.tensor<f32[seq=8], sum@tp>) -> !nn.tensor<f32[seq=8@tp]> {
    // expected-error @+2 {{axis 'seq' has size 8, which mesh axis 'tp' (3) does not divide}}
    // expected-note @+1 {{'tp' can be 1, 2, 4 or 8 here}}
    %z = dist.reduce_scatter sum %x axis seq over [tp] : <f32[seq=8], sum@tp> -> <f32[seq=8@tp]>
    nn.return %z : !nn.tensor<f32[seq=8@tp]>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = []>} {
  nn.func @all_gather_c1(%x: !nn.tensor<f32[seq=8@tp]>) -> !nn.tensor<f32[seq=8@tp]> {
    // expected-error @+1 {{names no mesh axis}}
    %y = dist.all_gather %x axis seq over [] : <f32[seq=8@tp]> -> <f32[seq=8@tp]>
    nn.return %y : !nn.tensor<f32[seq=8@tp]>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = []>} {
  nn.func @all_gather_c2(%x: !nn.tensor<f32[seq=8@dp@tp]>) -> !nn.tensor<f32[seq=8@tp]> {
    // expected-error @+1 {{[dp] is not the minor-most part of what places axis seq=8@dp@tp: moving a major part alone would reorder the data}}
    %y = dist.all_gather %x axis seq over [dp] : <f32[seq=8@dp@tp]> -> <f32[seq=8@tp]>
    nn.return %y : !nn.tensor<f32[seq=8@tp]>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = []>} {
  nn.func @all_gather_c2_order(%x: !nn.tensor<f32[seq=8@dp@tp]>) -> !nn.tensor<f32[seq=8]> {
    // expected-error @+1 {{[tp, dp] is not the minor-most part of what places axis seq=8@dp@tp}}
    %y = dist.all_gather %x axis seq over [tp, dp] : <f32[seq=8@dp@tp]> -> <f32[seq=8]>
    nn.return %y : !nn.tensor<f32[seq=8]>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = []>} {
  nn.func @all_gather_c2_axis(%x: !nn.tensor<f32[seq=8@tp]>) -> !nn.tensor<f32[seq=8]> {
    // expected-error @+1 {{the operand (f32[seq=8@tp]) has no axis 'embed'}}
    %y = dist.all_gather %x axis embed over [tp] : <f32[seq=8@tp]> -> <f32[seq=8]>
    nn.return %y : !nn.tensor<f32[seq=8]>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = []>} {
  nn.func @all_gather_c3(%x: !nn.tensor<f32[seq=8@tp]>) -> !nn.tensor<f32[seq=8@dp]> {
    // expected-error @+1 {{the result is f32[seq=8@dp], its operand makes it f32[seq=8]}}
    %y = dist.all_gather %x axis seq over [tp] : <f32[seq=8@tp]> -> <f32[seq=8@dp]>
    nn.return %y : !nn.tensor<f32[seq=8@dp]>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = []>} {
  nn.func @all_to_all_c1(%x: !nn.tensor<f32[seq=8@dp@tp, embed=4]>) -> !nn.tensor<f32[seq=8@dp@tp, embed=4]> {
    // expected-error @+1 {{names no mesh axis}}
    %y = dist.all_to_all %x from seq to embed over [] : <f32[seq=8@dp@tp, embed=4]> -> <f32[seq=8@dp@tp, embed=4]>
    nn.return %y : !nn.tensor<f32[seq=8@dp@tp, embed=4]>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = []>} {
  nn.func @all_to_all_c2(%x: !nn.tensor<f32[seq=8@dp@tp, embed=4]>) -> !nn.tensor<f32[seq=8@tp, embed=4@dp]> {
    // expected-error @+1 {{[dp] is not the minor-most part of what places axis seq=8@dp@tp}}
    %y = dist.all_to_all %x from seq to embed over [dp] : <f32[seq=8@dp@tp, embed=4]> -> <f32[seq=8@tp, embed=4@dp]>
    nn.return %y : !nn.tensor<f32[seq=8@tp, embed=4@dp]>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = []>} {
  nn.func @all_to_all_c3(%x: !nn.tensor<f32[seq=8@dp@tp, embed=4]>) -> !nn.tensor<f32[seq=8@dp@tp, embed=4]> {
    // expected-error @+1 {{moves from axis 'seq' to itself}}
    %y = dist.all_to_all %x from seq to seq over [tp] : <f32[seq=8@dp@tp, embed=4]> -> <f32[seq=8@dp@tp, embed=4]>
    nn.return %y : !nn.tensor<f32[seq=8@dp@tp, embed=4]>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = []>} {
  nn.func @all_to_all_c3_axis(%x: !nn.tensor<f32[seq=8@dp@tp, embed=4]>) -> !nn.tensor<f32[seq=8@dp@tp, embed=4]> {
    // expected-error @+1 {{(f32[seq=8@dp, embed=4]) has no axis 'heads'}}
    %y = dist.all_to_all %x from seq to heads over [tp] : <f32[seq=8@dp@tp, embed=4]> -> <f32[seq=8@dp@tp, embed=4]>
    nn.return %y : !nn.tensor<f32[seq=8@dp@tp, embed=4]>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = []>} {
  nn.func @all_to_all_c4(%x: !nn.tensor<f32[seq=8@dp@tp, embed=4]>) -> !nn.tensor<f32[seq=8@dp, embed=4]> {
    // expected-error @+1 {{the result is f32[seq=8@dp, embed=4], its operand makes it f32[seq=8@dp, embed=4@tp]}}
    %y = dist.all_to_all %x from seq to embed over [tp] : <f32[seq=8@dp@tp, embed=4]> -> <f32[seq=8@dp, embed=4]>
    nn.return %y : !nn.tensor<f32[seq=8@dp, embed=4]>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = []>} {
  nn.func @shard_slice_c1(%x: !nn.tensor<f32[seq=8]>) -> !nn.tensor<f32[seq=8@tp]> {
    // expected-error @+1 {{names mesh axis 'tp' twice}}
    %y = dist.shard_slice %x axis seq over [tp, tp] : <f32[seq=8]> -> <f32[seq=8@tp]>
    nn.return %y : !nn.tensor<f32[seq=8@tp]>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = []>} {
  nn.func @shard_slice_c2_partial(%x: !nn.tensor<f32[seq=8], sum@tp>) -> !nn.tensor<f32[seq=8@tp]> {
    // expected-error @+1 {{the operand (f32[seq=8], sum@tp) is partial over 'tp'}}
    %y = dist.shard_slice %x axis seq over [tp] : <f32[seq=8], sum@tp> -> <f32[seq=8@tp]>
    nn.return %y : !nn.tensor<f32[seq=8@tp]>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = []>} {
  nn.func @shard_slice_c2_placed(%x: !nn.tensor<f32[seq=8, embed=4@tp]>) -> !nn.tensor<f32[seq=8@tp, embed=4]> {
    // expected-error @+1 {{the operand (f32[seq=8, embed=4@tp]) is placed by 'tp'}}
    %y = dist.shard_slice %x axis seq over [tp] : <f32[seq=8, embed=4@tp]> -> <f32[seq=8@tp, embed=4]>
    nn.return %y : !nn.tensor<f32[seq=8@tp, embed=4]>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = []>} {
  nn.func @shard_slice_c3(%x: !nn.tensor<f32[seq=8]>) -> !nn.tensor<f32[seq=8]> {
    // expected-error @+1 {{the operand (f32[seq=8]) has no axis 'embed'}}
    %y = dist.shard_slice %x axis embed over [tp] : <f32[seq=8]> -> <f32[seq=8]>
    nn.return %y : !nn.tensor<f32[seq=8]>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = []>} {
  nn.func @shard_slice_c4(%x: !nn.tensor<f32[seq=8@dp]>) -> !nn.tensor<f32[seq=8@tp@dp]> {
    // expected-error @+1 {{the result is f32[seq=8@tp@dp], its operand makes it f32[seq=8@dp@tp]}}
    %y = dist.shard_slice %x axis seq over [tp] : <f32[seq=8@dp]> -> <f32[seq=8@tp@dp]>
    nn.return %y : !nn.tensor<f32[seq=8@tp@dp]>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 3], rules = []>} {
  nn.func @shard_slice_parts(%x: !nn.tensor<f32[seq=8]>) -> !nn.tensor<f32[seq=8@tp]> {
    // expected-error @+2 {{axis 'seq' has size 8, which mesh axis 'tp' (3) does not divide}}
    // expected-note @+1 {{'tp' can be 1, 2, 4 or 8 here}}
    %z = dist.shard_slice %x axis seq over [tp] : <f32[seq=8]> -> <f32[seq=8@tp]>
    nn.return %z : !nn.tensor<f32[seq=8@tp]>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = []>} {
  nn.func @mask_c1(%x: !nn.tensor<f32[seq=8]>) -> !nn.tensor<f32[seq=8]> {
    // expected-error @+1 {{names no mesh axis}}
    %y = dist.mask %x over [] : <f32[seq=8]> -> <f32[seq=8]>
    nn.return %y : !nn.tensor<f32[seq=8]>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = []>} {
  nn.func @mask_c2_placed(%x: !nn.tensor<f32[seq=8@tp]>) -> !nn.tensor<f32[seq=8], sum@tp> {
    // expected-error @+1 {{the operand (f32[seq=8@tp]) is placed by 'tp'}}
    %y = dist.mask %x over [tp] : <f32[seq=8@tp]> -> <f32[seq=8], sum@tp>
    nn.return %y : !nn.tensor<f32[seq=8], sum@tp>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = []>} {
  nn.func @mask_c2_partial(%x: !nn.tensor<f32[seq=8], sum@tp>) -> !nn.tensor<f32[seq=8], sum@tp> {
    // expected-error @+1 {{the operand (f32[seq=8], sum@tp) is partial over 'tp'}}
    %y = dist.mask %x over [tp] : <f32[seq=8], sum@tp> -> <f32[seq=8], sum@tp>
    nn.return %y : !nn.tensor<f32[seq=8], sum@tp>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = []>} {
  nn.func @mask_c2_max(%x: !nn.tensor<f32[seq=8], max@tp>) -> !nn.tensor<f32[seq=8], sum@dp@tp> {
    // expected-error @+1 {{is partial by 'max': zero is not neutral}}
    %y = dist.mask %x over [dp] : <f32[seq=8], max@tp> -> <f32[seq=8], sum@dp@tp>
    nn.return %y : !nn.tensor<f32[seq=8], sum@dp@tp>
  }
}

// -----

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = []>} {
  nn.func @mask_c3(%x: !nn.tensor<f32[seq=8]>) -> !nn.tensor<f32[seq=8], sum@dp> {
    // expected-error @+1 {{the result is f32[seq=8], sum@dp, its operand makes it f32[seq=8], sum@tp}}
    %y = dist.mask %x over [tp] : <f32[seq=8]> -> <f32[seq=8], sum@dp>
    nn.return %y : !nn.tensor<f32[seq=8], sum@dp>
  }
}
