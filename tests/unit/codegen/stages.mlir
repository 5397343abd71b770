// Two stages of two ranks each. Messages are taken in another order than they are sent in; memory that was sent is
// written again as soon as the message has been taken; the stages' arenas are unlike.
!X = !exec.buffer<f32[seq=6, embed=8]>
!S = !exec.buffer<i64[]>

module {
module @stage_0 attributes {pipe.stage = #pipe.stage<0 of 2 over "pp", mesh = [pp = 2, tp = 2]>, exec.mesh = #exec.mesh<tp=2>} {
exec.global @scalars.step "step" : !S
exec.global @scalars.first_sample "first_sample" : !S
exec.global @x "in" : !X
exec.global @first "out" : !X
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
  %second = exec.buffer : !X
  %arrives = exec.receive %second from 1 message 0 : !X async !exec.token
  exec.call @double(%x, %first) : !X, !X
  %0 = exec.send %first to 1 message 0 : !X async !exec.token
  %1 = exec.send %x to 1 message 1 : !X async !exec.token
  exec.wait %0
  exec.kernel "spoil" loops [seq*embed=48: 1] () -> (write %first) : !X {
    %2 = arith.constant 7.0 : f32
    exec.yield %2 : f32
  }
  exec.wait %arrives
  exec.kernel "first" loops [seq*embed=48: 1, 1, 1] (%a = %second, %b = %x) -> (write %first) : !X, !X, !X {
    %2 = arith.mulf %a, %b : f32
    exec.yield %2 : f32
  }
  exec.wait %1
}
}

module @stage_1 attributes {pipe.stage = #pipe.stage<1 of 2 over "pp", mesh = [pp = 2, tp = 2]>, exec.mesh = #exec.mesh<tp=2>} {
exec.global @scalars.step "step" : !S
exec.global @scalars.first_sample "first_sample" : !S
exec.global @unlike "in" : !X
exec.global @second "out" : !X
exec.func @double(in %a: !X, out %b: !X) {
  exec.kernel "double" loops [seq*embed=48: 1, 1] (%v = %a) -> (write %b) : !X, !X {
    %0 = arith.addf %v, %v : f32
    exec.yield %0 : f32
  }
}
exec.func @init() entry {
  %unlike = exec.address @unlike : !X
  exec.kernel "unlike" loops [seq*embed=48: 1] () -> (write %unlike) : !X {
    %0 = arith.constant 3.0 : f32
    exec.yield %0 : f32
  }
}
exec.func @step() entry {
  %second = exec.address @second : !X
  %x = exec.buffer : !X
  %y = exec.buffer : !X
  %z = exec.buffer : !X
  %0 = exec.receive %y from 0 message 0 : !X async !exec.token
  %1 = exec.receive %x from 0 message 1 : !X async !exec.token
  exec.wait %1
  exec.wait %0
  exec.call @double(%y, %z) : !X, !X
  exec.collective all_reduce [tp] %z -> %z tile [seq*embed=48: 1, 1] step [0, 0] : !X, !X
  exec.kernel "second" loops [seq*embed=48: 1, 1, 1] (%a = %z, %b = %x) -> (write %second) : !X, !X, !X {
    %2 = arith.addf %a, %b : f32
    exec.yield %2 : f32
  }
  %sent = exec.send %second to 0 message 0 : !X async !exec.token
  exec.wait %sent
}
}
}
