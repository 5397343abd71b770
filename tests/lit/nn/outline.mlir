// RUN: shardc-opt --nn-outline %S/Inputs/tiny.mlir | FileCheck %s

// @main keeps calls and bundles, of its own one for each part; the tied weight is the first one's, the other part
// takes it in a bundle that is stored nowhere.
// CHECK-DAG: !embed = !nn.bundle<embed, wte: f32[vocab=9, embed=8]>
// CHECK-DAG: !tied_head = !nn.bundle<tied_head, wte: f32[vocab=9, embed=8], ln.weight: f32[embed=8], ln.bias: f32[embed=8]>

// CHECK-DAG: !head = !nn.bundle<head, ln.weight: f32[embed=8], ln.bias: f32[embed=8]>

// CHECK-LABEL: nn.func @embed(%tokens: {{.*}}, %weights: !embed {nn.kind = "parameter", nn.parameters = {{.*}})
// CHECK-NEXT:    %wte = nn.unpack %weights : !embed
// CHECK-NEXT:    %e = nn.gather %wte[%tokens] axis vocab
// CHECK-NEXT:    nn.return %e

// CHECK-LABEL: nn.func @head(%x.1: {{.*}}, %labels: {{.*}}, %weights: !tied_head {nn.kind = "parameter", nn.parameters = {{.*}})
// CHECK:         nn.call @norm
// CHECK:         nn.return %loss

// CHECK-LABEL: nn.func @main({{.*}}, %embed: !embed {{{.*}}nn.part = "embed", nn.path = ""}, %head: !head {{{.*}}nn.part = "head", nn.path = ""}, %h.0:
// CHECK-NEXT:    %wte = nn.unpack %embed : !embed
// CHECK-NEXT:    %ln.weight, %ln.bias = nn.unpack %head : !head
// CHECK-NEXT:    %e = nn.call @embed(%tokens, %embed)
// CHECK-NEXT:    %[[K0:.*]] = nn.child_key %key site 0
// CHECK-NEXT:    %x.0 = nn.call @block(%e, %h.0, %[[K0]])
// CHECK-NEXT:    %[[K1:.*]] = nn.child_key %key site 1
// CHECK-NEXT:    %x.1 = nn.call @block(%x.0, %h.1, %[[K1]])
// CHECK-NEXT:    %[[TIED:.*]] = nn.pack(%wte, %ln.weight, %ln.bias) : !tied_head
// CHECK-NEXT:    %loss = nn.call @head(%x.1, %labels, %[[TIED]])
// CHECK-NEXT:    nn.return %loss
