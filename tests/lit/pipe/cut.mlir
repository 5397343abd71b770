// RUN: sed 's/nn.model = "tiny",/nn.model = "tiny", dist.plan = #dist.plan<mesh = [pp = 2, dp = 1], rules = [[batch@dp]]>, pipe.schedule = {axis = "pp", schedule = "1f1b", chunks_per_stage = 1},/' %S/../nn/Inputs/tiny.mlir > %t.mlir
// RUN: shardc-opt --nn-outline --nn-differentiate --nn-step --pipe-cut %t.mlir | FileCheck %s
// RUN: shardc-opt --pass-pipeline='builtin.module(nn-outline,nn-differentiate,nn-step,pipe-cut,builtin.module(dist-place,dist-simplify,dist-lower-reshard,dist-verify))' %t.mlir | FileCheck %s --check-prefix=PLACED

// Two layers on two stages, the embedding with the first and the head with the second. The weight that both use is
// the first one's; the second has a copy.
// CHECK: module @stage_0 attributes {{.*}}mesh = [dp = 1]{{.*}}pipe.stage = #pipe.stage<0 of 2 over "pp", mesh = [pp = 2, dp = 1]>
// CHECK-NOT: nn.func @head
// CHECK: nn.func @step(%step: {{.*}}, %embed: !embed {{.*}}, %h.0: !block {{.*}}, %embed_m: {{.*}}, %h.0_m: {{.*}}, %embed_v: {{.*}}, %h.0_v:

// Two micro-batches: two forwards are under way before the first backward. What a task receives is posted where the
// one before begins.
// CHECK: pipe.begin forward of microbatch 0 chunk 0
// CHECK: nn.call @embed(
// CHECK: %[[Y0:.*]], %{{.*}} = nn.call @block_forward(
// CHECK-NEXT: pipe.send %[[Y0]] to 1 message 0 order [batch, seq, embed]
// CHECK: pipe.begin forward of microbatch 1 chunk 0
// CHECK-NEXT: %[[D0:.*]] = pipe.receive from 1 message 0 order [batch, seq, embed]
// CHECK: nn.call @embed(
// CHECK: %[[Y1:.*]], %{{.*}} = nn.call @block_forward(
// CHECK-NEXT: pipe.send %[[Y1]] to 1 message 1
// CHECK: pipe.begin backward of microbatch 0 chunk 0
// CHECK-NEXT: %[[D1:.*]] = pipe.receive from 1 message [[#]]
// CHECK: nn.call @block_backward({{.*}}%[[D0]], %{{.*}})
// CHECK: nn.call @embed_backward(
// CHECK: pipe.begin backward of microbatch 1 chunk 0
// CHECK: nn.call @block_backward({{.*}}%[[D1]], %{{.*}})
// CHECK: %[[G:.*]] = nn.call @embed_backward(

// The copy's gradient is added, the squares go on to the second stage in one message, what scales gradients comes back.
// CHECK: pipe.begin update
// CHECK: %[[OWN:.*]] = nn.unpack %[[G]]
// CHECK-NEXT: %[[KEPT:.*]] = pipe.keep %[[OWN]] {nn.kind = "gradient"}
// CHECK-NEXT: %[[THEIRS:.*]] = pipe.receive from 1 message [[#]] order [vocab, embed] {nn.kind = "gradient"}
// CHECK-NEXT: nn.map (%a = %[[KEPT]] : {{.*}}, %b = %[[THEIRS]]
// CHECK: %[[EMBED:.*]] = nn.call @embed_squared_norm(
// CHECK: %[[BLOCK:.*]] = nn.call @block_squared_norm(
// CHECK: %[[SQUARES:.*]] = nn.stack %[[EMBED]], %[[BLOCK]] axis term
// CHECK: pipe.send %[[SQUARES]] to 1 message [[#]] order [term]
// CHECK: %[[SCALE:.*]] = pipe.receive from 1 message [[#]] order []
// CHECK: nn.call @embed_update({{.*}}%[[SCALE]]
// CHECK: nn.call @block_update({{.*}}%[[SCALE]]
// CHECK: pipe.send %{{.*}} to 1 message [[#]] order [vocab, embed] {nn.kind = "parameter"}
// CHECK: pipe.sent to 1
// CHECK: nn.return

// CHECK-LABEL: nn.func @eval(
// CHECK: pipe.send
// CHECK: pipe.receive from 1 message 0 order []
// CHECK: pipe.receive from 1 message 1 order []

// CHECK: module @stage_1
// CHECK-NOT: nn.func @embed
// CHECK: nn.func @step(%step: {{.*}}, %embed: !embed_copy {{.*}}pipe.copy}, %head: !head {{.*}}, %h.1: !block
// CHECK: pipe.begin forward of microbatch 0 chunk 1
// CHECK: %[[X0:.*]] = pipe.receive from 0 message 0
// CHECK: nn.call @block_forward(%[[X0]],
// CHECK: nn.call @head_forward(
// CHECK: pipe.begin backward of microbatch 0 chunk 1
// CHECK-NEXT: %[[X1:.*]] = pipe.receive from 0 message 1
// CHECK: nn.call @head_backward(
// CHECK: %[[DX0:.*]], %{{.*}} = nn.call @block_backward(%[[X0]],
// CHECK-NEXT: pipe.send %[[DX0]] to 0 message 0
// CHECK: pipe.begin forward of microbatch 1 chunk 1
// CHECK: nn.call @block_forward(%[[X1]],
// CHECK: %[[HEAD:.*]] = nn.call @head_squared_norm(
// CHECK: %[[OWN:.*]] = nn.call @block_squared_norm(
// CHECK: %[[SQUARES:.*]] = pipe.receive from 0 message [[#]] order [term]
// CHECK-NEXT: %[[EMBED:.*]], %[[BLOCK:.*]] = nn.unstack %[[SQUARES]] axis term
// CHECK-NEXT: %[[OWNS:.*]] = nn.stack %[[HEAD]], %[[OWN]] axis term
// CHECK-NEXT: %[[KEPTS:.*]] = pipe.keep %[[OWNS]]
// CHECK-NEXT: %[[HEAD:.*]], %[[OWN:.*]] = nn.unstack %[[KEPTS]] axis term
// CHECK-NEXT: nn.map (%{{[^ ]*}} = %[[EMBED]] : {{[^ ]*}}, %{{[^ ]*}} = %[[HEAD]] : {{[^ ]*}}, %{{[^ ]*}} = %[[BLOCK]] : {{[^ ]*}}, %{{[^ ]*}} = %[[OWN]] :
// CHECK: nn.call @head_update(
// CHECK: nn.return {{.*}} : {{.*}}!embed_copy

// PLACED-COUNT-2: nn.func @step(
