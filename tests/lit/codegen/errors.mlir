// RUN: split-file %s %t
// RUN: not shardc-emit %t/no-entry.mlir %t/out 2>&1 | FileCheck %s --check-prefix=ENTRY
// RUN: not shardc-emit %t/bf16.mlir %t/out 2>&1 | FileCheck %s --check-prefix=BF16
// RUN: not shardc-emit %t/input.mlir %t/out 2>&1 | FileCheck %s --check-prefix=INPUT
// RUN: not shardc-emit %t/storage.mlir %t/out 2>&1 | FileCheck %s --check-prefix=STORAGE
// RUN: not shardc-emit %t/message.mlir %t/out 2>&1 | FileCheck %s --check-prefix=MESSAGE
// What a trainer cannot be is an error at the op, and nothing is written.
// RUN: not ls %t/out

//--- no-entry.mlir
// ENTRY: error: the program has no entry @init
module {}

//--- bf16.mlir
// BF16: bf16.mlir:6:3: error: 'exec.kernel' op has elements of 'bf16', which a trainer does not have
module {
exec.func @init() entry frame 0 {}
exec.func @step() entry frame 64 {
  %x = exec.buffer frame[0] : !exec.buffer<bf16[]>
  exec.kernel "zero" loops () -> (write %x) : !exec.buffer<bf16[]> {
    %0 = arith.constant 0.0 : bf16
    exec.yield %0 : bf16
  }
}
}

//--- input.mlir
// INPUT: error: 'exec.global' op is input 'images'; a trainer reads tokens and labels
module {
exec.global @inputs.images "input" arena[0] : !exec.buffer<i32[slot=1, batch=2, seq=4]>
exec.func @init() entry frame 0 {}
exec.func @step() entry frame 0 {}
}

//--- message.mlir
// MESSAGE: message.mlir:7:8: error: 'exec.send' op moves elements of 8 bytes; those of a trainer's messages have 4
module {
module attributes {pipe.stage = #pipe.stage<0 of 2 over "pp", mesh = [pp = 2]>} {
exec.func @init() entry frame 0 {}
exec.func @step() entry frame 64 {
  %x = exec.buffer frame[0] : !exec.buffer<f64[]>
  %0 = exec.send %x to 1 message 0 : !exec.buffer<f64[]> async !exec.token
  exec.wait %0
}
}
}

//--- storage.mlir
// STORAGE: error: 'exec.global' op field 'w' has no axis 'heads', which its storage names
module {
exec.global @parameters.x "parameter" arena[0] {
  nn.parameters = [#nn.parameter<file = "w", init = "zeros", std = 0.0, decay = true, storage = [["heads"], ["embed"]]>],
  exec.placed = !nn.bundle<x, w: f32[embed=8]>} : !exec.struct<x, w: f32[embed=8]>
exec.func @init() entry frame 0 {}
exec.func @step() entry frame 0 {}
}
