//===- Ops.cpp - generated op classes -------------------------------------===//

#include "dialects/nn/Nn.h"
#include "dialects/nn/Syntax.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace nn;

#define GET_OP_CLASSES
#include "dialects/nn/NnOps.cpp.inc"
