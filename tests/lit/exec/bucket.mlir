// RUN: shardc-opt %s --exec-bucket --exec-order --exec-verify | FileCheck %s
// What is small is moved together; 512 bytes are a bucket here.
!X = !exec.buffer<f32[n=16]>
!H = !exec.buffer<f32[n=8]>
!Y = !exec.buffer<f32[n=32]>
!Z = !exec.buffer<f32[n=128]>

module attributes {exec.mesh = #exec.mesh<dp=2, tp=2>, exec.bucket = 512 : i64} {
// A module's weights: one meeting for the two of dp, over whatever stands between; another for the one of tp. 512
// bytes go alone.
// CHECK-LABEL: exec.func @gathers
// CHECK-DAG: exec.collective all_gather [tp] %d -> %whole_d {{[^a]*$}}
// CHECK-DAG: exec.collective all_gather [dp] %c -> %whole_c tile [n=64: 1, 1] step [0, 64] : <f32[n=64]>, <f32[n=128]>{{$}}
// CHECK: %[[A:.*]] = exec.collective all_gather [dp] %a -> %whole_a {{.*}} async
// CHECK-NEXT: %[[B:.*]] = exec.collective all_gather [dp] %b -> %whole_b {{.*}} async
// CHECK-NEXT: exec.wait %[[A]], %[[B]]
exec.func @gathers(in %a: !X, in %b: !X, in %c: !exec.buffer<f32[n=64]>, in %d: !X, out %whole_a: !Y, out %whole_b: !Y, out %whole_c: !Z, out %whole_d: !Y) {
  exec.collective all_gather [dp] %a -> %whole_a tile [n=16: 1, 1] step [0, 16] : !X, !Y
  exec.collective all_gather [tp] %d -> %whole_d tile [n=16: 1, 1] step [0, 16] : !X, !Y
  exec.collective all_gather [dp] %c -> %whole_c tile [n=64: 1, 1] step [0, 64] : !exec.buffer<f32[n=64]>, !Z
  exec.collective all_gather [dp] %b -> %whole_b tile [n=16: 1, 1] step [0, 16] : !X, !Y
}

// Gradients wait for the last of the bucket, and what adds them up goes with them; products stay where they are.
// CHECK-LABEL: exec.func @gradients
// CHECK: exec.kernel "one"
// CHECK: exec.kernel "two"
// CHECK: %[[A:.*]] = exec.collective reduce_scatter [dp] %[[DA:.*]] -> %[[RA:.*]] tile {{.*}} async
// CHECK-NOT: exec.kernel
// CHECK: %[[B:.*]] = exec.collective reduce_scatter [dp] %[[DB:.*]] -> %[[RB:.*]] tile {{.*}} async
// CHECK-NEXT: exec.wait %[[A]], %[[B]]
// CHECK-NEXT: exec.kernel "add_one"
// CHECK: exec.kernel "add_two"
exec.func @gradients(in %x: !X, acc %one: !H, acc %two: !H) {
  %da = exec.buffer : !X
  exec.kernel "one" loops [n=16: 1, 1] (%a = %x) -> (write %da) : !X, !X {
    exec.yield %a : f32
  }
  %ra = exec.buffer : !H
  exec.collective reduce_scatter [dp] %da -> %ra tile [n=8: 1, 1] step [8, 0] : !X, !H
  exec.kernel "add_one" loops [n=8: 1, 1] (%a = %ra) -> (add %one) : !H, !H {
    exec.yield %a : f32
  }
  %db = exec.buffer : !X
  exec.kernel "two" loops [n=16: 1, 1] (%a = %x) -> (write %db) : !X, !X {
    exec.yield %a : f32
  }
  %rb = exec.buffer : !H
  exec.collective reduce_scatter [dp] %db -> %rb tile [n=8: 1, 1] step [8, 0] : !X, !H
  exec.kernel "add_two" loops [n=8: 1, 1] (%a = %rb) -> (add %two) : !H, !H {
    exec.yield %a : f32
  }
}

// Scattered over one mesh axis, then summed over the other: two meetings for two gradients.
// CHECK-LABEL: exec.func @hybrid
// CHECK: %[[S0:.*]] = exec.collective reduce_scatter [tp] %a -> %part_a
// CHECK-NEXT: %[[S1:.*]] = exec.collective reduce_scatter [tp] %b -> %part_b
// CHECK-NEXT: exec.wait %[[S0]], %[[S1]]
// CHECK-NEXT: %[[R0:.*]] = exec.collective all_reduce [dp] %part_a -> %part_a
// CHECK-NEXT: %[[R1:.*]] = exec.collective all_reduce [dp] %part_b -> %part_b
// CHECK-NEXT: exec.wait %[[R0]], %[[R1]]
exec.func @hybrid(in %a: !X, in %b: !X, out %part_a: !H, out %part_b: !H) {
  exec.collective reduce_scatter [tp] %a -> %part_a tile [n=8: 1, 1] step [8, 0] : !X, !H
  exec.collective all_reduce [dp] %part_a -> %part_a tile [n=8: 1, 1] step [0, 0] : !H, !H
  exec.collective reduce_scatter [tp] %b -> %part_b tile [n=8: 1, 1] step [8, 0] : !X, !H
  exec.collective all_reduce [dp] %part_b -> %part_b tile [n=8: 1, 1] step [0, 0] : !H, !H
}

// Five of 128 bytes: four fill a bucket.
// CHECK-LABEL: exec.func @full
// CHECK-COUNT-4: async !exec.token
// CHECK: exec.wait %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}
// CHECK-NEXT: exec.collective all_reduce [dp] %e -> %e {{[^a]*$}}
exec.func @full(inout %a: !Y, inout %b: !Y, inout %c: !Y, inout %d: !Y, inout %e: !Y) {
  exec.collective all_reduce [dp] %a -> %a tile [n=32: 1, 1] step [0, 0] : !Y, !Y
  exec.collective all_reduce [dp] %b -> %b tile [n=32: 1, 1] step [0, 0] : !Y, !Y
  exec.collective all_reduce [dp] %c -> %c tile [n=32: 1, 1] step [0, 0] : !Y, !Y
  exec.collective all_reduce [dp] %d -> %d tile [n=32: 1, 1] step [0, 0] : !Y, !Y
  exec.collective all_reduce [dp] %e -> %e tile [n=32: 1, 1] step [0, 0] : !Y, !Y
}

// An activation is needed at once, a maximum is no sum, and a sum of a sum is another meeting: nothing is put together.
// CHECK-LABEL: exec.func @apart
// CHECK-NOT: exec.wait
exec.func @apart(inout %x: !X, inout %y: !X, inout %z: !X) {
  exec.collective all_reduce [dp] %x -> %x tile [n=16: 1, 1] step [0, 0] : !X, !X
  exec.kernel "uses" loops [n=16: 1, 1] (%a = %x) -> (write %y) : !X, !X {
    exec.yield %a : f32
  }
  exec.collective all_reduce [dp] %y -> %y tile [n=16: 1, 1] step [0, 0] : !X, !X
  exec.collective all_reduce [dp] %z -> %z tile [n=16: 1, 1] step [0, 0] {fold = 1 : i32} : !X, !X
  exec.collective all_reduce [dp] %y -> %y tile [n=16: 1, 1] step [0, 0] : !X, !X
}

// What computes with a result is not moved down, though the next movement has nothing to do with it.
// CHECK-LABEL: exec.func @computed_with
// CHECK: exec.collective all_reduce [dp] %x -> %x
// CHECK-NEXT: exec.kernel "uses"
// CHECK: exec.collective all_reduce [dp] %z -> %z
// CHECK-NOT: exec.wait
exec.func @computed_with(inout %x: !X, out %y: !X, inout %z: !X) {
  exec.collective all_reduce [dp] %x -> %x tile [n=16: 1, 1] step [0, 0] : !X, !X
  exec.kernel "uses" loops [n=16: 1, 1] (%a = %x) -> (write %y) : !X, !X {
    exec.yield %a : f32
  }
  exec.collective all_reduce [dp] %z -> %z tile [n=16: 1, 1] step [0, 0] : !X, !X
}
}
