//===- Products.cpp - reference values of products and kernels ------------===//

#include "compiler/interpreter/exec/Machine.h"
#include "compiler/interpreter/exec/Points.h"

#include "dialects/exec/Loops.h"
#include "dialects/nn/ScalarTape.h"

using namespace mlir;
using namespace exec;
using namespace shardc::interpreter;

LogicalResult shardc::interpreter::evaluate(Work &work, GemmOp op) {
  FailureOr<Image> a = work.read(op.getA()), b = work.read(op.getB());
  FailureOr<Image> c = op.getBeta() ? work.read(op.getC()) : Work::blank(op.getC());
  if (failed(a) || failed(b) || failed(c))
    return failure();
  SmallVector<LoopAttr> outer = op.getBatch() ? loopsOf(*op.getBatch()) : SmallVector<LoopAttr>();
  llvm::append_values(outer, op.getM(), op.getN());
  int64_t depth = op.getK().getSize(), aStride = op.getK().getStrides()[0],
          bStride = op.getK().getStrides()[1];
  forEachPoint(outer, 3, [&](ArrayRef<int64_t> at) {
    double sum = 0;
    for (int64_t l = 0; l < depth; ++l)
      sum += (*a)[at[0] + l * aStride] * (*b)[at[1] + l * bStride];
    (*c)[at[2]] += sum;
  });
  return work.write(op.getC(), *c);
}

namespace {

/// An output of a kernel: where a fold stands.
struct Output {
  Store store;
  Image image;

  void put(int64_t offset, double value) {
    double &element = image[offset];
    if (store == Store::write)
      element = value;
    else
      element = store == Store::max ? std::max(element, value) : element + value;
  }
};

/// Runs the tape on a block of points at a time.
class Points {
public:
  Points(nn::ScalarTape &tape, ArrayRef<Image> inputs, MutableArrayRef<Output> outputs)
      : tape(tape), inputs(inputs), outputs(outputs), columns(inputs.size()), offsets(outputs.size()) {}

  void add(ArrayRef<int64_t> at) {
    for (auto [index, input] : llvm::enumerate(inputs))
      columns[index].push_back(input[at[index]]);
    for (size_t i = 0; i < outputs.size(); ++i)
      offsets[i].push_back(at[inputs.size() + i]);
    if (++count == nn::ScalarTape::blockSize)
      flush();
  }
  void flush() {
    tape.run(llvm::map_to_vector(columns, [](const std::vector<double> &column) { return column.data(); }),
             count);
    for (auto [index, output] : llvm::enumerate(outputs))
      for (int64_t i = 0; i < count; ++i)
        output.put(offsets[index][i], tape.yieldedColumn(index)[i]);
    for (std::vector<double> &column : columns)
      column.clear();
    for (std::vector<int64_t> &each : offsets)
      each.clear();
    count = 0;
  }

private:
  nn::ScalarTape &tape;
  ArrayRef<Image> inputs;
  MutableArrayRef<Output> outputs;
  std::vector<std::vector<double>> columns;
  std::vector<std::vector<int64_t>> offsets;
  int64_t count = 0;
};

double lowestFinite(Type type) {
  if (auto real = dyn_cast<FloatType>(type))
    return llvm::APFloat::getLargest(real.getFloatSemantics(), /*Negative=*/true).convertToDouble();
  return static_cast<double>(llvm::APInt::getSignedMinValue(type.getIntOrFloatBitWidth()).getSExtValue());
}

} // namespace

LogicalResult shardc::interpreter::evaluate(Work &work, KernelOp op) {
  nn::ScalarTape tape;
  if (failed(tape.compile(op.getBody().front())))
    return failure();
  SmallVector<Image> inputs;
  for (Value input : op.getInputs()) {
    FailureOr<Image> image = work.read(input);
    if (failed(image))
      return failure();
    inputs.push_back(std::move(*image));
  }
  SmallVector<Output> outputs;
  for (auto [index, output] : llvm::enumerate(op.getOutputs())) {
    Store store = op.getStore(index);
    double start =
        store == Store::max ? lowestFinite(cast<BufferType>(output.getType()).getElementType()) : 0;
    FailureOr<Image> image = store == Store::add ? work.read(output) : Work::blank(output, start);
    if (failed(image))
      return failure();
    outputs.push_back({store, std::move(*image)});
  }
  Points points(tape, inputs, outputs);
  forEachPoint(loopsOf(op.getLoops()), op->getNumOperands(), [&](ArrayRef<int64_t> at) { points.add(at); });
  points.flush();
  for (auto [value, output] : llvm::zip(op.getOutputs(), outputs))
    if (failed(work.write(value, output.image)))
      return failure();
  return success();
}
