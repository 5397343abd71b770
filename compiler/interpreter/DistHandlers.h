//===- DistHandlers.h - how reshards and collectives are evaluated --------===//
#pragma once

#include "compiler/interpreter/Interpreter.h"

#include "dialects/dist/Dist.h"

namespace shardc::interpreter {

void addDistHandlers(Handlers &handlers);

/// The mesh of a plan; without a plan that of one rank.
Mesh meshOf(dist::PlanAttr plan);

} // namespace shardc::interpreter
