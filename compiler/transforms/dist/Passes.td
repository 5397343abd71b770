//===- Passes.td - the passes of dist -------------------------------------===//
#ifndef SHARDC_DIST_PASSES
#define SHARDC_DIST_PASSES

include "mlir/Pass/PassBase.td"

class Dist_Pass<string flag> : Pass<flag, "::mlir::ModuleOp"> {
  let dependentDialects = ["::dist::DistDialect"];
}

def DistPlace : Dist_Pass<"dist-place"> {
  let summary = "read the plan: a layout for every value, a reshard where an operand is not where its op runs";
}
def DistSimplify : Dist_Pass<"dist-simplify"> {
  let summary = "merge, cancel, delay and hoist reshards";
}
def DistLowerReshard : Dist_Pass<"dist-lower-reshard"> {
  let summary = "reshards become collectives and local slices";
}
def DistVerify : Dist_Pass<"dist-verify"> {
  let summary = "close the level: no reshard, nothing partial but accumulators, every mesh axis known";
}
def DistStrip : Dist_Pass<"dist-strip"> {
  let summary = "remove all placements and movements: the global program again";
}

#endif
