// Two ranks: every collective in its chunked and its tiled form, and what differs between ranks.
!X = !exec.buffer<f32[seq=6, embed=8]>
!Y = !exec.buffer<f32[seq=12, embed=8]>
!Z = !exec.buffer<f32[seq=6, embed=16]>
!S = !exec.buffer<i64[]>
!I = !exec.buffer<i32[seq=6]>

module attributes {exec.mesh = #exec.mesh<tp=2>} {
exec.global @scalars.step "step" : !S
exec.global @scalars.first_sample "first_sample" : !S
exec.global @x "in" : !X
exec.global @y "in" : !Y
exec.global @z "in" : !Z
exec.global @reduced "out" : !X
exec.global @larger "out" : !X
exec.global @in_place "out" : !X
exec.global @gathered "out" : !Y
exec.global @gathered_inner "out" : !Z
exec.global @gathered_tile "out" : !exec.buffer<f32[embed=8, seq=12]>
exec.global @scattered "out" : !X
exec.global @scattered_inner "out" : !X
exec.global @scattered_tile "out" : !exec.buffer<f32[embed=8, seq=6]>
exec.global @exchanged "out" : !Z
exec.global @masked "out" : !X
exec.global @part "out" : !X
exec.global @together_sum "out" : !X
exec.global @together_in_place "out" : !Y
exec.global @together_gathered "out" : !Y
exec.global @together_tile "out" : !exec.buffer<f32[embed=8, seq=12]>
exec.global @together_scattered "out" : !X
exec.global @together_scattered_tile "out" : !exec.buffer<f32[embed=8, seq=6]>
exec.global @positions "out" : !I
exec.global @all_positions "out" : !exec.buffer<i32[seq=12]>

exec.func @init() entry {
  %x = exec.address @x : !X
  %y = exec.address @y : !Y
  %z = exec.address @z : !Z
  %zero = exec.buffer : !S
  exec.kernel "zero" loops () -> (write %zero) : !S {
    %0 = arith.constant 0 : i64
    exec.yield %0 : i64
  }
  %key = exec.key %zero, %zero : !S, !S
  exec.random %key -> %x loops [seq*embed=48: 1, 1] start [tp * 48] {std = 1.0 : f64, site = 0 : i32} : !X
  exec.random %key -> %y loops [seq*embed=96: 1, 1] start [tp * 96 + 1] {std = 1.0 : f64, site = 1 : i32} : !Y
  exec.random %key -> %z loops [seq*embed=96: 1, 1] start [tp * 96] {std = 1.0 : f64, site = 2 : i32} : !Z
}

exec.func @step() entry {
  %x = exec.address @x : !X
  %y = exec.address @y : !Y
  %z = exec.address @z : !Z
  %reduced = exec.address @reduced : !X
  %larger = exec.address @larger : !X
  %in_place = exec.address @in_place : !X
  exec.collective all_reduce [tp] %x -> %reduced tile [seq*embed=48: 1, 1] step [0, 0] : !X, !X
  exec.collective all_reduce [tp] %x -> %larger tile [seq*embed=48: 1, 1] step [0, 0] {fold = 1 : i32} : !X, !X
  exec.copy %x -> %in_place loops [seq*embed=48: 1, 1] : !X, !X
  exec.collective all_reduce [tp] %in_place -> %in_place tile [seq*embed=48: 1, 1] step [0, 0] : !X, !X
  %gathered = exec.address @gathered : !Y
  %gathered_inner = exec.address @gathered_inner : !Z
  %gathered_tile = exec.address @gathered_tile : !exec.buffer<f32[embed=8, seq=12]>
  exec.collective all_gather [tp] %x -> %gathered tile [seq*embed=48: 1, 1] step [0, 48] : !X, !Y
  exec.collective all_gather [tp] %x -> %gathered_inner tile [seq=6: 8, 16][embed=8: 1, 1] step [0, 8] : !X, !Z
  exec.collective all_gather [tp] %x -> %gathered_tile tile [seq=6: 8, 1][embed=8: 1, 12] step [0, 6] : !X, !exec.buffer<f32[embed=8, seq=12]>
  %scattered = exec.address @scattered : !X
  %scattered_inner = exec.address @scattered_inner : !X
  %scattered_tile = exec.address @scattered_tile : !exec.buffer<f32[embed=8, seq=6]>
  exec.collective reduce_scatter [tp] %y -> %scattered tile [seq*embed=48: 1, 1] step [48, 0] : !Y, !X
  exec.collective reduce_scatter [tp] %z -> %scattered_inner tile [seq=6: 16, 8][embed=8: 1, 1] step [8, 0] : !Z, !X
  exec.collective reduce_scatter [tp] %y -> %scattered_tile tile [seq=6: 8, 1][embed=8: 1, 6] step [48, 0] : !Y, !exec.buffer<f32[embed=8, seq=6]>
  %exchanged = exec.address @exchanged : !Z
  exec.collective all_to_all [tp] %y -> %exchanged tile [seq=6: 8, 16][embed=8: 1, 1] step [48, 8] : !Y, !Z
  %together_sum = exec.address @together_sum : !X
  %together_in_place = exec.address @together_in_place : !Y
  exec.copy %y -> %together_in_place loops [seq*embed=96: 1, 1] : !Y, !Y
  %t0 = exec.collective all_reduce [tp] %x -> %together_sum tile [seq*embed=48: 1, 1] step [0, 0] : !X, !X async !exec.token
  %t1 = exec.collective all_reduce [tp] %together_in_place -> %together_in_place tile [seq*embed=96: 1, 1] step [0, 0] : !Y, !Y async !exec.token
  exec.wait %t0, %t1
  %together_gathered = exec.address @together_gathered : !Y
  %together_tile = exec.address @together_tile : !exec.buffer<f32[embed=8, seq=12]>
  %t2 = exec.collective all_gather [tp] %x -> %together_gathered tile [seq*embed=48: 1, 1] step [0, 48] : !X, !Y async !exec.token
  %t3 = exec.collective all_gather [tp] %x -> %together_tile tile [seq=6: 8, 1][embed=8: 1, 12] step [0, 6] : !X, !exec.buffer<f32[embed=8, seq=12]> async !exec.token
  exec.wait %t2, %t3
  %together_scattered = exec.address @together_scattered : !X
  %together_scattered_tile = exec.address @together_scattered_tile : !exec.buffer<f32[embed=8, seq=6]>
  %t4 = exec.collective reduce_scatter [tp] %y -> %together_scattered tile [seq*embed=48: 1, 1] step [48, 0] : !Y, !X async !exec.token
  %t5 = exec.collective reduce_scatter [tp] %y -> %together_scattered_tile tile [seq=6: 8, 1][embed=8: 1, 6] step [48, 0] : !Y, !exec.buffer<f32[embed=8, seq=6]> async !exec.token
  exec.wait %t4, %t5
  %masked = exec.address @masked : !X
  exec.mask %x -> %masked over [tp] loops [seq*embed=48: 1, 1] : !X, !X
  %part = exec.address @part : !X
  %y_part = exec.view %y [tp * 48] : !Y -> !X
  exec.copy %y_part -> %part loops [seq*embed=48: 1, 1] : !X, !X
  %positions = exec.address @positions : !I
  %all_positions = exec.address @all_positions : !exec.buffer<i32[seq=12]>
  exec.iota -> %positions loops [seq=6: 1, 1] start [tp * 6] : !I
  exec.collective all_gather [tp] %positions -> %all_positions tile [seq=6: 1, 1] step [0, 6] : !I, !exec.buffer<i32[seq=12]>
}
}
