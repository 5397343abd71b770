//===- Distribute.h - between one tensor and what each rank holds ---------===//
//
//   scatter       a whole tensor   ->  a shard for each rank
//   gather        the shards       ->  the whole tensor; checks that replicas agree, sums partials
//   redistribute  shards by one type -> shards by another: what a reshard means, by value
//
// Bundles go field by field.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/interpreter/Datum.h"
#include "compiler/interpreter/Mesh.h"

#include "mlir/IR/BuiltinTypes.h"

namespace shardc::interpreter {

/// `global` is a value of one rank. Of a partial type, the first rank along its mesh axes holds the value and
/// the others the neutral element.
Datum scatter(const Mesh &mesh, const Datum &global, mlir::Type type);

/// Two ranks that should hold the same value and do not.
struct Disagreement {
  int64_t rank, other;
  std::string index; // in the whole tensor
  double value, otherValue;

  std::string str() const;
};

/// Bit for bit: ranks that `type` gives the same part of the same summand must hold the same values.
std::optional<Disagreement> findDisagreement(const Mesh &mesh, const std::vector<nn::Shard> &shards,
                                             nn::NamedTensorType type);

/// A value of one rank; replicas are not compared here.
Datum gather(const Mesh &mesh, const Datum &datum, mlir::Type type);

/// Mesh axes that only `from` is partial over are summed, those that only `to` is partial over keep the value
/// on their first rank.
std::vector<nn::Shard> redistribute(const Mesh &mesh, const std::vector<nn::Shard> &shards,
                                    nn::NamedTensorType from, nn::NamedTensorType to);

} // namespace shardc::interpreter
