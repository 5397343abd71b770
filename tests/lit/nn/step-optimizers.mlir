// RUN: sed 's/optimizer = {[^}]*}/optimizer = {name = "sgd", lr = 0.5 : f64, momentum = 0.75 : f64, weight_decay = 0.25 : f64}, ema_decay = 0.75 : f64/' %S/Inputs/tiny.mlir > %t.mlir
// RUN: shardc-opt --nn-outline --nn-differentiate --nn-step %t.mlir | FileCheck %s

// SGD: decay is added to the gradient of what decays, momentum to all; the average moves after the weight.
// CHECK-LABEL: nn.func @block_update(%weights: {{.*}}, %gradients: {{.*}}, %momentum: !block_state {nn.kind = "optimizer_state"}, %ema: !block_state {nn.kind = "optimizer_state"}, %scale: {{.*}}, %lr: {{.*}}, %ema_share: !nn.tensor<f32[]>)
// CHECK:         nn.map (%w = %ln.weight : {{.*}}, %g = %{{.*}}, %momentum{{.*}} = %{{.*}}, %ema{{.*}} = %{{.*}}, %scale{{.*}} = %{{.*}}, %lr{{.*}} = %{{.*}}, %ema_share{{.*}} = %{{.*}})
// CHECK-NEXT:      %[[G:.*]] = arith.mulf %g, %scale
// CHECK-NEXT:      %[[MU:.*]] = arith.constant 7.500000e-01
// CHECK-NEXT:      %[[OLD:.*]] = arith.mulf %[[MU]], %momentum
// CHECK-NEXT:      %[[STEP:.*]] = arith.addf %[[OLD]], %[[G]]
// CHECK-NEXT:      %[[MOVE:.*]] = arith.mulf %lr{{.*}}, %[[STEP]]
// CHECK-NEXT:      %[[W:.*]] = arith.subf %w, %[[MOVE]]
// CHECK-NEXT:      %[[AWAY:.*]] = arith.subf %[[W]], %ema
// CHECK-NEXT:      %[[SHARE:.*]] = arith.mulf %ema_share{{.*}}, %[[AWAY]]
// CHECK-NEXT:      %[[EMA:.*]] = arith.addf %ema{{.*}}, %[[SHARE]]
// CHECK-NEXT:      nn.yield %[[W]], %[[STEP]], %[[EMA]]
// CHECK:         nn.map (%w = %mlp.fc.weight :
// CHECK-NEXT:      %[[G:.*]] = arith.mulf %g, %scale
// CHECK-NEXT:      %[[WD:.*]] = arith.constant 2.500000e-01
// CHECK-NEXT:      %[[DECAY:.*]] = arith.mulf %[[WD]], %w
// CHECK-NEXT:      arith.addf %[[G]], %[[DECAY]]

// CHECK-LABEL: nn.func @step(%step: !nn.tensor<i64[]>, %embed: {{.*}}, %embed_momentum: {{.*}} {{{.*}}nn.state = "momentum"}, %head_momentum: {{.*}}, %h.0_momentum: {{.*}}, %h.1_momentum: {{.*}}, %embed_ema: {{.*}} {{{.*}}nn.state = "ema"}, %head_ema: {{.*}}, %h.0_ema:
// The first step's weights are all there is of the average.
// CHECK:         %ema_share = nn.map (%a = %step : <i64[]>)
// CHECK-NEXT:      %[[ZERO:.*]] = arith.constant 0 : i64
// CHECK-NEXT:      %[[FIRST:.*]] = arith.cmpi eq, %a, %[[ZERO]]
// CHECK-DAG:       %[[ALL:.*]] = arith.constant 1.000000e+00
// CHECK-DAG:       %[[SOME:.*]] = arith.constant 2.500000e-01
// CHECK:           arith.select %[[FIRST]], %[[ALL]], %[[SOME]]
// CHECK:         %{{.*}} = nn.call @block_update(%h.0, %{{.*}}, %h.0_momentum, %h.0_ema, %scale, %lr, %ema_share)
