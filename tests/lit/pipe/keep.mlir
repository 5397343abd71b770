// RUN: shardc-opt --dist-place --dist-simplify --dist-lower-reshard --dist-verify %s | FileCheck %s
// RUN: shardc-opt --dist-place --dist-simplify --dist-lower-reshard --exec-layout %s | FileCheck %s --check-prefix=EXEC
// RUN: sed -e '/%[ab]1 = pipe.keep/d' -e 's/%\([ab]\)1/%\1/g' %s | shardc-opt --dist-place --dist-simplify --dist-lower-reshard --dist-verify | FileCheck %s --check-prefix=MERGED

// What a stage keeps is summed over ranks before it is added; without, ranks add first.
module attributes {dist.plan = #dist.plan<mesh = [dp = 2], rules = [[batch@dp]]>,
                   pipe.stage = #pipe.stage<1 of 2 over "pp", mesh = [pp = 2, dp = 2]>} {
  // CHECK-LABEL: nn.func @squares
  // CHECK: %[[A:.*]] = dist.all_reduce sum %{{.*}} over [dp]
  // CHECK: %[[B:.*]] = dist.all_reduce sum %{{.*}} over [dp]
  // CHECK: pipe.keep %[[A]]
  // CHECK: pipe.keep %[[B]]
  // CHECK-NOT: all_reduce
  // EXEC-LABEL: nn.func @squares
  // EXEC: %[[A:.*]] = dist.all_reduce
  // EXEC: %[[B:.*]] = dist.all_reduce
  // EXEC-NOT: pipe.keep
  // EXEC: nn.map (%p = %[[A]] : <f32[]>, %q = %[[B]] : <f32[]>)
  // MERGED-LABEL: nn.func @squares
  // MERGED-COUNT-1: all_reduce
  // MERGED-NOT: all_reduce
  nn.func @squares(%x: !nn.tensor<f32[batch=4]>, %y: !nn.tensor<f32[batch=4]>) -> !nn.tensor<f32[]> {
    %a = nn.reduce sum %x over [batch] : <f32[batch=4]> -> <f32[]>
    %b = nn.reduce sum %y over [batch] : <f32[batch=4]> -> <f32[]>
    %a1 = pipe.keep %a : <f32[]>
    %b1 = pipe.keep %b : <f32[]>
    %sum = nn.map (%p = %a1 : <f32[]>, %q = %b1 : <f32[]>) -> <f32[]> {
      %0 = arith.addf %p, %q : f32
      nn.yield %0 : f32
    }
    nn.return %sum : !nn.tensor<f32[]>
  }

  // What is whole is masked, so that one reduction serves all.
  // CHECK-LABEL: nn.func @together
  // MERGED-LABEL: nn.func @together
  // CHECK-DAG: %[[A:.*]] = nn.reduce sum
  // CHECK-DAG: %[[B:.*]] = dist.mask %b over [dp]
  // CHECK: %[[S:.*]] = nn.stack %[[A]], %[[B]] axis term
  // CHECK-NEXT: %[[R:.*]] = dist.all_reduce sum %[[S]] over [dp]
  // CHECK-NEXT: pipe.keep %[[R]]
  nn.func @together(%x: !nn.tensor<f32[batch=4]>, %b: !nn.tensor<f32[]>) -> !nn.tensor<f32[term=2]> {
    %a = nn.reduce sum %x over [batch] : <f32[batch=4]> -> <f32[]>
    %s = nn.stack %a, %b axis term : !nn.tensor<f32[]>, !nn.tensor<f32[]> -> <f32[term=2]>
    %kept = pipe.keep %s : <f32[term=2]>
    nn.return %kept : !nn.tensor<f32[term=2]>
  }
}
