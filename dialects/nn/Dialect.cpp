//===- Dialect.cpp - registration, names and aliases in dumps -------------===//

#include "dialects/nn/Nn.h"

#include "mlir/Transforms/InliningUtils.h"

using namespace mlir;
using namespace nn;

#include "dialects/nn/NnDialect.cpp.inc"
#include "dialects/nn/NnInterfaces.cpp.inc"

StringRef nn::nameOf(Location loc) {
  auto name = dyn_cast<NameLoc>(loc);
  return name ? name.getName().getValue() : StringRef();
}

StringRef nn::bundleNameOf(DictionaryAttr attributes) {
  for (StringRef key : {pathAttrName, partAttrName})
    if (auto name = attributes ? attributes.getAs<StringAttr>(key) : StringAttr(); name && !name.empty())
      return name.getValue();
  return {};
}

Location nn::named(Location loc, StringRef name) {
  if (auto inner = dyn_cast<NameLoc>(loc))
    loc = inner.getChildLoc();
  return NameLoc::get(StringAttr::get(loc.getContext(), name), loc);
}

namespace {
/// A bundle prints as `!block`, a short name for a long type; descriptions of parameters as `#parameters`.
struct Aliases : OpAsmDialectInterface {
  using OpAsmDialectInterface::OpAsmDialectInterface;
  AliasResult getAlias(Type type, raw_ostream &os) const override {
    auto bundle = dyn_cast<BundleType>(type);
    if (!bundle)
      return AliasResult::NoAlias;
    os << bundle.getName().getValue();
    return AliasResult::FinalAlias;
  }
  AliasResult getAlias(Attribute attribute, raw_ostream &os) const override {
    auto list = dyn_cast<ArrayAttr>(attribute);
    if (!list || list.empty() || !llvm::all_of(list, llvm::IsaPred<ParameterAttr>))
      return AliasResult::NoAlias;
    os << "parameters";
    return AliasResult::FinalAlias;
  }
};

/// Functions of the program may be inlined into each other.
struct Inlining : DialectInlinerInterface {
  using DialectInlinerInterface::DialectInlinerInterface;
  bool isLegalToInline(Operation *, Operation *, bool) const final { return true; }
  bool isLegalToInline(Operation *, Region *, bool, IRMapping &) const final { return true; }
  bool isLegalToInline(Region *, Region *, bool, IRMapping &) const final { return true; }
  void handleTerminator(Operation *op, ValueRange values) const final {
    for (auto [value, operand] : llvm::zip(values, op->getOperands()))
      value.replaceAllUsesWith(operand);
  }
};
} // namespace

void NnDialect::initialize() {
  registerAttrs();
  registerTypes();
  addInterfaces<Aliases, Inlining>();
  addOperations<
#define GET_OP_LIST
#include "dialects/nn/NnOps.cpp.inc"
      >();
}
