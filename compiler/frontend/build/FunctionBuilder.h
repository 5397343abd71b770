//===- FunctionBuilder.h - one module's forward as one function -----------===//
//
// Walks the statements, keeps what names mean, writes ops. Functions of the
// library are inlined: each call is a Frame with names of its own.
// Not here: what each builtin does (Builtins*.cpp).
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/frontend/build/Program.h"

namespace shardc::frontend::build {

struct Stop {}; ///< thrown after an error was reported; ends the statement

/// What names mean while a body is read.
struct Frame {
  const Function *function = nullptr;
  Position callSite; ///< of an inlined function
  Frame *caller = nullptr;
  std::map<std::string, std::optional<Term>, std::less<>> locals;    ///< nothing: its statement failed
  std::map<std::string, std::vector<std::string>, std::less<>> axes; ///< axis parameters, expanded
};

/// How a call may be written.
struct Param {
  std::string name;
  bool required = true;
};

class FunctionBuilder {
public:
  /// `caller` says by what names arguments and the result cross the function's edge.
  FunctionBuilder(Program &program, Instance &instance, const Scope &scope, const Scope &caller);

  /// Fills in `instance`: func, bundle, what is contracted. False after reporting errors.
  bool build(llvm::StringRef name);

  //===-- what builtins use ------------------------------------------------===//

  [[noreturn]] void fail(const Position &at, std::string message, std::string note = "");
  /// Reports and lets the caller add notes; throw Stop afterwards.
  Diagnostic &error(const Position &at, std::string message);

  Term evaluate(const Expr &expr, const std::string &name = "");
  /// A tensor whose value is computed; a compile-time value is an error naming `what`.
  TensorPtr tensor(const Expr &expr, const std::string &what);
  TensorPtr asTensor(const Term &term, const Expr &expr, const std::string &what);
  /// A value known at compile time.
  Value config(const Expr &expr, const std::string &what);
  /// A number; null where null is allowed.
  std::optional<double> number(const Expr *expr, const std::string &what, bool orNull = false);
  std::optional<int64_t> count(const Expr *expr, const std::string &what);
  double probability(const Expr &expr, const std::string &what);
  bool flag(const Expr *expr, const std::string &what, bool fallback);
  /// Axes of `over=` and the like, products expanded.
  std::vector<std::string> axes(const Expr &expr);
  /// One axis that is no product.
  std::string singleAxis(const Expr &expr, const std::string &what);
  nn::AxisAttr axisAttr(const std::string &axis, const Position &at);
  /// Fails unless the tensor has each axis and a product is there whole.
  void requireAxes(const Tensor &tensor, const std::vector<std::string> &axes, const Expr &at,
                   const std::string &what);
  /// Fails if an axis of the tensor is padded: for what counts elements, or cuts the axis.
  void refusePadded(const nn::NamedTensorType &type, const Position &at, const std::string &what);
  /// `x` with `neutral` where an axis of `over` is only padding: its gradient is zero there.
  TensorPtr withoutPadding(TensorPtr x, llvm::ArrayRef<std::string> over, double neutral);
  /// `x` with 1 wherever it is only padding. For what is not finite, or has no finite slope, somewhere: what
  /// padding would come to is masked later, but zero times its slope must be zero.
  Term withHarmlessPadding(const Term &x);
  void refuseBatch(const std::vector<std::string> &axes, const Expr &at, const std::string &what);
  /// Of each product, `folded` has all parts that `tensors` have, or none.
  void requireWholeProducts(const std::vector<std::string> &folded, llvm::ArrayRef<TensorPtr> tensors,
                            const Position &at, const std::string &what);

  /// Arguments in the order of `params`; null where one is left out.
  std::vector<const Expr *> bind(const Expr &call, const std::vector<Param> &params);

  /// `scalar` of terms that broadcast, at least one of them a tensor. `element` is the operands' type.
  Term mapped(const Expr &at, llvm::ArrayRef<Term> terms, mlir::Type element, mlir::Type result,
              ScalarFn scalar, const std::string &name);
  /// The tensor's elements as `element`.
  TensorPtr cast(TensorPtr tensor, mlir::Type element);
  /// f32 if any term is a float or a number that is not whole, else i32.
  mlir::Type commonElement(const Expr &at, llvm::ArrayRef<Term> terms);

