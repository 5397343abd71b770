// RUN: shardc-opt %s --exec-plan-memory | FileCheck %s
// 16 floats are 64 bytes. @leaf: a and c are never alive together, b meets both: 128 bytes. @root needs x for both calls
// and one callee's frame at a time: 64 + 128. The arena is the globals (64 + 128) and the entry's frame (192).

!X = !exec.buffer<f32[seq=16]>
!pair = !exec.struct<pair, one: f32[seq=16], two: f32[seq=4]>

// CHECK: module attributes {exec.arena_bytes = 384 : i64, exec.frame_base = 192 : i64}
module {
// CHECK: exec.global @parameters.a "parameter" arena[0]
exec.global @parameters.a "parameter" : !X
// The struct's second field starts at 64 and ends at 80; the next global would start at 192.
// CHECK: exec.global @parameters.b "parameter" arena[64]
exec.global @parameters.b "parameter" : !pair

// CHECK-LABEL: exec.func @leaf
// CHECK-SAME: frame 128
// CHECK: exec.buffer frame[0]
// CHECK: exec.buffer frame[64]
// CHECK: exec.buffer frame[0]
exec.func @leaf(in %x: !X, out %y: !X) {
  %a = exec.buffer : !X
  exec.copy %x -> %a loops [seq=16: 1, 1] : !X, !X
  %b = exec.buffer : !X
  exec.copy %a -> %b loops [seq=16: 1, 1] : !X, !X
  %c = exec.buffer : !X
  exec.copy %b -> %c loops [seq=16: 1, 1] : !X, !X
  exec.copy %c -> %y loops [seq=16: 1, 1] : !X, !X
}

// CHECK-LABEL: exec.func @root() entry frame 192
// CHECK: exec.buffer frame[128]
// CHECK: exec.call @leaf({{.*}}) frame[0]
// CHECK: exec.call @leaf({{.*}}) frame[0]
exec.func @root() entry {
  %a = exec.address @parameters.a : !X
  %x = exec.buffer : !X
  exec.call @leaf(%a, %x) : !X, !X
  exec.call @leaf(%x, %a) : !X, !X
}

// What is used in a loop but begins before it lives through all of its trips.
// CHECK-LABEL: exec.func @loop
// CHECK-SAME: frame 128
// CHECK: exec.buffer frame[0]
// CHECK: exec.loop
// CHECK: exec.buffer frame[64]
exec.func @loop(in %x: !X, out %y: !X) {
  %a = exec.buffer : !X
  exec.copy %x -> %a loops [seq=16: 1, 1] : !X, !X
  exec.loop 2 (%i) {
    exec.copy %a -> %y loops [seq=16: 1, 1] : !X, !X
    %b = exec.buffer : !X
    exec.copy %x -> %b loops [seq=16: 1, 1] : !X, !X
  }
}
}
