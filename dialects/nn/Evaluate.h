//===- Evaluate.h - reference values in f64 -------------------------------===//
//
// A Shard is what one rank holds of a tensor: its axes with their local extent and where it starts globally,
// and the values, row-major in the type's axis order. EvaluateContext is what an op may ask besides its
// operands. Integers are held as f64 too: exact up to 2^53.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/kernels/Philox.h"

#include "dialects/nn/NnTypes.h"

#include <memory>
#include <vector>

namespace nn {

/// One axis of a shard: the elements [start, start + count) of `size`.
struct ShardAxis {
  mlir::StringAttr name;
  int64_t size = 0, start = 0, count = 0;

  bool operator==(const ShardAxis &) const = default;
};

/// Values are never written once they are set, so that shards may share them.
using Values = std::shared_ptr<const std::vector<double>>;

struct Shard {
  llvm::SmallVector<ShardAxis> axes; // in the order of the type
  Values values;

  int64_t numElements() const; // local
  const ShardAxis *find(mlir::StringAttr name) const;
  void set(std::vector<double> newValues) {
    values = std::make_shared<const std::vector<double>>(std::move(newValues));
  }
};

/// What an op's reference value may depend on besides its operands: who evaluates, and the random seed.
class EvaluateContext {
public:
  virtual ~EvaluateContext() = default;
  /// Where this rank's shard of a tensor of `type` lies, without values.
  virtual Shard shardFor(NamedTensorType type) = 0;
  virtual uint64_t seed() const = 0;
  /// The value of a random key operand.
  virtual shardc::rt::Key keyOf(mlir::Value key) = 0;
  /// Global value of an input batch: `name`, sample number and index within the sample.
  virtual double inputValue(llvm::StringRef name, int64_t sample, int64_t index) = 0;
};

} // namespace nn
