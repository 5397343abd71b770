//===- Products.cpp - matrix products and their names ----------------------===//
//
// A product is a static object of its file, shared by all products of its shape and named after the columns
// of its result and what it sums over; the weight stands in each call:
//
//   static const rt::Matmul matmul_mlp_over_embed({.m = 4096, ...});  // batch*seq x mlp x embed
//   matmul_mlp_over_embed(x, weights.up_proj_weight, up_proj);
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

} // namespace

LogicalResult FunctionPrinter::call(exec::GemmOp op) {
  if (size_t loops = batchOf(op).size(); loops > 3)
    return op.emitOpError() << "has " << loops << " batch loops, a trainer's products have at most 3";
  std::string wanted = identifier("matmul_" + axesOf(op.getN()) + "_over_" + axesOf(op.getK()));
  std::string product =
      file.addObject("static const " + shared.target.matmul, wanted, shapeOf(op), axesOf(op));
  enterAndCall(op, product,
               fmt::format("{}({}{}, {}, {})", product, shared.target.leadArgument, expression(op.getA()),
                           expression(op.getB()), expression(op.getC())));
  return success();
}

} // namespace shardc::codegen
