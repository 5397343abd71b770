//===- Term.h - what an expression of a body comes to ---------------------===//
//
// A value known at compile time, a tensor, or several of either. A tensor may
// be a scalar function of others that no op computes yet: such chains grow
// within one expression and become a single nn.map when they are materialised.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/frontend/ConfigEval.h"

#include "dialects/nn/Nn.h"

#include "mlir/IR/Builders.h"

#include <functional>

namespace shardc::frontend::build {

/// Writes one element of a result from one element of each operand, in the region of a map.
using ScalarFn = std::function<mlir::Value(mlir::OpBuilder &, mlir::Location, llvm::ArrayRef<mlir::Value>)>;

struct Tensor;
using TensorPtr = std::shared_ptr<Tensor>;

struct Tensor {
  nn::NamedTensorType type;
  std::string name; ///< what its value is called in dumps
  mlir::Location loc;
  mlir::Value value;               ///< null while it is only `scalar` of `operands`
  std::vector<TensorPtr> operands; ///< constants among them have neither value nor operands
  ScalarFn scalar;
  bool isWeight = false;                 ///< a weight, or made of weights alone
  llvm::SmallVector<unsigned, 2> fields; ///< weights (by field) and ...
  llvm::SmallVector<unsigned, 2> params; ///< arguments that it is a view or a scalar function of

  bool isConstant() const { return !value && operands.empty(); }
};

struct Term {
  enum class Kind { Config, Tensor, Tuple };

  Kind kind = Kind::Config;
  Value config;
  std::string absent; ///< the absent weight that reads as 0, for errors
  TensorPtr tensor;
  std::vector<Term> parts;

  static Term of(Value value) { return {.config = std::move(value)}; }
  static Term of(double number) { return of(Value::ofNumber(number)); }
  static Term of(TensorPtr tensor) { return {.kind = Kind::Tensor, .tensor = std::move(tensor)}; }

  bool isConfig() const { return kind == Kind::Config; }
  bool isTensor() const { return kind == Kind::Tensor; }
  bool isNumber() const { return isConfig() && config.isNumber(); }
  /// `f32[batch=8, embed=16]`, `0.5`, `3 tensors`: how errors name it.
  std::string describe() const;
};

/// A scalar constant of an element type, as an operand of a map.
TensorPtr constant(double number, mlir::Type element, mlir::Location loc);

/// Makes sure that an op computes the tensor.
mlir::Value materialise(mlir::OpBuilder &builder, Tensor &tensor);

/// `scalar` of tensors whose broadcast is `type`. Operands over fewer axes are computed first, so that no
/// element of theirs is computed twice.
TensorPtr elementwise(mlir::OpBuilder &builder, nn::NamedTensorType type, std::vector<TensorPtr> operands,
                      ScalarFn scalar, std::string name, mlir::Location loc);

/// Broadcast by name: of two tensors that share an axis one has all the other's. Null when two do not fit,
/// which are then `first` and `second`.
nn::NamedTensorType broadcast(llvm::ArrayRef<nn::NamedTensorType> types, mlir::Type element, size_t &first,
                              size_t &second);

} // namespace shardc::frontend::build
