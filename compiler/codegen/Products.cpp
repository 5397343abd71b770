//===- Products.cpp - matrix products and their names ----------------------===//
//
// A product is a static object of its file, named after the weights it is used with; products of one shape
// share one:
//
//   static const rt::Matmul matmul_up_gate({.m = 4096, ...});  // batch*seq x mlp x embed
//
//===----------------------------------------------------------------------===//

#include "compiler/codegen/Functions.h"
#include "dialects/exec/Loops.h"

#include <fmt/format.h>

using namespace mlir;

namespace shardc::codegen {
namespace {

/// "batch*seq", or "1" for a loop that is not there.
std::string axesOf(exec::LoopAttr loop) {
  std::string text;
  for (StringAttr name : loop.getNames())
    text += (text.empty() ? "" : "*") + name.str();
  return text.empty() ? "1" : text;
}

llvm::SmallVector<exec::LoopAttr> batchOf(exec::GemmOp op) {
  return op.getBatch() ? exec::loopsOf(*op.getBatch()) : llvm::SmallVector<exec::LoopAttr>();
}

/// rt::MatmulShape's initialiser.
std::string shapeOf(exec::GemmOp op) {
  auto m = op.getM(), n = op.getN(), k = op.getK();
  auto strides = [](int64_t row, int64_t column) { return fmt::format("{{{}, {}}}", row, column); };
  std::string text = fmt::format("{{.m = {}, .n = {}, .k = {}, .a = {}, .b = {}, .c = {}", m.getSize(),
                                 n.getSize(), k.getSize(), strides(m.getStrides()[0], k.getStrides()[0]),
                                 strides(k.getStrides()[1], n.getStrides()[1]),
                                 strides(m.getStrides()[2], n.getStrides()[2]));
  llvm::SmallVector<exec::LoopAttr> batch = batchOf(op);
  for (auto [index, loop] : llvm::enumerate(batch)) {
    llvm::ArrayRef<int64_t> s = loop.getStrides();
    text +=
        fmt::format("{}{{{}, {}, {}, {}}}", index ? ", " : ", .batch = {", loop.getSize(), s[0], s[1], s[2]);
  }
  text += batch.empty() ? "" : "}";
  return text + (op.getBeta() ? ", .accumulate = true}" : "}");
}

std::string axesOf(exec::GemmOp op) {
  std::string text = fmt::format("{} x {} x {}", axesOf(op.getM()), axesOf(op.getN()), axesOf(op.getK()));
  for (auto [index, loop] : llvm::enumerate(batchOf(op)))
    text += (index ? ", " : " for each ") + axesOf(loop);
  return text;
}

/// A field without "weight", "attn_c_attn", or the name of a pointer; `isWeight` where it is a weight or its
/// gradient.
std::string nameOf(Value pointer, bool &isWeight) {
  while (auto view = pointer.getDefiningOp<exec::ViewOp>())
    pointer = view.getOperand();
  auto field = pointer.getDefiningOp<exec::FieldOp>();
  isWeight = field && !exec::nameOf(field.getOperand().getLoc()).contains("saved") &&
             !field.getOperand().getType().getName().getValue().ends_with("saved");
  if (!field)
    return exec::nameOf(pointer.getLoc()).str();
  llvm::StringRef name = field.getField();
  name.consume_back(".weight");
  return identifier(name);
}

/// What a product is called: after the weight or the weight's gradient in it, otherwise after its result.
std::string labelOf(exec::GemmOp op) {
  bool isWeight = false;
  std::string result = nameOf(op.getC(), isWeight);
  if (isWeight)
    return "d_" + result;
  for (Value operand : {op.getB(), op.getA()})
    if (std::string name = nameOf(operand, isWeight); isWeight)
      return llvm::StringRef(result).starts_with("d_") ? name + "_" + result : name;
  return result.empty() ? "product" : result;
}

} // namespace

void ModuleFile::nameProducts(exec::FuncOp func) {
  constexpr size_t most = 3; // labels in a name
  func.walk([&](exec::GemmOp op) {
    llvm::SmallVector<std::string> &labels = productLabels[shapeOf(op)];
    std::string label = labelOf(op);
    if (labels.size() < most && !llvm::is_contained(labels, label))
      labels.push_back(label);
  });
}

LogicalResult FunctionPrinter::call(exec::GemmOp op) {
  if (size_t loops = batchOf(op).size(); loops > 3)
    return op.emitOpError() << "has " << loops << " batch loops, a trainer's products have at most 3";
  std::string shape = shapeOf(op), label;
  for (const std::string &part : file.productLabels[shape])
    label += "_" + part;
  std::string product =
      file.addObject("static const " + shared.target.matmul, "matmul" + label, shape, axesOf(op));
  enterAndCall(op, product,
               fmt::format("{}({}{}, {}, {})", product, shared.target.leadArgument, expression(op.getA()),
                           expression(op.getB()), expression(op.getC())));
  return success();
}

} // namespace shardc::codegen
