//===- WriteFunction.cpp - declare, fill and inline functions -------------===//

#include "compiler/transforms/nn/WriteFunction.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace nn;

FuncOp nn::startFunction(SymbolTable &symbols, Location loc, StringRef name, ArrayRef<Slot> arguments) {
  OpBuilder builder(loc.getContext());
  SmallVector<Type> types = llvm::map_to_vector(arguments, [](const Slot &slot) { return slot.type; });
  auto func = builder.create<FuncOp>(loc, name, builder.getFunctionType(types, {}));
  symbols.insert(func);
  for (auto [index, slot] : llvm::enumerate(arguments)) {
    func.getArgument(index).setLoc(named(loc, slot.name));
    if (slot.attrs)
      func.setArgAttrs(index, slot.attrs);
  }
  return func;
}

void nn::finishFunction(FuncOp func, ValueRange results, ArrayRef<DictionaryAttr> attrs) {
  OpBuilder builder = OpBuilder::atBlockEnd(&func.getBody().front());
  builder.create<ReturnOp>(func.getLoc(), results);
  func.setType(builder.getFunctionType(func.getArgumentTypes(), results.getTypes()));
  for (auto [index, attr] : llvm::enumerate(attrs))
    if (attr)
      func.setResultAttrs(index, attr);
}

SmallVector<Value> nn::inlineBody(OpBuilder &builder, FuncOp func, ValueRange arguments) {
  IRMapping copies;
  copies.map(func.getArguments(), arguments);
  for (Operation &op : func.getBody().front().without_terminator())
    builder.clone(op, copies);
  return llvm::map_to_vector(func.getReturn().getOperands(), [&](Value v) { return copies.lookup(v); });
}

DictionaryAttr nn::kindAttrs(MLIRContext *context, StringRef kind) {
  Builder builder(context);
  return builder.getDictionaryAttr(builder.getNamedAttr(kindAttrName, builder.getStringAttr(kind)));
}

BundleType nn::bundleOf(StringRef name, ArrayRef<std::string> stems, TypeRange types) {
  MLIRContext *context = types[0].getContext();
  SmallVector<StringAttr> fields;
  llvm::StringSet<> taken;
  llvm::StringMap<unsigned> repeats;
  for (const std::string &given : stems) {
    const std::string stem = given.empty() ? "value" : given;
    std::string field = stem;
    for (unsigned &again = repeats[stem]; !taken.insert(field).second;)
      field = stem + "_" + std::to_string(++again);
    fields.push_back(StringAttr::get(context, field));
  }
  return BundleType::get(context, StringAttr::get(context, name), fields, llvm::to_vector(types));
}

std::string nn::freshName(SymbolTable &symbols, StringRef name) {
  std::string fresh = name.str();
  for (unsigned number = 1; symbols.lookup(fresh); ++number)
    fresh = name.str() + "_" + std::to_string(number);
  return fresh;
}