  /// `scalar` of tensors that broadcast, whose element types are those that it takes.
  Term mapTensors(const Expr &at, std::vector<TensorPtr> operands, mlir::Type result, ScalarFn scalar,
                  const std::string &name);
  Term contraction(const Expr &at, const TensorPtr &a, const TensorPtr &b,
                   const std::vector<std::string> &over, const std::string &name);

  Term result(mlir::Value value);
  /// A value that holds the same numbers as `of`: still a weight if that is one.
  Term view(mlir::Value value, const Tensor &of);
  /// The tensor with its axes called as in `names`.
  TensorPtr inNamesOf(const Scope &names, TensorPtr tensor);
  void markContracted(const Tensor &tensor);
  mlir::Value key();
  int nextSite() { return sites++; }
  mlir::Location loc(const Position &at, llvm::StringRef name);
  mlir::Value valueOf(Tensor &tensor) { return materialise(builder, tensor); }
  mlir::StringAttr str(llvm::StringRef text) { return builder.getStringAttr(text); }
  mlir::ArrayAttr strs(const std::vector<std::string> &texts);
  const Scope &config() const { return scope; }
  std::map<std::vector<std::string>, mlir::Value> positions; ///< each written once

  mlir::OpBuilder builder;
  Program &program;

private:
  void checkNames();
  void addArguments(Frame &body);
  void addWeights();
  void bindWeights();
  mlir::BlockArgument addArgument(mlir::Type type, llvm::StringRef name, const Position &at);
  void finish(const Tensor &result);
  void checkLoss(const Tensor &loss, const Expr &at);
  void checkChildrenCalled();

  Term runBody(Frame &body, const std::string &name);
  void assign(const Statement &statement, Term term);
  void define(const Name &name, Term term);

  Term evaluateName(const Expr &expr);
  Term evaluateNegate(const Expr &expr, const std::string &name);
  Term evaluateBinary(const Expr &expr, const std::string &name);
  Term evaluateLogic(const Expr &expr);
  Term arithmetic(const Expr &expr, Term left, Term right, const std::string &name);
  Term power(const Expr &expr, const Term &left, const Term &right, const std::string &name);
  Term matmul(const Expr &expr, const Term &left, const Term &right, const std::string &name);
  Term evaluateCall(const Expr &expr, const std::string &name);
  [[noreturn]] void unknownCall(const Expr &expr);

  Term callFunction(const Function &function, const Expr &call, const std::string &name);
  Term callChild(const ChildSpec &child, const Expr &call, const std::string &name);
  TensorPtr callOnce(const ChildSpec &child, std::optional<int64_t> layer, const ModuleSpec &module,
                     const std::vector<TensorPtr> &arguments, const Expr &call, const std::string &name);
  mlir::Value bundleFor(const ChildSpec &child, std::optional<int64_t> layer, Instance &callee,
                        const Position &at);

  const Scope scope, caller;
  Instance &instance;
  const bool isMain;
  Frame *frame = nullptr;
  std::map<std::string, unsigned, std::less<>> fieldIndex;
  std::vector<mlir::Value> fieldValues;
  std::map<std::string, Term, std::less<>> weights; ///< own ones by name; absent ones are 0
  std::map<std::string, mlir::Value> layerBundles;  ///< of main, by path
  llvm::DenseMap<mlir::Value, mlir::NamedAttrList> argumentAttrs;
  std::set<const ChildSpec *> called;
  mlir::Value keyArgument;
  int sites = 0;
};

/// The builtin called `name`, or null.
using Builtin = Term (*)(FunctionBuilder &, const Expr &call, const std::string &name);
Builtin findBuiltin(llvm::StringRef name);
/// Names of all builtins.
std::vector<std::string> builtinNames();
/// Functions that the language keeps for later.
bool isReservedFunction(llvm::StringRef name);

} // namespace shardc::frontend::build
