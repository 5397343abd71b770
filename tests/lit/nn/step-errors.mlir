// RUN: shardc-opt --nn-step --split-input-file --verify-diagnostics %s

// expected-error@below {{the module has no nn.recipe}}
module {
  nn.func @main() {
    nn.return
  }
}

// -----
// expected-error@below {{nn.recipe lacks 'optimizer' (or it has another type)}}
module attributes {nn.recipe = {microbatches = 2, global_batch_size = 4, steps = 1, max_grad_norm = 0.0 : f64}} {
  nn.func @main() {
    nn.return
  }
}

// -----
// expected-error@below {{nn.recipe has 'name' = 'lion', known are adamw, sgd}}
module attributes {nn.recipe = {microbatches = 2, global_batch_size = 4, steps = 1, max_grad_norm = 0.0 : f64,
    optimizer = {name = "lion", lr = 0.1 : f64, weight_decay = 0.0 : f64}, lr_schedule = {name = "constant", warmup_steps = 0, min_lr = 0.0 : f64}}} {
  nn.func @main() {
    nn.return
  }
}

// -----
// expected-error@below {{global_batch_size is 4, which microbatches (3) does not divide}}
module attributes {nn.recipe = {microbatches = 3, global_batch_size = 4, steps = 1, max_grad_norm = 0.0 : f64,
    optimizer = {name = "sgd", lr = 0.1 : f64, weight_decay = 0.0 : f64}, lr_schedule = {name = "constant", warmup_steps = 0, min_lr = 0.0 : f64}}} {
  nn.func @main() {
    nn.return
  }
}

// -----
module attributes {nn.recipe = {microbatches = 2, global_batch_size = 4, steps = 1, max_grad_norm = 0.0 : f64,
    optimizer = {name = "sgd", lr = 0.1 : f64, weight_decay = 0.0 : f64}, lr_schedule = {name = "constant", warmup_steps = 0, min_lr = 0.0 : f64}}} {
  // expected-error@below {{argument #0 is neither an input, nor parameters, nor a key}}
  nn.func @main(%x: !nn.tensor<f32[seq=4]>) -> !nn.tensor<f32[seq=4]> {
    nn.return %x : !nn.tensor<f32[seq=4]>
  }
  nn.func @main_backward() {
    nn.return
  }
}

// -----
module attributes {nn.recipe = {microbatches = 2, global_batch_size = 4, steps = 1, max_grad_norm = 0.0 : f64,
    optimizer = {name = "sgd", lr = 0.1 : f64, weight_decay = 0.0 : f64}, lr_schedule = {name = "constant", warmup_steps = 0, min_lr = 0.0 : f64}}} {
  // expected-error@below {{has no gradient: run nn-differentiate first}}
  nn.func @main(%x: !nn.tensor<f32[seq=4]>) -> !nn.tensor<f32[seq=4]> {
    nn.return %x : !nn.tensor<f32[seq=4]>
  }
}

// -----
!w = !nn.bundle<w, w: f32[seq=4]>
#w = [#nn.parameter<file = "w", init = "ones", std = 0.0 : f64, decay = false, storage = [["seq"]]>]
module attributes {nn.recipe = {microbatches = 2, global_batch_size = 4, steps = 1, max_grad_norm = 0.0 : f64,
    optimizer = {name = "sgd", lr = 0.1 : f64, weight_decay = 0.0 : f64}, lr_schedule = {name = "constant", warmup_steps = 0, min_lr = 0.0 : f64}}} {
  // expected-error@below {{input #0 is i32[batch=4, seq=4], a micro-batch has batch=2}}
  nn.func @main(%labels: !nn.tensor<i32[batch=4, seq=4]> {nn.input = "labels"}, %weights: !w {nn.kind = "parameter", nn.parameters = #w}) -> !nn.tensor<f32[seq=4]> {
    %w = nn.unpack %weights : !w
    nn.return %w : !nn.tensor<f32[seq=4]>
  }
  nn.func @main_backward() {
    nn.return
  }
}
