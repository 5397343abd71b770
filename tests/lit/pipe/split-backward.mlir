// RUN: sed 's/nn.model = "tiny",/nn.model = "tiny", dist.plan = #dist.plan<mesh = [pp = 2, dp = 1], rules = [[batch@dp]]>, pipe.schedule = {axis = "pp", schedule = "SCHEDULE", chunks_per_stage = 1},/' %S/../nn/Inputs/tiny.mlir > %t.mlir
// RUN: sed 's/SCHEDULE/zero_bubble_h1/' %t.mlir | shardc-opt --nn-outline --nn-differentiate --nn-step --pipe-split-backward | FileCheck %s
// RUN: sed 's/SCHEDULE/1f1b/' %t.mlir | shardc-opt --nn-outline --nn-differentiate --nn-step --pipe-split-backward | FileCheck %s --check-prefix=WHOLE
// RUN: sed 's/SCHEDULE/zero_bubble_h1/' %t.mlir | shardc-opt --nn-outline --nn-differentiate --nn-step --pipe-split-backward --pipe-cut | FileCheck %s --check-prefix=CUT

// A backward for which the schedule has one task stays one function.
// WHOLE-NOT: _backward_input
// WHOLE: nn.func @block_backward(

// Nothing is carried where both halves only read what is saved. What has only maps between is computed twice.
// CHECK-LABEL: nn.func @norm_backward_input(%x: {{.*}}, %weights: !norm {nn.kind = "parameter"}, %saved: !norm_saved, %d_y: {{[^ ]*}} {{[^ ]*}} {{[^ ]*}}) -> !nn.tensor
// CHECK: %centered = nn.map
// CHECK-LABEL: nn.func @norm_backward_weights(%x: {{.*}}, %saved: !norm_saved, %d_y: {{.*}}, %gradients: !norm_gradients {nn.kind = "gradient"}) -> (!norm_gradients {nn.kind = "gradient"}) {
// CHECK: %centered = nn.map
// CHECK: nn.reduce sum %{{.*}} over [batch, seq]
// CHECK: nn.reduce sum %d_y over [batch, seq]

// The gradient of the hidden layer is a product: carried. Its activation's slope is a map, the dropout mask a draw.
// CHECK-LABEL: nn.func @mlp_backward_input(%weights: !mlp {{.*}}, %key: !nn.key, %saved: !mlp_saved, %d_drop: {{.*}}) -> (!nn.tensor<f32[batch=2, seq=4, embed=8]>, !mlp_carried) {
// CHECK: %[[D_ACT:.*]] = nn.contract
// CHECK: %[[D_X:.*]] = nn.contract
// CHECK-NEXT: %carried = nn.pack(%[[D_ACT]]) : !mlp_carried
// CHECK-NEXT: nn.return %[[D_X]], %carried
// CHECK-LABEL: nn.func @mlp_backward_weights(%x: {{.*}}, %key: !nn.key, %saved: !mlp_saved, %d_drop: {{.*}}, %carried: !mlp_carried, %gradients: !mlp_gradients {nn.kind = "gradient"})
// CHECK: %[[CARRIED:.*]] = nn.unpack %carried
// CHECK: nn.dropout %d_drop random %key
// CHECK-COUNT-2: nn.contract %{{.*}} over [batch, seq]
// CHECK-NOT: nn.contract

// Calls are split alike; what a callee carries is carried on.
// CHECK-LABEL: nn.func @block_backward_input(
// CHECK: %[[D_N:.*]], %[[D_N_CARRIED:.*]] = nn.call @mlp_backward_input(
// CHECK: nn.call @norm_backward_input({{.*}}, %[[D_N]])
// CHECK: nn.pack(%[[D_N]], %[[D_N_CARRIED]]) : !block_carried
// CHECK-LABEL: nn.func @block_backward_weights(
// CHECK: %[[D_N:.*]], %[[D_N_CARRIED:.*]] = nn.unpack %carried
// CHECK: nn.call @mlp_backward_weights({{.*}}, %[[D_N_CARRIED]], %{{.*}})
// CHECK: nn.call @norm_backward_weights({{.*}}, %[[D_N]], %{{.*}})
// CHECK-NOT: _input(

// The gradient of tokens is none: an embedding's backward adds to weights alone.
// CHECK-LABEL: nn.func @embed_backward(
// CHECK-LABEL: nn.func @micro(
// CHECK: %[[D_X1:.*]], %[[CARRIED:.*]] = nn.call @head_backward_input(
// CHECK-NEXT: nn.call @head_backward_weights({{.*}}, %[[CARRIED]], %{{.*}})
// CHECK: nn.call @block_backward_input({{.*}}, %[[D_X1]])
// CHECK: nn.call @embed_backward(

// The last stage sends the gradient of its input before it adds to those of its weights, and the next micro-batch
// comes between them.
// CUT: module @stage_0
// CUT-LABEL: nn.func @step(
// CUT: %[[D:.*]] = pipe.receive from 1 message 0
// CUT: pipe.begin backward of microbatch 0
// CUT-NEXT: %[[D_E:.*]], %[[CARRIED:.*]] = nn.call @block_backward_input({{.*}}%[[D]])
// CUT: nn.call @block_backward_weights({{.*}}%[[D]], %[[CARRIED]], %{{.*}})
// CUT: nn.call @embed_backward({{.*}}%[[D_E]], %{{.*}})
// CUT: module @stage_1
// CUT-LABEL: nn.func @step(
// CUT: nn.call @head_backward_input(
// CUT-NEXT: %[[D_X:.*]], %[[CARRIED:.*]] = nn.call @block_backward_input(
// CUT-NEXT: pipe.send %[[D_X]] to 0 message 0
// CUT: nn.call @block_forward(
// CUT: %{{.*}}, %[[LATER:.*]] = nn.call @block_backward_input(
// CUT: %[[SUM:.*]] = nn.call @block_backward_weights({{.*}}%[[CARRIED]], %{{.*}})
// CUT: nn.call @block_backward_weights({{.*}}%[[LATER]], %[[SUM]])
