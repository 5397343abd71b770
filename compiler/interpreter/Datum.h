//===- Datum.h - a value of the program on every rank ---------------------===//
#pragma once

#include "dialects/nn/Evaluate.h"

namespace shardc::interpreter {

/// A tensor's shards, one a rank; or a random key, which all ranks share; or the fields of a bundle.
struct Datum {
  std::shared_ptr<const std::vector<nn::Shard>> shards; // null unless a tensor
  rt::Key key;
  std::vector<Datum> fields;

  static Datum tensor(std::vector<nn::Shard> shards) {
    return {std::make_shared<const std::vector<nn::Shard>>(std::move(shards)), {}, {}};
  }
  static Datum ofKey(rt::Key key) { return {nullptr, key, {}}; }
  static Datum bundle(std::vector<Datum> fields) { return {nullptr, {}, std::move(fields)}; }

  /// The value of a scalar that is the same on every rank.
  double scalar() const { return shards->front().values->front(); }
};

using Data = std::vector<Datum>;

} // namespace shardc::interpreter
