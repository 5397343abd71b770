// RUN: shardc-opt %s --exec-verify --split-input-file --verify-diagnostics
// Each error of the level once. What is right stands first; the other programs are it with one fault.

!X = !exec.buffer<f32[seq=16]>
module attributes {exec.mesh = #exec.mesh<tp=2>} {
exec.func @right(in %x: !X, out %y: !X, acc %sum: !X) frame 128 {
  %a = exec.buffer frame[0] : !X
  exec.copy %x -> %a loops [seq=16: 1, 1] : !X, !X
  %b = exec.buffer frame[64] : !X
  exec.copy %a -> %b loops [seq=16: 1, 1] : !X, !X
  %c = exec.buffer frame[0] : !X
  exec.copy %b -> %c loops [seq=16: 1, 1] : !X, !X
  exec.collective all_reduce [tp] %c -> %y tile [seq=16: 1, 1] step [0, 0] : !X, !X
  exec.kernel "sum" loops [seq=16: 1, 1] (%v = %y) -> (add %sum) : !X, !X {
    exec.yield %v : f32
  }
}
// Two parts written one by one are the whole.
exec.func @parts(in %x: !exec.buffer<f32[seq=8]>, out %y: !X) frame 64 {
  %whole = exec.buffer frame[0] : !X
  %first = exec.view %whole [0] : !X -> !exec.buffer<f32[seq=8:2]>
  %second = exec.view %whole [1] : !X -> !exec.buffer<f32[seq=8:2]>
  exec.copy %x -> %first loops [seq=8: 1, 2] : !exec.buffer<f32[seq=8]>, !exec.buffer<f32[seq=8:2]>
  exec.copy %x -> %second loops [seq=8: 1, 2] : !exec.buffer<f32[seq=8]>, !exec.buffer<f32[seq=8:2]>
  exec.copy %whole -> %y loops [seq=16: 1, 1] : !X, !X
}
exec.func @waited(in %x: !X, out %y: !exec.buffer<f32[seq=32]>) frame 0 {
  %t = exec.collective all_gather [tp] %x -> %y tile [seq=16: 1, 1] step [0, 16] : !X, !exec.buffer<f32[seq=32]> async !exec.token
  exec.wait %t
}
}

// -----

!X = !exec.buffer<f32[seq=16]>
exec.func @overlaid(in %x: !X, out %y: !X) frame 64 {
  %a = exec.buffer frame[0] : !X
  exec.copy %x -> %a loops [seq=16: 1, 1] : !X, !X
  // expected-note @+1 {{this buffer lies over it}}
  %b = exec.buffer frame[0] : !X
  // expected-error @+1 {{'exec.copy' op reads a buffer, whose bytes are in use by another}}
  exec.copy %a -> %b loops [seq=16: 1, 1] : !X, !X
  exec.copy %b -> %y loops [seq=16: 1, 1] : !X, !X
}

// -----

!X = !exec.buffer<f32[seq=16]>
exec.func @callee(in %x: !X, out %y: !X) frame 64 {
  exec.copy %x -> %y loops [seq=16: 1, 1] : !X, !X
}
exec.func @under_a_frame(in %x: !X, out %y: !X) frame 64 {
  %a = exec.buffer frame[0] : !X
  exec.copy %x -> %a loops [seq=16: 1, 1] : !X, !X
  // expected-error @+2 {{'exec.call' op reads a buffer, whose bytes are in use by another}}
  // expected-note @+1 {{the frame of this call lies over it}}
  exec.call @callee(%a, %y) frame[0] : !X, !X
}

// -----

!X = !exec.buffer<f32[seq=16]>
exec.func @callee(in %x: !X, out %y: !X) frame 64 {
  exec.copy %x -> %y loops [seq=16: 1, 1] : !X, !X
}
exec.func @frame_too_small(in %x: !X, out %y: !X) frame 64 {
  // expected-error @+1 {{'exec.call' op hands on a frame that ends at 128, the caller's has 64 bytes}}
  exec.call @callee(%x, %y) frame[64] : !X, !X
}

// -----

!X = !exec.buffer<f32[seq=16]>
exec.func @read_before_write(out %y: !X) frame 64 {
  %a = exec.buffer frame[0] : !X
  // expected-error @+1 {{'exec.copy' op reads a buffer, which is not written before}}
  exec.copy %a -> %y loops [seq=16: 1, 1] : !X, !X
}

// -----

