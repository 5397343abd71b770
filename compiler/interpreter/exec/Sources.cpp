//===- Sources.cpp - reference values of positions, random numbers, rope --===//

#include "compiler/interpreter/exec/Machine.h"
#include "compiler/interpreter/exec/Points.h"

#include "dialects/exec/Loops.h"
#include "dialects/nn/RopeScaling.h"

#include <cmath>

using namespace mlir;
using namespace exec;
using namespace shardc::interpreter;

LogicalResult shardc::interpreter::evaluate(Work &work, IotaOp op) {
  Image out = Work::blank(op.getOut());
  int64_t start = work.number(op.getStart());
  forEachPoint(loopsOf(op.getLoops()), 2,
               [&](ArrayRef<int64_t> at) { out[at[0]] = static_cast<double>(start + at[1]); });
  return work.write(op.getOut(), out);
}

LogicalResult shardc::interpreter::evaluate(Work &work, RandomOp op) {
  Image out = Work::blank(op.getOut());
  int64_t start = work.number(op.getStart());
  rt::Key key = work.key(op.getKey());
  double deviation = op.getStd().convertToDouble();
  forEachPoint(loopsOf(op.getLoops()), 2, [&](ArrayRef<int64_t> at) {
    double normal = rt::normal(work.seed(), key, op.getSite(), start + at[1]);
    out[at[0]] = static_cast<float>(deviation * normal); // the numbers themselves are f32
  });
  return work.write(op.getOut(), out);
}

LogicalResult shardc::interpreter::evaluate(Work &work, DropoutOp op) {
  FailureOr<Image> operand = work.read(op.getOperand());
  if (failed(operand))
    return failure();
  Image out = Work::blank(op.getOut());
  rt::Key key = work.key(op.getKey());
  int64_t firstElement = work.number(op.getStart());
  uint64_t firstSample = key.firstSample + work.number(op.getSampleStart());
  double p = op.getP().convertToDouble();
  forEachPoint(loopsOf(op.getLoops()), 4, [&](ArrayRef<int64_t> at) {
    bool kept = rt::uniform(work.seed(), key, op.getSite(), firstSample + at[3], firstElement + at[2]) >= p;
    out[at[1]] = kept ? (*operand)[at[0]] / (1.0 - p) : 0.0;
  });
  return work.write(op.getOut(), out);
}

LogicalResult shardc::interpreter::evaluate(Work &work, RopeOp op) {
  FailureOr<rt::RopeScaling> scaling = nn::readRopeScaling(op, op.getScaling());
  if (failed(scaling))
    return failure();
  FailureOr<Image> operand = work.read(op.getOperand()), positions = work.read(op.getPositions());
  if (failed(operand) || failed(positions))
    return failure();
  Image out = Work::blank(op.getOut());
  int64_t width = op.getDim().getSize(), half = width / 2;
  int64_t fromStride = op.getDim().getStrides()[0], toStride = op.getDim().getStrides()[1];
  rt::RopeFrequencies frequencies = rt::ropeFrequencies(width, op.getTheta().convertToDouble(), *scaling);
  forEachPoint(loopsOf(op.getLoops()), 3, [&](ArrayRef<int64_t> at) {
    for (int64_t pair = 0; pair < half; ++pair) {
      int64_t first = op.getInterleaved() ? 2 * pair : pair,
              second = op.getInterleaved() ? first + 1 : first + half;
      double angle = (*positions)[at[1]] * frequencies.inverse[pair] * (op.getInverse() ? -1 : 1);
      double cosine = frequencies.magnitude * std::cos(angle), sine = frequencies.magnitude * std::sin(angle);
      double x = (*operand)[at[0] + first * fromStride], y = (*operand)[at[0] + second * fromStride];
      out[at[2] + first * toStride] = x * cosine - y * sine;
      out[at[2] + second * toStride] = y * cosine + x * sine;
    }
  });
  return work.write(op.getOut(), out);
}
