// RUN: shardc-opt %s --split-input-file --verify-diagnostics

!X = !exec.buffer<f32[seq=4, embed=8]>
// expected-error @+1 {{'exec.func' op is an entry, which has no arguments}}
exec.func @func_c2(in %x: !X) entry {
}

// -----

!X = !exec.buffer<f32[seq=4]>
exec.func @callee(in %x: !X) {
}
exec.func @call_c2(in %x: !exec.buffer<f32[seq=8]>) {
  // expected-error @+1 {{differ from the arguments of @callee}}
  exec.call @callee(%x) : !exec.buffer<f32[seq=8]>
}

// -----

exec.func @call_c1() {
  // expected-error @+1 {{'exec.call' op 'nobody' is not a function that can be called}}
  exec.call @nobody()
}

// -----

// expected-error @+1 {{'exec.global' op lies at 32, which is no multiple of 64}}
exec.global @global_c2 "parameter" arena[32] : !exec.buffer<f32[]>

// -----

exec.global @parameters.a "parameter" : !exec.buffer<f32[]>
exec.func @address_c1() {
  // expected-error @+1 {{has type '!exec.buffer<i64[]>', the global has '!exec.buffer<f32[]>'}}
  %a = exec.address @parameters.a : !exec.buffer<i64[]>
}

// -----

exec.func @buffer_c1() {
  // expected-error @+1 {{which leaves gaps}}
  %a = exec.buffer : !exec.buffer<f32[seq=4:2]>
}

// -----

exec.func @buffer_c2() frame 64 {
  // expected-error @+1 {{'exec.buffer' op ends at 80, the frame has 64 bytes}}
  %a = exec.buffer frame[64] : !exec.buffer<f32[seq=4]>
}

// -----

exec.func @view_c2(in %x: !exec.buffer<f32[seq=4]>) {
  // expected-error @+1 {{'exec.view' op reaches element 5 of 4}}
  %a = exec.view %x [3] : !exec.buffer<f32[seq=4]> -> !exec.buffer<f32[seq=2]>
}

// -----

!norm = !exec.struct<norm, weight: f32[embed=8]>
exec.func @field_c1(in %w: !norm) {
  // expected-error @+1 {{has no field 'bias'}}
  %a = exec.field %w "bias" : !norm
}

// -----

!S = !exec.buffer<i64[]>
exec.func @input_c2(in %all: !exec.buffer<i32[batch=2, seq=4]>, in %first: !S) {
  // expected-error @+1 {{without its first axis, 'slot'}}
  %t = exec.input %all[%first since %first] samples 2 : !exec.buffer<i32[batch=2, seq=4]>, !S, !S -> !exec.buffer<i32[seq=4]>
}

// -----

!X = !exec.buffer<f32[seq=4, embed=8]>
exec.func @loop_stride(in %x: !X, out %y: !X) {
  // expected-error @+1 {{has stride 2 in operand #1, its axes have 1}}
  exec.copy %x -> %y loops [seq*embed=32: 1, 2] : !X, !X
}

// -----

!X = !exec.buffer<f32[seq=4, embed=8]>
exec.func @loop_size(in %x: !X, out %y: !X) {
  // expected-error @+1 {{has size 16, its axes multiply to 32}}
  exec.copy %x -> %y loops [seq*embed=16: 1, 1] : !X, !X
}

// -----

!X = !exec.buffer<f32[seq=4, embed=8]>
exec.func @loop_lacks_an_axis(in %x: !X, out %y: !X) {
  // expected-error @+1 {{axis 'embed' of operand #0 is in no loop}}
  exec.copy %x -> %y loops [seq=4: 8, 8] : !X, !X
}

// -----