!X = !exec.buffer<f32[seq=16]>
!H = !exec.buffer<f32[seq=8]>
exec.func @half_written(in %x: !H, out %y: !X) frame 64 {
  %a = exec.buffer frame[0] : !X
  %half = exec.view %a [8] : !X -> !H
  exec.copy %x -> %half loops [seq=8: 1, 1] : !H, !H
  // expected-error @+1 {{'exec.copy' op reads a buffer, which is not written before}}
  exec.copy %a -> %y loops [seq=16: 1, 1] : !X, !X
}

// -----

// In the second trip the buffer of the first is gone.
!X = !exec.buffer<f32[seq=16]>
exec.func @stale_in_a_loop(in %x: !X, out %y: !X) frame 64 {
  %a = exec.buffer frame[0] : !X
  exec.copy %x -> %a loops [seq=16: 1, 1] : !X, !X
  exec.loop 2 (%i) {
    // expected-error @+1 {{'exec.copy' op reads a buffer, whose bytes are in use by another}}
    exec.copy %a -> %y loops [seq=16: 1, 1] : !X, !X
    // expected-note @+1 {{this buffer lies over it}}
    %b = exec.buffer frame[0] : !X
    exec.copy %x -> %b loops [seq=16: 1, 1] : !X, !X
  }
}

// -----

!X = !exec.buffer<f32[seq=16]>
// expected-error @+1 {{'exec.func' op argument 'y' is 'out', but is not written in full}}
exec.func @forgotten_result(in %x: !X, out %y: !X) frame 0 {
}

// -----

!X = !exec.buffer<f32[seq=16]>
exec.func @writes_an_input(in %x: !X, in %y: !X) frame 0 {
  // expected-error @+1 {{'exec.copy' op writes 'y', which is only read here}}
  exec.copy %x -> %y loops [seq=16: 1, 1] : !X, !X
}

// -----

!X = !exec.buffer<f32[seq=16]>
exec.func @overwrites_an_accumulator(in %x: !X, acc %sum: !X) frame 0 {
  // expected-error @+1 {{'exec.copy' op writes 'sum', an accumulator, which is only added to}}
  exec.copy %x -> %sum loops [seq=16: 1, 1] : !X, !X
}

// -----

!A = !exec.buffer<f32[m=4, k=4]>
!B = !exec.buffer<f32[k=4, n=4]>
!C = !exec.buffer<f32[m=4, n=4]>
exec.func @product_over_its_operand(in %b: !B, inout %a: !A) frame 0 {
  %c = exec.view %a [0] : !A -> !C
  // expected-error @+1 {{'exec.gemm' op writes a buffer, which overlaps its operand 'a'}}
  exec.gemm %a, %b -> %c m [m=4: 4, 0, 4] n [n=4: 0, 1, 1] k [k=4: 1, 4, 0] beta 0 : !A, !B, !C
}

// -----

// A kernel may run in place, but not one element off.
!X = !exec.buffer<f32[seq=16]>
!H = !exec.buffer<f32[seq=15]>
exec.func @shifted(inout %x: !X) frame 0 {
  %from = exec.view %x [0] : !X -> !H
  %to = exec.view %x [1] : !X -> !H
  // expected-error @+1 {{'exec.kernel' op writes a buffer, which overlaps its operand a buffer}}
  exec.kernel "shift" loops [seq=15: 1, 1] (%v = %from) -> (write %to) : !H, !H {
    exec.yield %v : f32
  }
}

// -----

!X = !exec.buffer<f32[seq=16]>
!Y = !exec.buffer<f32[seq=32]>
module attributes {exec.mesh = #exec.mesh<tp=2>} {
exec.func @read_too_early(in %x: !X, out %y: !Y, out %z: !Y) frame 0 {
  // expected-note @+1 {{it is started here}}
  %t = exec.collective all_gather [tp] %x -> %y tile [seq=16: 1, 1] step [0, 16] : !X, !Y async !exec.token
  // expected-error @+1 {{'exec.copy' op touches 'y' before the collective is waited for}}
  exec.copy %y -> %z loops [seq=32: 1, 1] : !Y, !Y
  exec.wait %t
}
}

// -----

!X = !exec.buffer<f32[seq=16]>
!Y = !exec.buffer<f32[seq=32]>
module attributes {exec.mesh = #exec.mesh<tp=2>} {
exec.func @written_under_peers(inout %x: !X, in %w: !X, out %y: !Y) frame 0 {
  // expected-note @+1 {{it is started here}}
  %t = exec.collective all_gather [tp] %x -> %y tile [seq=16: 1, 1] step [0, 16] : !X, !Y async !exec.token
  // expected-error @+1 {{'exec.copy' op writes 'x' before the collective is waited for}}
  exec.copy %w -> %x loops [seq=16: 1, 1] : !X, !X
  exec.wait %t
}
}

// -----

