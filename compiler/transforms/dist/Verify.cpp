//===- Verify.cpp - close the dist level ----------------------------------===//
//
// In and out: a placed program without reshards. What each op's verifier checks of itself (layouts follow
// from operands, partials meet linear ops only, parts are equal) holds already; here is what concerns the
// whole.
//
// C1: no dist.reshard is left. C2: a value that crosses a function's edge is partial only as a gradient or an
// accumulator. C3: the module has a plan. C4: mesh axes are the plan's and divide (checked with the plan).
// C5: an accumulator is partial by sum. C6: what outlives a step (weights, optimizer state) has one layout in
// all entries, taken and returned: none of them updates it in another layout than it is stored in.
//
//===----------------------------------------------------------------------===//

#include "compiler/transforms/dist/Accumulators.h"
#include "compiler/transforms/dist/Hoist.h"
#include "compiler/transforms/dist/Passes.h"

namespace dist {
#define GEN_PASS_DEF_DISTVERIFY
#include "compiler/transforms/dist/Passes.h.inc"
} // namespace dist

using namespace mlir;
using namespace dist;

namespace {
struct Verify : dist::impl::DistVerifyBase<Verify> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    bool isValid = true;
    if (!planOf(module)) { // C3
      module.emitError() << "has no '" << DistDialect::planAttrName << "'";
      return signalPassFailure();
    }
    module.walk([&](ReshardOp reshard) { // C1
      reshard.emitOpError() << "is left: run --dist-lower-reshard before the level is closed";
      isValid = false;
    });
    for (auto func : module.getOps<nn::FuncOp>()) {
      if (func->hasAttr(reshardAttrName))
        continue; // moves whatever its one caller hands it
      for (BlockArgument argument : func.getArguments())
        isValid &= checkEdge(func, argument.getLoc(), "argument", argument.getArgNumber(), argument.getType(),
                             kindOfArgument(func, argument.getArgNumber()));
      for (auto [index, value] : llvm::enumerate(func.getReturn()->getOperands()))
        isValid &=
            checkEdge(func, value.getLoc(), "result", index, value.getType(), kindOfResult(func, index));
    }
    CallGraph graph(module);
    for (auto func : module.getOps<nn::FuncOp>())
      if (graph.callsOf(func).empty())
        isValid &= checkStored(func); // C6
    if (!isValid)
      signalPassFailure();
  }

  bool checkStored(nn::FuncOp entry) {
    bool isValid = true;
    for (BlockArgument argument : entry.getArguments())
      isValid &= checkStored(entry, argument, "takes", entry.getArgAttrDict(argument.getArgNumber()));
    for (OpOperand &result : entry.getReturn()->getOpOperands())
      isValid &=
          checkStored(entry, result.get(), "returns", entry.getResultAttrDict(result.getOperandNumber()));
    return isValid;
  }

  /// The first entry that names a module's weights or state says how they are stored.
  bool checkStored(nn::FuncOp entry, Value value, StringRef verb, DictionaryAttr attributes) {
    StringRef name = nn::bundleNameOf(attributes);
    auto kind = attributes ? attributes.getAs<StringAttr>(nn::kindAttrName) : StringAttr();
    if (name.empty() || !kind)
      return true;
    const unsigned fields = numFields(value.getType());
    auto [place, isFirst] =
        stored.try_emplace({kind.getValue(), name, fields}, Stored{entry, value.getType()});
    for (unsigned field = 0; !isFirst && field < fields; ++field) {
      nn::NamedTensorType here = fieldType(value.getType(), field),
                          there = fieldType(place->second.type, field);
      if (here == there)
        continue;
      InFlightDiagnostic diagnostic = emitError(value.getLoc());
      diagnostic << "@" << entry.getSymName() << " " << verb << " a " << kind.getValue() << " of '" << name
                 << "' as " << nn::toString(here) << ", but it is stored as " << nn::toString(there);
      diagnostic.attachNote(place->second.entry.getLoc())
          << "so says @" << place->second.entry.getSymName() << ": reshard it before";
      return false;
    }
    return true;
  }

  bool checkEdge(nn::FuncOp func, Location loc, StringRef what, unsigned index, Type type, StringRef kind) {
    for (unsigned field = 0, e = numFields(type); field < e; ++field) {
      nn::NamedTensorType tensor = fieldType(type, field);
      if (!tensor || !tensor.getPartial())
        continue;
      bool isSum = tensor.getPartial().getKind() == nn::ReductionKind::sum;
      if (mayBePartial(kind) && isSum) // C2, C5
        continue;
      InFlightDiagnostic diagnostic = emitError(loc);
      diagnostic << what << " #" << index << " of @" << func.getSymName() << " is partial ("
                 << nn::toString(tensor) << ")" << (isSum ? "" : " by 'max'");
      diagnostic.attachNote(func.getLoc())
          << "only gradients and accumulators cross a function's edge as partial sums: reduce it before";
      return false;
    }
    return true;
  }

  struct Stored {
    nn::FuncOp entry;
    Type type;
  };
  std::map<std::tuple<StringRef, StringRef, unsigned>, Stored> stored;
};
} // namespace
