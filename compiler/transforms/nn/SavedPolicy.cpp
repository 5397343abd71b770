//===- SavedPolicy.cpp - what the forward keeps for the backward ----------===//

#include "compiler/transforms/nn/SavedPolicy.h"

using namespace mlir;
using namespace nn;

namespace {
struct KeepDear : SavedPolicy {
  bool keepsResults(Operation &op) const override {
    return isa<ContractOp, AttentionOp, AttentionBackwardOp, ReduceOp, GatherOp, ScatterAddOp, CallOp>(op);
  }
  bool keepsSaved(CallOp) const override { return true; }
};
} // namespace

std::unique_ptr<SavedPolicy> nn::keepDearPolicy() {
  return std::make_unique<KeepDear>();
}
