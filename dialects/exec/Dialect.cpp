//===- Dialect.cpp - registration and aliases in dumps --------------------===//

#include "dialects/exec/Exec.h"

using namespace mlir;
using namespace exec;

#include "dialects/exec/ExecDialect.cpp.inc"
#include "dialects/exec/ExecInterfaces.cpp.inc"

namespace {
/// A struct prints as `!block`, a short name for a long type.
struct Aliases : OpAsmDialectInterface {
  using OpAsmDialectInterface::OpAsmDialectInterface;
  AliasResult getAlias(Type type, raw_ostream &os) const override {
    auto bundle = dyn_cast<StructType>(type);
    if (!bundle)
      return AliasResult::NoAlias;
    os << bundle.getName().getValue();
    return AliasResult::FinalAlias;
  }
};
} // namespace

void ExecDialect::initialize() {
  registerAttrs();
  registerTypes();
  addInterfaces<Aliases>();
  addOperations<
#define GET_OP_LIST
#include "dialects/exec/ExecOps.cpp.inc"
      >();
}
