// RUN: sed 's/module attributes {/module attributes {exec.memory_limit = {bytes = 2816 : i64},/' %S/program.mlir | shardc-opt --exec-fit-memory | FileCheck %s
// RUN: sed 's/module attributes {/module attributes {exec.memory_limit = {bytes = 2200 : i64, data_ranks = 2 : i64, zero = 0 : i64, microbatches = 2 : i64, sequences = 4 : i64},/' %S/program.mlir | not shardc-opt --exec-fit-memory 2>&1 | FileCheck %s --check-prefix=MORE
// RUN: sed 's/module attributes {/module attributes {exec.memory_limit = {bytes = 64 : i64, data_ranks = 2 : i64, zero = 3 : i64, microbatches = 2 : i64, sequences = 2 : i64},/' %S/program.mlir | not shardc-opt --exec-fit-memory 2>&1 | FileCheck %s --check-prefix=NOTHING
// CHECK: exec.arena_bytes = 2816
// MORE: error: a rank needs 2.8 KiB, 616 B more than the 2.1 KiB of 'hardware.memory'
// MORE: note: when most is in use: {{.*}}workspace {{.*}}
// MORE: note: 'microbatches: 4' would do, with about
// NOTHING: error: a rank needs 2.8 KiB
// NOTHING: note: neither zero nor more micro-batches alone would do: divide the model over more ranks