// The transposed operand has no single loop over both axes.
!X = !exec.buffer<f32[seq=4, embed=8]>
!Xt = !exec.buffer<f32[embed=8, seq=4]>
exec.func @loop_does_not_merge(in %x: !X, out %y: !Xt) {
  // expected-error @+1 {{axis 'seq' has stride 1 in operand #1, one loop needs 32}}
  exec.copy %x -> %y loops [seq*embed=32: 1, 4] : !X, !Xt
}

// -----

!A = !exec.buffer<f32[m=4, k=4]>
!B = !exec.buffer<f32[k=4, n=4]>
!C = !exec.buffer<f32[m=4, n=4]>
exec.func @gemm_c2(in %a: !A, in %b: !B, out %c: !C) {
  // expected-error @+1 {{m is of A and C, n of B and C, k of A and B only}}
  exec.gemm %a, %b -> %c m [m=4: 4, 0, 4] n [k=4: 1, 4, 0] k [n=4: 0, 1, 1] beta 0 : !A, !B, !C
}

// -----

!A = !exec.buffer<f32[m=4, k=4]>
!B = !exec.buffer<f32[k=4, n=4]>
!C = !exec.buffer<f32[m=4, n=4]>
exec.func @gemm_c3(in %a: !A, in %b: !B, out %c: !C) {
  // expected-error @+1 {{beta is 2, it must be 0 or 1}}
  exec.gemm %a, %b -> %c m [m=4: 4, 0, 4] n [n=4: 0, 1, 1] k [k=4: 1, 4, 0] beta 2 : !A, !B, !C
}

// -----

!X = !exec.buffer<f32[seq=4, embed=8]>
!R = !exec.buffer<f32[seq=4]>
exec.func @kernel_c3(in %x: !X, out %y: !R) {
  // expected-error @+1 {{output #0 is written once for each trip of loop}}
  exec.kernel "k" loops [seq=4: 8, 1][embed=8: 1, 0] (%a = %x) -> (write %y) : !X, !R {
    exec.yield %a : f32
  }
}

// -----

!X = !exec.buffer<f32[seq=4]>
exec.func @kernel_c2(in %x: !X, out %y: !X) {
  // expected-error @+1 {{must be the elements of inputs and outputs}}
  exec.kernel "k" loops [seq=4: 1, 1] (%a = %x) -> (write %y) : !X, !X {
    exec.yield %a, %a : f32, f32
  }
}

// -----

exec.func @gather_c2(in %t: !exec.buffer<f32[vocab=5]>, in %i: !exec.buffer<i64[seq=4]>, out %y: !exec.buffer<f32[seq=4]>) {
  // expected-error @+1 {{the index is 'i64', it must be i32}}
  exec.gather %t[%i] -> %y loops [seq=4: 0, 1, 1] axis [vocab=5: 1] start [0] : !exec.buffer<f32[vocab=5]>, !exec.buffer<i64[seq=4]>, !exec.buffer<f32[seq=4]>
}

// -----

!X = !exec.buffer<f32[seq=4]>
module attributes {exec.mesh = #exec.mesh<dp=2>} {
exec.func @collective_c2(in %x: !X, out %y: !X) {
  // expected-error @+1 {{mesh axis 'tp' is not in the module's mesh}}
  exec.collective all_reduce [tp] %x -> %y tile [seq=4: 1, 1] step [0, 0] : !X, !X
}
}

// -----

!X = !exec.buffer<i32[seq=4]>
module attributes {exec.mesh = #exec.mesh<tp=2>} {
exec.func @collective_c3(in %x: !X, out %y: !X) {
  // expected-error @+1 {{moves 'i32' to 'i32'; folds are of f32}}
  exec.collective all_reduce [tp] %x -> %y tile [seq=4: 1, 1] step [0, 0] : !X, !X
}
}

// -----

!X = !exec.buffer<f32[seq=4]>
module attributes {exec.mesh = #exec.mesh<tp=2>} {
exec.func @collective_c4(in %x: !X, out %y: !exec.buffer<f32[seq=8]>) {
  // expected-error @+1 {{has step [4, 4], all_gather has 0 in the operand and a step in the result}}
  exec.collective all_gather [tp] %x -> %y tile [seq=4: 1, 1] step [4, 4] : !X, !exec.buffer<f32[seq=8]>
}
}

