// RUN: shardc-opt %s --dist-lower-reshard | FileCheck %s --implicit-check-not="= dist."

module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 2, ep = 2], rules = []>} {
  // CHECK-LABEL: nn.func @partial_to_whole
  // CHECK:         dist.all_reduce sum %x over [dp, tp] : <f32[seq=8], sum@dp@tp> -> <f32[seq=8]>
  nn.func @partial_to_whole(%x: !nn.tensor<f32[seq=8], sum@dp@tp>) -> !nn.tensor<f32[seq=8]> {
    %y = dist.reshard %x : !nn.tensor<f32[seq=8], sum@dp@tp> -> !nn.tensor<f32[seq=8]>
    nn.return %y : !nn.tensor<f32[seq=8]>
  }
  // CHECK-LABEL: nn.func @max_to_whole
  // CHECK:         dist.all_reduce max %x over [tp]
  nn.func @max_to_whole(%x: !nn.tensor<f32[seq=8], max@tp>) -> !nn.tensor<f32[seq=8]> {
    %y = dist.reshard %x : !nn.tensor<f32[seq=8], max@tp> -> !nn.tensor<f32[seq=8]>
    nn.return %y : !nn.tensor<f32[seq=8]>
  }
  // CHECK-LABEL: nn.func @partial_to_placed
  // CHECK:         dist.reduce_scatter sum %x axis seq over [tp]
  nn.func @partial_to_placed(%x: !nn.tensor<f32[seq=8], sum@tp>) -> !nn.tensor<f32[seq=8@tp]> {
    %y = dist.reshard %x : !nn.tensor<f32[seq=8], sum@tp> -> !nn.tensor<f32[seq=8@tp]>
    nn.return %y : !nn.tensor<f32[seq=8@tp]>
  }
  // HSDP: the all-reduce moves what the scatter left, half of the bytes.
  // CHECK-LABEL: nn.func @scatter_before_reduce
  // CHECK:         %[[PART:.*]] = dist.reduce_scatter sum %x axis seq over [tp] : <f32[seq=8], sum@dp@tp> -> <f32[seq=8@tp], sum@dp>
  // CHECK-NEXT:    dist.all_reduce sum %[[PART]] over [dp] : <f32[seq=8@tp], sum@dp> -> <f32[seq=8@tp]>
  nn.func @scatter_before_reduce(%x: !nn.tensor<f32[seq=8], sum@dp@tp>) -> !nn.tensor<f32[seq=8@tp]> {
    %y = dist.reshard %x : !nn.tensor<f32[seq=8], sum@dp@tp> -> !nn.tensor<f32[seq=8@tp]>
    nn.return %y : !nn.tensor<f32[seq=8@tp]>
  }
  // What is free goes first: half of the bytes again.
  // CHECK-LABEL: nn.func @slice_before_reduce
  // CHECK:         %[[PART:.*]] = dist.shard_slice %x axis seq over [dp]
  // CHECK-NEXT:    dist.all_reduce sum %[[PART]] over [tp]
  nn.func @slice_before_reduce(%x: !nn.tensor<f32[seq=8], sum@tp>) -> !nn.tensor<f32[seq=8@dp]> {
    %y = dist.reshard %x : !nn.tensor<f32[seq=8], sum@tp> -> !nn.tensor<f32[seq=8@dp]>
    nn.return %y : !nn.tensor<f32[seq=8@dp]>
  }
  // CHECK-LABEL: nn.func @placed_to_whole
  // CHECK:         dist.all_gather %x axis seq over [dp, tp] : <f32[seq=8@dp@tp]> -> <f32[seq=8]>
  nn.func @placed_to_whole(%x: !nn.tensor<f32[seq=8@dp@tp]>) -> !nn.tensor<f32[seq=8]> {
    %y = dist.reshard %x : !nn.tensor<f32[seq=8@dp@tp]> -> !nn.tensor<f32[seq=8]>
    nn.return %y : !nn.tensor<f32[seq=8]>
  }
  // CHECK-LABEL: nn.func @minor_to_whole
  // CHECK:         dist.all_gather %x axis seq over [tp] : <f32[seq=8@dp@tp]> -> <f32[seq=8@dp]>
  nn.func @minor_to_whole(%x: !nn.tensor<f32[seq=8@dp@tp]>) -> !nn.tensor<f32[seq=8@dp]> {
    %y = dist.reshard %x : !nn.tensor<f32[seq=8@dp@tp]> -> !nn.tensor<f32[seq=8@dp]>
    nn.return %y : !nn.tensor<f32[seq=8@dp]>
  }
  // The major one can't leave alone: the minor one makes way and comes back as a slice.
  // CHECK-LABEL: nn.func @major_to_whole
  // CHECK:         %[[ALL:.*]] = dist.all_gather %x axis seq over [dp, tp]
  // CHECK-NEXT:    dist.shard_slice %[[ALL]] axis seq over [tp]
  nn.func @major_to_whole(%x: !nn.tensor<f32[seq=8@dp@tp]>) -> !nn.tensor<f32[seq=8@tp]> {
    %y = dist.reshard %x : !nn.tensor<f32[seq=8@dp@tp]> -> !nn.tensor<f32[seq=8@tp]>
    nn.return %y : !nn.tensor<f32[seq=8@tp]>
  }
  // CHECK-LABEL: nn.func @other_order
  // CHECK:         %[[ALL:.*]] = dist.all_gather %x axis seq over [dp, tp]
  // CHECK-NEXT:    dist.shard_slice %[[ALL]] axis seq over [tp, dp]
  nn.func @other_order(%x: !nn.tensor<f32[seq=8@dp@tp]>) -> !nn.tensor<f32[seq=8@tp@dp]> {
    %y = dist.reshard %x : !nn.tensor<f32[seq=8@dp@tp]> -> !nn.tensor<f32[seq=8@tp@dp]>
    nn.return %y : !nn.tensor<f32[seq=8@tp@dp]>
  }
  // CHECK-LABEL: nn.func @axis_to_axis
  // CHECK:         dist.all_to_all %x from seq to embed over [dp, tp] : <f32[seq=8@dp@tp, embed=8@ep]> -> <f32[seq=8, embed=8@ep@dp@tp]>
  nn.func @axis_to_axis(%x: !nn.tensor<f32[seq=8@dp@tp, embed=8@ep]>) -> !nn.tensor<f32[seq=8, embed=8@ep@dp@tp]> {
    %y = dist.reshard %x : !nn.tensor<f32[seq=8@dp@tp, embed=8@ep]> -> !nn.tensor<f32[seq=8, embed=8@ep@dp@tp]>
    nn.return %y : !nn.tensor<f32[seq=8, embed=8@ep@dp@tp]>
  }
  // CHECK-LABEL: nn.func @swap
  // CHECK:         %[[A:.*]] = dist.all_gather %x axis seq over [dp]
  // CHECK-NEXT:    %[[B:.*]] = dist.all_to_all %[[A]] from embed to seq over [tp]
  // CHECK-NEXT:    dist.shard_slice %[[B]] axis embed over [dp]
  nn.func @swap(%x: !nn.tensor<f32[seq=8@dp, embed=8@tp]>) -> !nn.tensor<f32[seq=8@tp, embed=8@dp]> {
    %y = dist.reshard %x : !nn.tensor<f32[seq=8@dp, embed=8@tp]> -> !nn.tensor<f32[seq=8@tp, embed=8@dp]>
    nn.return %y : !nn.tensor<f32[seq=8@tp, embed=8@dp]>
  }
  // CHECK-LABEL: nn.func @whole_to_partial
  // CHECK:         dist.mask %x over [dp, tp] : <f32[seq=8@ep]> -> <f32[seq=8@ep], sum@dp@tp>
  nn.func @whole_to_partial(%x: !nn.tensor<f32[seq=8@ep]>) -> !nn.tensor<f32[seq=8@ep], sum@dp@tp> {
    %y = dist.reshard %x : !nn.tensor<f32[seq=8@ep]> -> !nn.tensor<f32[seq=8@ep], sum@dp@tp>
    nn.return %y : !nn.tensor<f32[seq=8@ep], sum@dp@tp>
  }
  // CHECK-LABEL: nn.func @placed_to_partial
  // CHECK:         %[[WHOLE:.*]] = dist.all_gather %x axis seq over [tp]
  // CHECK-NEXT:    dist.mask %[[WHOLE]] over [tp]
  nn.func @placed_to_partial(%x: !nn.tensor<f32[seq=8@tp]>) -> !nn.tensor<f32[seq=8], sum@tp> {
    %y = dist.reshard %x : !nn.tensor<f32[seq=8@tp]> -> !nn.tensor<f32[seq=8], sum@tp>
    nn.return %y : !nn.tensor<f32[seq=8], sum@tp>
  }
  // What a mesh axis is partial over comes minor to what places the axis; here it must be major.
  // CHECK-LABEL: nn.func @scatter_under
  // CHECK:         %[[A:.*]] = dist.all_gather %x axis seq over [tp]
  // CHECK-NEXT:    %[[B:.*]] = dist.reduce_scatter sum %[[A]] axis seq over [dp]
  // CHECK-NEXT:    dist.shard_slice %[[B]] axis seq over [tp]
  nn.func @scatter_under(%x: !nn.tensor<f32[seq=8@tp], sum@dp>) -> !nn.tensor<f32[seq=8@dp@tp]> {
    %y = dist.reshard %x : !nn.tensor<f32[seq=8@tp], sum@dp> -> !nn.tensor<f32[seq=8@dp@tp]>
    nn.return %y : !nn.tensor<f32[seq=8@dp@tp]>
  }
  // A bundle is moved by a function of its own, one for each pair of layouts.
  // CHECK-LABEL: nn.func @bundles
  // CHECK:         %[[A:.*]] = nn.call @norm_reshard(%w)
  // CHECK-NEXT:    %[[B:.*]] = nn.call @norm_reshard(%v)
  // CHECK-NEXT:    nn.return %[[A]], %[[B]]
  nn.func @bundles(%w: !nn.bundle<norm, weight: f32[embed=8@dp], bias: f32[embed=8]>, %v: !nn.bundle<norm, weight: f32[embed=8@dp], bias: f32[embed=8]>) -> (!nn.bundle<norm, weight: f32[embed=8], bias: f32[embed=8]>, !nn.bundle<norm, weight: f32[embed=8], bias: f32[embed=8]>) {
    %a = dist.reshard %w : !nn.bundle<norm, weight: f32[embed=8@dp], bias: f32[embed=8]> -> !nn.bundle<norm, weight: f32[embed=8], bias: f32[embed=8]>
    %b = dist.reshard %v : !nn.bundle<norm, weight: f32[embed=8@dp], bias: f32[embed=8]> -> !nn.bundle<norm, weight: f32[embed=8], bias: f32[embed=8]>
    nn.return %a, %b : !nn.bundle<norm, weight: f32[embed=8], bias: f32[embed=8]>, !nn.bundle<norm, weight: f32[embed=8], bias: f32[embed=8]>
  }
  // CHECK-LABEL: nn.func @norm_reshard(%norm:
  // CHECK:         %weight, %bias = nn.unpack %norm
  // CHECK-NEXT:    %[[WEIGHT:.*]] = dist.all_gather %weight axis embed over [dp]
  // CHECK-NEXT:    nn.pack(%[[WEIGHT]], %bias)
}
