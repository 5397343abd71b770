// RUN: shardc-opt --nn-outline --nn-differentiate --nn-step %S/Inputs/tiny.mlir | FileCheck %s

// The functions of a module stand once for both layers.
// CHECK:       nn.func @block_squared_norm(%gradients: !block_gradients {nn.kind = "gradient"}) -> (!nn.tensor<f32[]> {nn.kind = "accumulator"})

// AdamW: decoupled decay where the parameter says so (1 - lr * 0.1), not for norms.
// CHECK-LABEL: nn.func @block_update(
// CHECK:         nn.map (%w = %ln.weight :
// CHECK-NOT:       arith.subf %{{.*}}, %{{.*}}
// CHECK:           math.sqrt
// CHECK:         nn.map (%w = %mlp.fc.weight :
// CHECK:           %[[G:.*]] = arith.mulf %g, %scale
// CHECK:           %[[DECAY:.*]] = arith.mulf %lr{{.*}}, %cst
// CHECK-NEXT:      %[[KEPT:.*]] = arith.subf %cst{{.*}}, %[[DECAY]]
// CHECK-NEXT:      arith.mulf %w, %[[KEPT]]

// CHECK-LABEL: nn.func @block_init(%key: !nn.key) -> (!block {nn.kind = "parameter"})
// CHECK:         nn.random %key {site = 2 : i32, std = 2.000000e-02 : f64}

// One micro-batch: forward, sums, backward seeded with ones. Every layer is one line.
// CHECK-LABEL: nn.func @micro(%tokens: {{.*}} {nn.input = "tokens"}, %labels: {{.*}} {nn.input = "labels"}, %embed: {{.*}}, %head: {{.*}}, %h.0: {{.*}}, %h.1: {{.*}}, %embed_gradients: {{.*}}, %head_gradients: {{.*}}, %h.0_gradients: {{.*}}, %h.1_gradients: {{.*}}, %loss: {{.*}} {nn.kind = "accumulator"}, %count: {{.*}} {nn.kind = "accumulator"}, %key: !nn.key)
// CHECK:         nn.call @embed(
// CHECK:         %x.0, %[[SAVED0:.*]] = nn.call @block_forward(
// CHECK:         %x.1, %[[SAVED1:.*]] = nn.call @block_forward(
// CHECK:         %[[LOSSES:.*]], %[[SAVED:.*]] = nn.call @head_forward(
// CHECK:         %loss_sum = nn.reduce sum %[[LOSSES]] over [batch, seq]
// CHECK:         arith.cmpi sge
// CHECK:         %label_count = nn.reduce sum
// CHECK:         nn.call @head_backward({{.*}}%[[SAVED]], %d_loss, %{{.*}})
// CHECK:         nn.call @block_backward({{.*}}%[[SAVED1]], {{.*}}, %h.1_gradients)
// CHECK:         nn.call @block_backward({{.*}}%[[SAVED0]], {{.*}}, %h.0_gradients)
// CHECK:         nn.call @embed_backward(

// No dropout in evaluation: clones without a key where there was one.
// CHECK-LABEL: nn.func @eval(%first_sample: !nn.tensor<i64[]>, %embed:
// CHECK:         nn.input "tokens" from %first_sample
// CHECK:         nn.call @block_eval(%e, %h.0)
// CHECK:         nn.call @block_eval(%x.0, %h.1)
// CHECK:         nn.call @head(

// CHECK-LABEL: nn.func @step(%step: !nn.tensor<i64[]>, %embed: {{.*}}, %head: {{.*}}, %h.0: {{.*}}, %h.1: {{.*}}, %embed_m: {{.*}}, %head_m: {{.*}}, %h.0_m: {{.*}}, %h.1_m: {{.*}}, %embed_v: {{.*}}, %head_v: {{.*}}, %h.0_v: {{.*}}, %h.1_v:
// CHECK:         %zero_embed_gradients = nn.pack(
// CHECK:         %zero_head_gradients = nn.pack(
// CHECK:         %zero_block_gradients = nn.pack(
// CHECK:         %first_sample = nn.map
// CHECK-NEXT:      %[[B:.*]] = arith.constant 4 : i64
// CHECK:         %[[GE:.*]], %[[GH:.*]], %[[G0:.*]], %[[G1:.*]], %[[LOSS:.*]], %[[COUNT:.*]] = nn.loop 2 (%micro_batch, %{{.*}} = %zero_embed_gradients, %{{.*}} = %zero_head_gradients, %{{.*}} = %zero_block_gradients, %{{.*}} = %zero_block_gradients, %{{.*}} = %zero_loss, %{{.*}} = %zero_count)
// CHECK-NEXT:      %first = nn.map (%a = %first_sample : <i64[]>, %b = %micro_batch : <i64[]>)
// CHECK-NEXT:        arith.constant 2 : i64
// CHECK:           %key = nn.key %step, %first
// CHECK-NEXT:      nn.call @micro(
// CHECK-NEXT:      nn.yield
// CHECK:         %h.0_square = nn.call @block_squared_norm(%[[G0]])
// CHECK-NEXT:    %h.1_square = nn.call @block_squared_norm(%[[G1]])
// CHECK:         %grad_norm = nn.map
// CHECK:         %scale = nn.map
// CHECK:         %lr = nn.map
// CHECK:         math.expm1
// CHECK:         nn.call @embed_update(%embed, %[[GE]], %embed_m, %embed_v, %scale, %lr, %correction1, %correction2)
// CHECK-NEXT:    nn.call @head_update(%head, %[[GH]], %head_m, %head_v, %scale, %lr, %correction1, %correction2)
// CHECK-NEXT:    nn.call @block_update(%h.0, %[[G0]], %h.0_m, %h.0_v, %scale, %lr, %correction1, %correction2)
// CHECK-NEXT:    nn.call @block_update(%h.1, %[[G1]], %h.1_m, %h.1_v, %scale, %lr, %correction1, %correction2)
// CHECK-NEXT:    %mean_loss = nn.map (%a = %[[LOSS]] : <f32[]>, %b = %[[COUNT]] : <f32[]>)
// CHECK:         nn.return {{.*}}, %mean_loss, %grad_norm, %lr

// CHECK-LABEL: nn.func @init() -> (!embed {{.*}}nn.path = ""}, !head {{.*}}nn.path = ""}, !block {{.*}}nn.path = "h.0"}
// CHECK:         %h.0 = nn.call @block_init(%h.0_key)
// CHECK-NEXT:    %h.1_key = nn.child_key %key site 3
// CHECK:         nn.return %embed, %head, %h.0, %h.1, %zero_embed_state, %zero_head_state, %zero_block_state, %zero_block_state, %zero_embed_state, %zero_head_state, %zero_block_state, %zero_block_state

// @main and what only it reached are gone.
// CHECK-NOT: @main(
