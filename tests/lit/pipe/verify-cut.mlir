// RUN: sed 's/nn.model = "tiny",/nn.model = "tiny", dist.plan = #dist.plan<mesh = [pp = 2, dp = 1], rules = [[batch@dp]]>, pipe.schedule = {axis = "pp", schedule = "1f1b", chunks_per_stage = 1},/' %S/../nn/Inputs/tiny.mlir > %t.mlir
// RUN: shardc-opt --nn-outline --nn-differentiate --nn-step --pipe-cut %t.mlir -o %t.cut
// RUN: FileCheck %s --check-prefix=WHOLE < %t.cut
// RUN: shardc-opt --pipe-verify-cut %t.cut | FileCheck %s
// RUN: sed 's/"block_backward(h.1)" = 1/"block_backward(h.1)" = 1, "block_backward(h.2)" = 1/' %t.cut | not shardc-opt --pipe-verify-cut 2>&1 | FileCheck %s --check-prefix=MISSING
// RUN: sed 's/"block_forward(h.1)" = 1/"block_forward(h.1)" = 2/' %t.cut | not shardc-opt --pipe-verify-cut 2>&1 | FileCheck %s --check-prefix=ONCE
// RUN: sed '/"block_forward(h.1)"/s/"block_forward(h.1)" = 1 : i64,//' %t.cut | not shardc-opt --pipe-verify-cut 2>&1 | FileCheck %s --check-prefix=STRANGE
// RUN: sed 's/receive from 0 message 1 order .batch, seq, embed./receive from 0 message 0 order [batch, seq, embed]/' %t.cut | not shardc-opt --pipe-verify-cut 2>&1 | FileCheck %s --check-prefix=TWICE
// RUN: sed 's/receive from 0 message 1 order .batch, seq, embed./receive from 0 message 99 order [batch, seq, embed]/' %t.cut | not shardc-opt --pipe-verify-cut 2>&1 | FileCheck %s --check-prefix=NEVER
// RUN: sed 's/, pipe.copy}/}/g' %t.cut | not shardc-opt --pipe-verify-cut 2>&1 | FileCheck %s --check-prefix=OWNERS
// RUN: sed 's/weights = ."embed", /weights = ["embed", "h.2", /' %t.cut | not shardc-opt --pipe-verify-cut 2>&1 | FileCheck %s --check-prefix=NOBODY

// Calls are known by the weights that they, or what they are given, were made with.
// WHOLE: pipe.whole = {
// WHOLE-SAME: "block_backward(h.0)" = 1
// CHECK-NOT: pipe.whole

// MISSING: error: the cut is wrong: block_backward(h.2) is done 0 times in micro-batch 0, not 1
// ONCE: error: the cut is wrong: block_forward(h.1) is done 1 times in micro-batch 0, not 2
// STRANGE: error: the cut is wrong: block_forward(h.1) is done behind the micro-batches, which the whole program does not

// A message of another micro-batch: the last stage does one twice, and the other never.
// TWICE: error: the cut is wrong: {{.*}} micro-batch
// NEVER: error: the cut is wrong: some stage of @step receives what no other sends
// OWNERS: error: the cut is wrong: the weights of 'embed' have several owners, stages 0 and 1, in @step
// NOBODY: error: the cut is wrong: no stage owns the weights of 'h.2' in @step
