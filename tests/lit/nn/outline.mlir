// RUN: shardc-opt --nn-outline %S/Inputs/tiny.mlir | FileCheck %s

// @main keeps calls and bundles; the tied weight is in the bundles of both parts.
// CHECK-DAG: !embed = !nn.bundle<embed, wte: f32[vocab=9, embed=8]>
// CHECK-DAG: !head = !nn.bundle<head, wte: f32[vocab=9, embed=8], ln.weight: f32[embed=8], ln.bias: f32[embed=8]>

// CHECK-LABEL: nn.func @embed(%tokens: {{.*}}, %weights: !embed {nn.kind = "parameter", nn.parameters = {{.*}})
// CHECK-NEXT:    %wte = nn.unpack %weights : !embed
// CHECK-NEXT:    %e = nn.gather %wte[%tokens] axis vocab
// CHECK-NEXT:    nn.return %e

// CHECK-LABEL: nn.func @head(%x.1: {{.*}}, %labels: {{.*}}, %weights: !head {nn.kind = "parameter", nn.parameters = {{.*}})
// CHECK:         nn.call @norm
// CHECK:         nn.return %loss

// CHECK-LABEL: nn.func @main(
// CHECK-NEXT:    %wte, %ln.weight, %ln.bias = nn.unpack %weights : !main
// CHECK-NEXT:    %embed = nn.pack(%wte) : !embed
// CHECK-NEXT:    %e = nn.call @embed(%tokens, %embed)
// CHECK-NEXT:    %[[K0:.*]] = nn.child_key %key site 0
// CHECK-NEXT:    %x.0 = nn.call @block(%e, %h.0, %[[K0]])
// CHECK-NEXT:    %[[K1:.*]] = nn.child_key %key site 1
// CHECK-NEXT:    %x.1 = nn.call @block(%x.0, %h.1, %[[K1]])
// CHECK-NEXT:    %head = nn.pack(%wte, %ln.weight, %ln.bias) : !head
// CHECK-NEXT:    %loss = nn.call @head(%x.1, %labels, %head)
// CHECK-NEXT:    nn.return %loss
