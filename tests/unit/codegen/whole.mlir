// What the two stages of stages.mlir compute, in one program.
!X = !exec.buffer<f32[seq=6, embed=8]>
!S = !exec.buffer<i64[]>

module attributes {exec.mesh = #exec.mesh<tp=2>} {
exec.global @scalars.step "step" : !S
exec.global @scalars.first_sample "first_sample" : !S
exec.global @x "in" : !X
exec.global @first "out" : !X
exec.global @second "out" : !X

exec.func @double(in %a: !X, out %b: !X) {
  exec.kernel "double" loops [seq*embed=48: 1, 1] (%v = %a) -> (write %b) : !X, !X {
    %0 = arith.addf %v, %v : f32
    exec.yield %0 : f32
  }
}
exec.func @init() entry {
  %x = exec.address @x : !X
  %zero = exec.buffer : !S
  exec.kernel "zero" loops () -> (write %zero) : !S {
    %0 = arith.constant 0 : i64
    exec.yield %0 : i64
  }
  %key = exec.key %zero, %zero : !S, !S
  exec.random %key -> %x loops [seq*embed=48: 1, 1] start [tp * 48] {std = 1.0 : f64, site = 0 : i32} : !X
}
exec.func @step() entry {
  %x = exec.address @x : !X
  %first = exec.address @first : !X
  %second = exec.address @second : !X
  %y = exec.buffer : !X
  %z = exec.buffer : !X
  exec.call @double(%x, %y) : !X, !X
  exec.call @double(%y, %z) : !X, !X
  exec.collective all_reduce [tp] %z -> %z tile [seq*embed=48: 1, 1] step [0, 0] : !X, !X
  exec.kernel "second" loops [seq*embed=48: 1, 1, 1] (%a = %z, %b = %x) -> (write %second) : !X, !X, !X {
    %0 = arith.addf %a, %b : f32
    exec.yield %0 : f32
  }
  exec.kernel "first" loops [seq*embed=48: 1, 1, 1] (%a = %second, %b = %x) -> (write %first) : !X, !X, !X {
    %0 = arith.mulf %a, %b : f32
    exec.yield %0 : f32
  }
}
}