!X = !exec.buffer<f32[seq=16]>
!Y = !exec.buffer<f32[seq=32]>
module attributes {exec.mesh = #exec.mesh<tp=2>} {
exec.func @never_waited(in %x: !X, out %y: !Y) frame 0 {
  // expected-error @+1 {{'exec.collective' op is started but never waited for}}
  %t = exec.collective all_gather [tp] %x -> %y tile [seq=16: 1, 1] step [0, 16] : !X, !Y async !exec.token
}
}

// -----

// One part's result is no other's operand: a bucket moves all at once.
!X = !exec.buffer<f32[seq=16]>
module attributes {exec.mesh = #exec.mesh<tp=2>} {
exec.func @sum_of_a_sum(inout %x: !X, out %y: !X) frame 0 {
  // expected-note @+1 {{it is started here}}
  %0 = exec.collective all_reduce [tp] %x -> %x tile [seq=16: 1, 1] step [0, 0] : !X, !X async !exec.token
  // expected-error @+1 {{'exec.collective' op touches 'x' before the collective is waited for}}
  %1 = exec.collective all_reduce [tp] %x -> %y tile [seq=16: 1, 1] step [0, 0] : !X, !X async !exec.token
  exec.wait %0, %1
}
}

// -----

!X = !exec.buffer<f32[seq=16]>
module attributes {exec.mesh = #exec.mesh<tp=2>} {
exec.func @waited_twice(inout %x: !X) frame 0 {
  %0 = exec.collective all_reduce [tp] %x -> %x tile [seq=16: 1, 1] step [0, 0] : !X, !X async !exec.token
  exec.wait %0
  // expected-error @+1 {{'exec.wait' op waits for what is not under way}}
  exec.wait %0
}
}

// -----

// The gathered buffer's bytes go to another before its peers have delivered.
!X = !exec.buffer<f32[seq=16]>
!Y = !exec.buffer<f32[seq=32]>
module attributes {exec.mesh = #exec.mesh<tp=2>} {
exec.func @taken_under_way(in %x: !X) frame 128 {
  %y = exec.buffer frame[0] : !Y
  %t = exec.collective all_gather [tp] %x -> %y tile [seq=16: 1, 1] step [0, 16] : !X, !Y async !exec.token
  // expected-note @+1 {{this buffer lies over it}}
  %z = exec.buffer frame[64] : !X
  exec.copy %x -> %z loops [seq=16: 1, 1] : !X, !X
  // expected-error @+1 {{'exec.wait' op ends a movement of a buffer, whose bytes are in use by another}}
  exec.wait %t
}
}

// -----

!X = !exec.buffer<f32[seq=16]>
!Y = !exec.buffer<f32[seq=32]>
module attributes {exec.mesh = #exec.mesh<tp=2>} {
exec.func @gather(in %x: !X, out %y: !Y) frame 64 {
  %h = exec.buffer frame[0] : !X
  exec.copy %x -> %h loops [seq=16: 1, 1] : !X, !X
  exec.collective all_gather [tp] %h -> %y tile [seq=16: 1, 1] step [0, 16] : !X, !Y
}
exec.func @frame_of_a_started_call(in %x: !X, out %y: !Y, out %z: !X) frame 64 {
  // expected-note @+1 {{it is started here}}
  %t = exec.call @gather(%x, %y) frame[0] : !X, !Y async !exec.token
  // expected-error @+1 {{'exec.buffer' op takes bytes of the frame of a call under way}}
  %h = exec.buffer frame[0] : !X
  exec.copy %x -> %h loops [seq=16: 1, 1] : !X, !X
  exec.wait %t
  exec.copy %h -> %z loops [seq=16: 1, 1] : !X, !X
}
}

// -----

!X = !exec.buffer<f32[seq=16]>
!Y = !exec.buffer<f32[seq=32]>
module attributes {exec.mesh = #exec.mesh<tp=2>} {
exec.func @gather(in %x: !X, out %y: !Y) frame 0 {
  exec.collective all_gather [tp] %x -> %y tile [seq=16: 1, 1] step [0, 16] : !X, !Y
}
exec.func @read_before_the_call_is_done(in %x: !X, out %y: !Y, out %z: !Y) frame 0 {
  // expected-note @+1 {{it is started here}}
  %t = exec.call @gather(%x, %y) : !X, !Y async !exec.token
  // expected-error @+1 {{'exec.copy' op touches 'y' before the call is waited for}}
  exec.copy %y -> %z loops [seq=32: 1, 1] : !Y, !Y
  exec.wait %t
}
}

// -----

