//===- Work.cpp - parameters of a function of loops ------------------------===//

#include "compiler/codegen/Work.h"

#include <fmt/format.h>

using namespace mlir;

namespace shardc::codegen {

std::string Work::parameter(Value value, bool isWritten) {
  Actual actual = actualOf(value);
  for (Parameter &parameter : list)
    if (parameter.actual.expression == actual.expression) {
      parameter.isWritten |= isWritten;
      return parameter.name;
    }
  std::string name = names.fresh(names.isTaken(actual.name) ? actual.longName : actual.name);
  list.push_back({std::move(actual), name, isWritten});
  return name;
}

std::string rankExpression(exec::RankAttr rank) {
  std::string text;
  for (auto [axis, factor] : llvm::zip(rank.getMesh(), rank.getFactors())) {
    text += text.empty() ? "" : " + ";
    text += fmt::format("context.coordinate(mesh::{})", identifier(axis.getValue()));
    if (factor != 1)
      text += fmt::format(" * {}", factor);
  }
  if (text.empty())
    return std::to_string(rank.getConstant());
  return rank.getConstant() ? fmt::format("{} + {}", text, rank.getConstant()) : text;
}

std::string Work::rank(exec::RankAttr rank) {
  usesContext |= !rank.isConstant();
  return rankExpression(rank);
}

std::string Work::isFirst(ArrayAttr axes) {
  usesContext = true;
  std::string text;
  for (StringAttr axis : axes.getAsRange<StringAttr>())
    text += fmt::format("{}context.coordinate(mesh::{}) == 0", text.empty() ? "" : " && ",
                        identifier(axis.getValue()));
  return text;
}

std::string Work::parameters() const {
  std::string text = usesContext ? "const rt::Context &context" : "";
  for (const Parameter &parameter : list) {
    text += text.empty() ? "" : ", ";
    if (parameter.actual.type == "rt::Key")
      text += "const rt::Key &" + parameter.name;
    else
      text +=
          fmt::format("{}{} *{}", parameter.isWritten ? "" : "const ", parameter.actual.type, parameter.name);
  }
  return text;
}

std::string Work::arguments() const {
  std::string text = usesContext ? "context" : "";
  for (const Parameter &parameter : list)
    text += (text.empty() ? "" : ", ") + parameter.actual.expression;
  return text;
}

} // namespace shardc::codegen
