//===- Costs.cpp - what ops cost at each point of their space --------------===//
//
//   contract      a product and a sum            attention   the same for scores, and for their product with
//   v map           the scalar ops of its body     backward    scores again, and five products where forward
//   has two others        one
//
//===----------------------------------------------------------------------===//

#include "dialects/nn/Nn.h"

using namespace mlir;
using namespace nn;

double ContractOp::getFlopsPerPoint() {
  return 2;
}

double AttentionOp::getFlopsPerPoint() {
  return 4;
}

double AttentionBackwardOp::getFlopsPerPoint() {
  return 10;
}

double MapOp::getFlopsPerPoint() {
  return static_cast<double>(llvm::range_size(getBody().front().without_terminator()));
}

double ReduceOp::getFlopsPerPoint() {
  return 1;
}

double RopeOp::getFlopsPerPoint() {
  return 1;
}

double DropoutOp::getFlopsPerPoint() {
  return 1;
}

double ScatterAddOp::getFlopsPerPoint() {
  return 1;
}

SmallVector<Value> GatherOp::getTouched() {
  return {getResult(), getIndex(), getResult()};
}

SmallVector<Value> ScatterAddOp::getTouched() {
  return {getUpdates(), getIndex(), getUpdates()};
}