// A rank's part of a whole value lies at another place on each rank: peers would read the wrong elements.
!X = !exec.buffer<f32[seq=16]>
!H = !exec.buffer<f32[seq=8]>
module attributes {exec.mesh = #exec.mesh<tp=2>} {
exec.func @elsewhere_on_peers(in %x: !X, out %y: !X) frame 0 {
  %part = exec.view %x [tp * 8] : !X -> !H
  // expected-error @+1 {{'exec.collective' op is handed a buffer, which lies elsewhere on other ranks}}
  exec.collective all_gather [tp] %part -> %y tile [seq=8: 1, 1] step [0, 8] : !H, !X
}
}

// -----

!X = !exec.buffer<f32[seq=16]>
module attributes {exec.arena_bytes = 256 : i64, exec.frame_base = 128 : i64} {
// expected-note @+1 {{which lies here}}
exec.global @parameters.a "parameter" arena[0] : !X
// expected-error @+1 {{'exec.global' op overlaps @parameters.a}}
exec.global @parameters.b "parameter" arena[0] : !X
}

// -----

!X = !exec.buffer<f32[seq=16]>
module attributes {exec.arena_bytes = 256 : i64, exec.frame_base = 64 : i64} {
exec.global @parameters.a "parameter" arena[0] : !X
// expected-error @+1 {{'exec.global' op ends at 128, frames start at 64}}
exec.global @parameters.b "parameter" arena[64] : !X
}

// -----

module attributes {exec.arena_bytes = 256 : i64, exec.frame_base = 64 : i64} {
// expected-error @+1 {{'exec.func' op needs 256 bytes from 64 on, the arena has 256}}
exec.func @step() entry frame 256 {
}
}

// -----

!X = !exec.buffer<f32[seq=16]>
exec.global @parameters.a "parameter" arena[0] : !X
// expected-error @+1 {{'exec.func' op does not write @parameters.a in full}}
exec.func @init() entry frame 0 {
}

// -----

!X = !exec.buffer<f32[seq=16]>
exec.func @message_read_too_early() entry frame 128 {
  %x = exec.buffer frame[0] : !X
  %y = exec.buffer frame[64] : !X
  // expected-note @+1 {{it is started here}}
  %t = exec.receive %x from 1 message 0 : !X async !exec.token
  // expected-error @+1 {{'exec.copy' op touches a buffer before the message is waited for}}
  exec.copy %x -> %y loops [seq=16: 1, 1] : !X, !X
  exec.wait %t
}

// -----

!X = !exec.buffer<f32[seq=16]>
exec.func @message_overwritten() entry frame 64 {
  %x = exec.buffer frame[0] : !X
  exec.kernel "zero" loops [seq=16: 1] () -> (write %x) : !X {
    %0 = arith.constant 0.0 : f32
    exec.yield %0 : f32
  }
  // expected-note @+1 {{it is started here}}
  %t = exec.send %x to 1 message 0 : !X async !exec.token
  // expected-error @+1 {{'exec.kernel' op writes a buffer before the message is waited for}}
  exec.kernel "one" loops [seq=16: 1] () -> (write %x) : !X {
    %0 = arith.constant 1.0 : f32
    exec.yield %0 : f32
  }
  exec.wait %t
}

// -----

!X = !exec.buffer<f32[seq=16]>
exec.func @message_never_waited() entry frame 64 {
  %x = exec.buffer frame[0] : !X
  // expected-error @+1 {{'exec.receive' op is started but never waited for}}
  %t = exec.receive %x from 1 message 0 : !X async !exec.token
}

// -----

// Its bytes are another's before the other stage has taken them.
!X = !exec.buffer<f32[seq=16]>
exec.func @message_taken_under_way() entry frame 64 {
  %x = exec.buffer frame[0] : !X
  exec.kernel "zero" loops [seq=16: 1] () -> (write %x) : !X {
    %0 = arith.constant 0.0 : f32
    exec.yield %0 : f32
  }
  %t = exec.send %x to 1 message 0 : !X async !exec.token
  // expected-note @+1 {{this buffer lies over it}}
  %y = exec.buffer frame[0] : !X
  exec.kernel "one" loops [seq=16: 1] () -> (write %y) : !X {
    %0 = arith.constant 1.0 : f32
    exec.yield %0 : f32
  }
  // expected-error @+1 {{'exec.wait' op ends a movement of a buffer, whose bytes are in use by another}}
  exec.wait %t
}

// -----

!X = !exec.buffer<f32[seq=16]>
exec.func @message_of_nothing() entry frame 64 {
  %x = exec.buffer frame[0] : !X
  // expected-error @+1 {{'exec.send' op reads a buffer, which is not written before}}
  %t = exec.send %x to 1 message 0 : !X async !exec.token
  exec.wait %t
}
