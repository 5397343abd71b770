//===- Builtins.h - the functions of the language -------------------------===//
//
// Each takes the call as written and the name that its result shall have
// (empty: its own choice).
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/frontend/build/FunctionBuilder.h"

namespace shardc::frontend::build {

// BuiltinsMath.cpp
Term buildUnary(FunctionBuilder &b, const Expr &call, const std::string &name);
Term buildMaximum(FunctionBuilder &b, const Expr &call, const std::string &name);
Term buildWhere(FunctionBuilder &b, const Expr &call, const std::string &name);
Term buildSum(FunctionBuilder &b, const Expr &call, const std::string &name);
Term buildMean(FunctionBuilder &b, const Expr &call, const std::string &name);
Term buildMax(FunctionBuilder &b, const Expr &call, const std::string &name);
Term buildContract(FunctionBuilder &b, const Expr &call, const std::string &name);
Term buildDetach(FunctionBuilder &b, const Expr &call, const std::string &name);

// BuiltinsAxes.cpp
Term buildRename(FunctionBuilder &b, const Expr &call, const std::string &name);
Term buildSplit(FunctionBuilder &b, const Expr &call, const std::string &name);
Term buildMerge(FunctionBuilder &b, const Expr &call, const std::string &name);
Term buildSlice(FunctionBuilder &b, const Expr &call, const std::string &name);
Term buildConcat(FunctionBuilder &b, const Expr &call, const std::string &name);
Term buildUnstack(FunctionBuilder &b, const Expr &call, const std::string &name);

// BuiltinsModel.cpp
Term buildGather(FunctionBuilder &b, const Expr &call, const std::string &name);
Term buildPositions(FunctionBuilder &b, const Expr &call, const std::string &name);
Term buildRope(FunctionBuilder &b, const Expr &call, const std::string &name);
Term buildAttention(FunctionBuilder &b, const Expr &call, const std::string &name);
Term buildDropout(FunctionBuilder &b, const Expr &call, const std::string &name);

/// HF's `rope_scaling` map, checked and with its defaults; null for none. Fails at `at`.
mlir::DictionaryAttr ropeScaling(FunctionBuilder &b, const Expr &at);

/// `name`, or `fallback` where it is empty.
inline const std::string &nameOr(const std::string &name, const std::string &fallback) {
  return name.empty() ? fallback : name;
}

} // namespace shardc::frontend::build
