// RUN: shardc-opt %s | shardc-opt | FileCheck %s

// Every movement, printed as it is read.
module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2], rules = []>} {
  // CHECK-LABEL: nn.func @movements
  nn.func @movements(%x: !nn.tensor<f32[seq=8, embed=4], sum@tp>, %m: !nn.tensor<f32[seq=8], max@tp>) -> !nn.tensor<f32[seq=8, embed=4], sum@tp> {
    // CHECK: dist.reshard %x : !nn.tensor<f32[seq=8, embed=4], sum@tp> -> !nn.tensor<f32[seq=8@tp, embed=4]>
    %a = dist.reshard %x : !nn.tensor<f32[seq=8, embed=4], sum@tp> -> !nn.tensor<f32[seq=8@tp, embed=4]>
    // CHECK: dist.all_reduce sum %x over [tp] : <f32[seq=8, embed=4], sum@tp> -> <f32[seq=8, embed=4]>
    %b = dist.all_reduce sum %x over [tp] : <f32[seq=8, embed=4], sum@tp> -> <f32[seq=8, embed=4]>
    // CHECK: dist.all_reduce max %m over [tp] : <f32[seq=8], max@tp> -> <f32[seq=8]>
    %c = dist.all_reduce max %m over [tp] : <f32[seq=8], max@tp> -> <f32[seq=8]>
    // CHECK: dist.reduce_scatter sum %x axis seq over [tp] : <f32[seq=8, embed=4], sum@tp> -> <f32[seq=8@tp, embed=4]>
    %d = dist.reduce_scatter sum %x axis seq over [tp] : <f32[seq=8, embed=4], sum@tp> -> <f32[seq=8@tp, embed=4]>
    // CHECK: dist.shard_slice %{{.*}} axis seq over [dp] : <f32[seq=8@tp, embed=4]> -> <f32[seq=8@tp@dp, embed=4]>
    %e = dist.shard_slice %d axis seq over [dp] : <f32[seq=8@tp, embed=4]> -> <f32[seq=8@tp@dp, embed=4]>
    // CHECK: dist.all_to_all %{{.*}} from seq to embed over [tp, dp] : <f32[seq=8@tp@dp, embed=4]> -> <f32[seq=8, embed=4@tp@dp]>
    %f = dist.all_to_all %e from seq to embed over [tp, dp] : <f32[seq=8@tp@dp, embed=4]> -> <f32[seq=8, embed=4@tp@dp]>
    // CHECK: dist.all_gather %{{.*}} axis embed over [tp, dp] : <f32[seq=8, embed=4@tp@dp]> -> <f32[seq=8, embed=4]>
    %g = dist.all_gather %f axis embed over [tp, dp] : <f32[seq=8, embed=4@tp@dp]> -> <f32[seq=8, embed=4]>
    // CHECK: dist.mask %{{.*}} over [tp] : <f32[seq=8, embed=4]> -> <f32[seq=8, embed=4], sum@tp>
    %h = dist.mask %g over [tp] : <f32[seq=8, embed=4]> -> <f32[seq=8, embed=4], sum@tp>
    nn.return %h : !nn.tensor<f32[seq=8, embed=4], sum@tp>
  }
}
