//===- Rows.cpp - reference values of gathers, copies and masks -----------===//

#include "compiler/interpreter/exec/Machine.h"
#include "compiler/interpreter/exec/Points.h"

#include "dialects/exec/Loops.h"

using namespace mlir;
using namespace exec;
using namespace shardc::interpreter;

LogicalResult shardc::interpreter::evaluate(Work &work, GatherOp op) {
  FailureOr<Image> table = work.read(op.getTable()), index = work.read(op.getIndex());
  if (failed(table) || failed(index))
    return failure();
  Image out = Work::blank(op.getOut());
  int64_t start = work.number(op.getStart()), rows = op.getAxis().getSize(),
          stride = op.getAxis().getStrides()[0];
  forEachPoint(loopsOf(op.getLoops()), 3, [&](ArrayRef<int64_t> at) {
    int64_t row = static_cast<int64_t>((*index)[at[1]]) - start;
    bool isMine = 0 <= row && row < rows;
    out[at[2]] = isMine ? (*table)[at[0] + row * stride] : 0.0;
  });
  return work.write(op.getOut(), out);
}

LogicalResult shardc::interpreter::evaluate(Work &work, ScatterAddOp op) {
  FailureOr<Image> updates = work.read(op.getUpdates()), index = work.read(op.getIndex());
  FailureOr<Image> out = op.getBeta() ? work.read(op.getOut()) : Work::blank(op.getOut());
  if (failed(updates) || failed(index) || failed(out))
    return failure();
  int64_t start = work.number(op.getStart()), rows = op.getAxis().getSize(),
          stride = op.getAxis().getStrides()[0];
  forEachPoint(loopsOf(op.getLoops()), 3, [&](ArrayRef<int64_t> at) {
    int64_t row = static_cast<int64_t>((*index)[at[1]]) - start;
    if (0 <= row && row < rows)
      (*out)[at[2] + row * stride] += (*updates)[at[0]];
  });
  return work.write(op.getOut(), *out);
}

LogicalResult shardc::interpreter::evaluate(Work &work, CopyOp op) {
  FailureOr<Image> operand = work.read(op.getOperand());
  if (failed(operand))
    return failure();
  Image out = Work::blank(op.getOut());
  forEachPoint(loopsOf(op.getLoops()), 2, [&](ArrayRef<int64_t> at) { out[at[1]] = (*operand)[at[0]]; });
  return work.write(op.getOut(), out);
}

LogicalResult shardc::interpreter::evaluate(Work &work, MaskOp op) {
  FailureOr<Image> operand = work.read(op.getOperand());
  if (failed(operand))
    return failure();
  SmallVector<StringAttr> over = llvm::to_vector(op.getOver().getAsRange<StringAttr>());
  bool isFirst = work.mesh().index(work.getRank(), over) == 0;
  Image out = Work::blank(op.getOut());
  forEachPoint(loopsOf(op.getLoops()), 2,
               [&](ArrayRef<int64_t> at) { out[at[1]] = isFirst ? (*operand)[at[0]] : 0.0; });
  return work.write(op.getOut(), out);
}