// -----

!X = !exec.buffer<f32[seq=4]>
module attributes {exec.mesh = #exec.mesh<tp=4>} {
exec.func @collective_c5(in %x: !X, out %y: !exec.buffer<f32[seq=8]>) {
  // expected-error @+1 {{reaches element 16 of the result, which has 8}}
  exec.collective all_gather [tp] %x -> %y tile [seq=4: 1, 1] step [0, 4] : !X, !exec.buffer<f32[seq=8]>
}
}

// -----

!X = !exec.buffer<f32[seq=4]>
module attributes {exec.mesh = #exec.mesh<tp=2>} {
exec.func @wait_c1(inout %x: !X) {
  %0 = exec.collective all_reduce [tp] %x -> %x tile [seq=4: 1, 1] step [0, 0] : !X, !X async !exec.token
  exec.loop 2 (%i) {
    // expected-error @+1 {{waits for what nothing in its block has started}}
    exec.wait %0
  }
}
}

// -----

!X = !exec.buffer<f32[seq=4]>
module attributes {exec.mesh = #exec.mesh<dp=2, tp=2>} {
exec.func @wait_c2(inout %x: !X, inout %y: !X) {
  %0 = exec.collective all_reduce [tp] %x -> %x tile [seq=4: 1, 1] step [0, 0] : !X, !X async !exec.token
  %1 = exec.collective all_reduce [dp] %y -> %y tile [seq=4: 1, 1] step [0, 0] : !X, !X async !exec.token
  // expected-error @+1 {{waits for several that are no bucket: collectives of one kind and fold over the same mesh axes}}
  exec.wait %0, %1
}
}

// -----

!X = !exec.buffer<f32[seq=4]>
exec.func @send_c1(in %x: !X) {
  // expected-error @+1 {{must stand in an entry, outside of loops: each number is one message}}
  %0 = exec.send %x to 1 message 0 : !X async !exec.token
  exec.wait %0
}

// -----

!X = !exec.buffer<f32[seq=4]>
exec.func @receive_c1() entry {
  %x = exec.buffer : !X
  exec.loop 2 (%i) {
    // expected-error @+1 {{must stand in an entry, outside of loops: each number is one message}}
    %0 = exec.receive %x from 1 message 0 : !X async !exec.token
    exec.wait %0
  }
}

// -----

exec.func @send_c2() entry {
  %x = exec.buffer : !exec.buffer<f32[seq=4, embed=8]>
  %column = exec.view %x [0] : !exec.buffer<f32[seq=4, embed=8]> -> !exec.buffer<f32[seq=4:8]>
  // expected-error @+1 {{moves '!exec.buffer<f32[seq=4:8]>', which leaves gaps}}
  %0 = exec.send %column to 1 message 0 : !exec.buffer<f32[seq=4:8]> async !exec.token
  exec.wait %0
}

// -----

exec.func @receive_c2() entry {
  %x = exec.buffer : !exec.buffer<f32[seq=4, embed=8]>
  %column = exec.view %x [0] : !exec.buffer<f32[seq=4, embed=8]> -> !exec.buffer<f32[seq=4:8]>
  // expected-error @+1 {{moves '!exec.buffer<f32[seq=4:8]>', which leaves gaps}}
  %0 = exec.receive %column from 1 message 0 : !exec.buffer<f32[seq=4:8]> async !exec.token
  exec.wait %0
}

// -----

!X = !exec.buffer<f32[seq=4]>
exec.func @message_number() entry {
  %x = exec.buffer : !X
  // expected-error @+1 {{attribute 'message' failed to satisfy constraint}}
  %0 = exec.receive %x from 1 message -1 : !X async !exec.token
  exec.wait %0
}
