// RUN: shardc-opt --nn-differentiate %S/Inputs/tiny.mlir | FileCheck %s

// What the forward of a layer keeps: statistics, the product before the activation, what its modules keep.
// Arguments, activations, dropout and residual sums are passed again or computed again.

// CHECK-DAG: !norm_saved = !nn.bundle<norm_saved, sum: f32[batch=2, seq=4], variance: f32[batch=2, seq=4]>
// CHECK-DAG: !mlp_saved = !nn.bundle<mlp_saved, h: f32[batch=2, seq=4, mlp=16]>
// CHECK-DAG: !block_saved = !nn.bundle<block_saved, n: f32[batch=2, seq=4, embed=8], n_saved: !norm_saved, m_saved: !mlp_saved>

// CHECK-LABEL: nn.func @mlp_backward(%x: {{.*}}, %weights: {{.*}}, %key: !nn.key, %saved: !mlp_saved, %d_drop: {{.*}}, %gradients: !mlp_gradients {nn.kind = "gradient"})
// CHECK-NEXT:    %h = nn.unpack %saved : !mlp_saved
// CHECK-NEXT:    %fc.weight, %proj.weight = nn.unpack %gradients
// CHECK-NEXT:    %d_y = nn.dropout %d_drop random %key
// CHECK:         %d_act = nn.contract %d_y, %proj.weight_{{.*}} over [embed]
// CHECK:         %act = nn.map (%a = %h :
// CHECK:         %[[D_PROJ:.*]] = nn.contract %d_y, %act over [batch, seq]
// CHECK-NEXT:    nn.map (%a = %proj.weight : <f32[mlp=16, embed=8]>, %b = %[[D_PROJ]] : <f32[mlp=16, embed=8]>)
// CHECK:         arith.cmpf ogt, %a, %cst
// CHECK:         nn.contract %d_h, %fc.weight_{{.*}} over [mlp]
// CHECK:         nn.contract %d_h, %x over [batch, seq]

// Accumulators pass through the calls of a layer, and through the layers from the last to the first.
// CHECK-LABEL: nn.func @block_backward(
// CHECK:         %mlp_gradients = nn.pack(%mlp.fc.weight, %mlp.proj.weight) : !mlp_gradients
// CHECK:         %d_n, %[[MLP:.*]] = nn.call @mlp_backward({{.*}}, %m_saved, %d_residual, %mlp_gradients)
// CHECK:         %fc.weight, %proj.weight = nn.unpack %[[MLP]] : !mlp_gradients
// CHECK:         %d_x, %[[NORM:.*]] = nn.call @norm_backward({{.*}}, %n_saved, %d_n, %ln_gradients)
// CHECK:         %weight, %bias = nn.unpack %[[NORM]] : !norm_gradients
// CHECK:         nn.pack(%weight, %bias, %fc.weight, %proj.weight) : !block_gradients

// CHECK-LABEL: nn.func @main_backward(
// CHECK:         nn.call @block_backward({{.*}}%x.1_saved, {{.*}}, %h.1_gradients)
// CHECK:         nn.call @block_backward({{.*}}%x.0_saved, {{.*}}, %h.0_gradients)
