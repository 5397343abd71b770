//===- Functions.cpp - exec.func as a C++ function -------------------------===//

#include "compiler/codegen/Functions.h"
#include "dialects/exec/Loops.h"

#include "llvm/ADT/TypeSwitch.h"
#include <fmt/format.h>

using namespace mlir;

namespace shardc::codegen {

FunctionPrinter::FunctionPrinter(ModuleFile &file, Program &program, exec::FuncOp func)
    : file(file), shared(file.shared), program(program), func(func),
      names({"context", "frame", "stream", "at"}) {
  func.walk(
      [&](exec::CallOp call) { names.reserve(identifier(shared.programs.nameOf(program.calleeOf(call)))); });
  body.indent();
}

LogicalResult FunctionPrinter::print() {
  signature();
  if (failed(block(func.getBody().front())))
    return failure();
  file.definitions.append(head.str());
  file.definitions.append(body.str());
  file.definitions.line("}");
  file.definitions.blank();
  return success();
}

//===-- values -------------------------------------------------------------===//

const std::string &FunctionPrinter::expression(Value value) const {
  return expressions.find(value)->second;
}

std::string FunctionPrinter::wanted(Value value, llvm::StringRef otherwise) const {
  Location loc = value.getLoc();
  if (auto argument = dyn_cast<BlockArgument>(value))
    loc = argument.getLoc();
  llvm::StringRef name = exec::nameOf(loc);
  if (!name.empty())
    return identifier(name);
  return otherwise.empty() ? "t" : identifier(otherwise);
}

std::string FunctionPrinter::shortName(Value value) const {
  llvm::StringRef text = expression(value);
  text.consume_front("&");
  return text.rsplit('.').second.empty() ? text.str() : text.rsplit('.').second.str();
}

Actual FunctionPrinter::actual(Value value) const {
  std::string type = isa<exec::KeyType>(value.getType())
                         ? "rt::Key"
                         : cppType(cast<exec::BufferType>(value.getType()).getElementType());
  std::string longName = expression(value);
  std::replace(longName.begin(), longName.end(), '.', '_');
  return {expression(value), shortName(value), type, identifier(longName)};
}

void FunctionPrinter::define(Value value, const std::string &declaration, const std::string &initial,
                             llvm::StringRef otherwise) {
  std::string name = names.fresh(wanted(value, otherwise)), comment;
  if (auto buffer = dyn_cast<exec::BufferType>(value.getType()))
    comment = shapeOf(buffer);
  const char *gap = declaration.back() == '*' ? "" : " ";
  const char *equals = initial.front() == '{' ? "" : " = ";
  body.line(fmt::format("{}{}{}{}{};", declaration, gap, name, equals, initial), comment);
  expressions[value] = name;
}

//===-- statements ---------------------------------------------------------===//

void FunctionPrinter::signature() {
  // The runtime calls entries, which choose the stream.
  std::string parameters = (func.getEntry() ? "" : shared.target.leadParameter) + "rt::Context &context",
              shapes;
  for (BlockArgument argument : func.getBody().getArguments()) {
    std::string name = names.fresh(wanted(argument, "argument")), type;
    expressions[argument] = name;
    if (auto bundle = dyn_cast<exec::StructType>(argument.getType())) {
      type = "const " + shared.bundles.nameOf(bundle) + " &";
    } else if (isa<exec::KeyType>(argument.getType())) {
      type = "const rt::Key &";
    } else {
      auto buffer = cast<exec::BufferType>(argument.getType());
      type = cppType(buffer.getElementType()) + " *";
      if (program.isConstant(func, argument.getArgNumber())) {
        type = "const " + type;
        constants.insert(argument);
      }
      shapes += fmt::format("{}{}: {}", shapes.empty() ? "" : ", ", name, shapeOf(buffer));
    }
    parameters += ", " + type + name;
  }
  int64_t frame = func.getFrame().value_or(0);
  if (frame > 0 && !func.getEntry())
    parameters += ", std::byte *frame";
  // A stage's entries stand in its namespace.
  std::string name = func.getEntry() ? func.getSymName().str() : shared.programs.nameOf(func);
  std::string declaration = fmt::format("void {}({})", identifier(name), parameters);

  std::string place = placeOf(func.getLoc());
  Text &out = file.declarations;
  out.line(fmt::format("/// {}{}frame of {} bytes.", place, place.empty() ? "" : "; ", withCommas(frame)));
  if (!shapes.empty())
    out.line("/// " + shapes);
  out.line(declaration + ";");
  out.blank();
  head.line(declaration + " {", place);
  if (!func.getEntry())
    return;
  if (!shared.target.leadParameter.empty())
    body.line("Stream stream = nullptr;");
  if (func.getSymName() == "init" && shared.target.hasLoops)
    body.line("prepare(sumScratchBytes);");
  if (frame > 0) {
    auto base = program.module->getAttrOfType<IntegerAttr>(exec::frameBaseAttrName);
    body.line(fmt::format("std::byte *frame = context.arena + {};", base ? base.getInt() : 0));
  }
}

LogicalResult FunctionPrinter::block(Block &block) {
  for (Operation &op : block.without_terminator())
    if (failed(statement(&op)))
      return failure();
  return success();
}

/// It only writes constants.
static bool isFill(exec::KernelOp kernel) {
  return kernel.getInputs().empty();
}

/// A kernel's own name, or "fill_embed": all buffers of that shape share it.
static std::string nameOf(exec::KernelOp kernel) {
  if (!isFill(kernel))
    return kernel.getName().str();
  std::string name = "fill";
  for (exec::LoopAttr loop : exec::loopsOf(kernel.getLoops()))
    for (StringAttr axis : loop.getNames())
      name += "_" + axis.str();
  return name;
}

LogicalResult FunctionPrinter::statement(Operation *op) {
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case<exec::BufferOp, exec::AddressOp, exec::ViewOp, exec::FieldOp, exec::PackOp, exec::InputOp,
            exec::KeyOp, exec::ChildKeyOp>([&](auto pointerOp) {
        pointer(pointerOp);
        return success();
      })
      .Case<exec::CallOp, exec::LoopOp, exec::GemmOp, exec::AttentionOp, exec::AttentionBackwardOp,
            exec::CollectiveOp, exec::WaitOp, exec::SendOp, exec::ReceiveOp, pipes::BeginOp, exec::PauseOp,
            exec::RopeOp>([&](auto callOp) { return call(callOp); })
      .Case<exec::GatherOp, exec::ScatterAddOp, exec::IotaOp, exec::RandomOp, exec::DropoutOp, exec::CopyOp,
            exec::MaskOp>([&](auto loops) {
        std::string name = loops->getName().stripDialect().str() + "_" + shortName(loops.getOut());
        return work(op, name, [&](Work &work) { return printLoops(loops, work); });
      })
      .Case([&](exec::KernelOp kernel) {
        return work(op, nameOf(kernel), [&](Work &work) { return printLoops(kernel, work); });
      })
      .Default([](Operation *op) { return op->emitOpError("has no C++ form"); });
}

LogicalResult FunctionPrinter::work(Operation *op, llvm::StringRef name,
                                    llvm::function_ref<LogicalResult(Work &)> print) {
  auto actualOf = [&](Value value) {
    Actual result = actual(value);
    if (auto kernel = dyn_cast<exec::KernelOp>(op); kernel && isFill(kernel))
      result.name = result.longName = "to"; // whatever it is called, the text is the same
    return result;
  };
  Work work(actualOf);
  if (failed(print(work)))
    return failure();
  shared.scratchBytes = std::max(shared.scratchBytes, work.scratchBytes);
  std::string called = file.addWork(name, work, placeOf(op->getLoc()), names);
  enterAndCall(op, called, fmt::format("{}({}{})", called, shared.target.leadArgument, work.arguments()));
  return success();
}

void FunctionPrinter::enterAndCall(Operation *op, const std::string &what, const std::string &text) {
  std::string place = placeOf(op->getLoc());
  int64_t id = shared.operations.add(shared.programs.nameOf(func) + ": " + what, place);
  body.line(fmt::format("context.enter({}), {};", id, text), place);
}

LogicalResult FunctionPrinter::call(exec::PauseOp op) {
  enterAndCall(op, "pause", fmt::format("context.pause({})", op.getCost().convertToDouble()));
  return success();
}

LogicalResult FunctionPrinter::call(exec::CallOp op) {
  return op.getToken() ? success() : callFunction(op);
}

LogicalResult FunctionPrinter::callFunction(exec::CallOp op) {
  exec::FuncOp callee = program.calleeOf(op);
  std::string arguments = shared.target.leadArgument + "context";
  for (Value operand : op.getOperands())
    arguments += ", " + expression(operand);
  if (callee.getFrame().value_or(0) > 0)
    arguments += fmt::format(", frame + {}", op.getFrame().value_or(0));
  file.includes.insert(shared.fileOf(callee));
  body.line(fmt::format("{}({});", identifier(shared.programs.nameOf(callee)), arguments),
            placeOf(op.getLoc()));
  return success();
}

LogicalResult FunctionPrinter::call(exec::LoopOp op) {
  BlockArgument trip = op.getBody().getArgument(0);
  std::string name = names.fresh(wanted(trip, "trip"));
  expressions[trip] = "&" + name;
  body.open(fmt::format("for (int64_t {0} = 0; {0} < {1}; ++{0})", name, op.getTrips()),
            placeOf(op.getLoc()));
  if (failed(block(op.getBody().front())))
    return failure();
  body.close();
  return success();
}

//===-- pointers -----------------------------------------------------------===//

void FunctionPrinter::begin(Value result, const std::string &memory, int64_t offset,
                            llvm::StringRef otherwise) {
  if (auto bundle = dyn_cast<exec::StructType>(result.getType())) {
    const std::string &type = shared.bundles.nameOf(bundle);
    return define(result, "const " + type, fmt::format("{}::at({}, {})", type, memory, offset), otherwise);
  }
  std::string type = cppType(cast<exec::BufferType>(result.getType()).getElementType());
  define(result, type + " *", fmt::format("at<{}>({}, {})", type, memory, offset), otherwise);
}

void FunctionPrinter::pointer(exec::BufferOp op) {
  begin(op.getResult(), "frame", op.getOffset().value_or(0),
        isa<exec::StructType>(op.getType()) ? "bundle" : "buffer");
}

void FunctionPrinter::pointer(exec::AddressOp op) {
  auto global = program.symbols.lookup<exec::GlobalOp>(op.getGlobal());
  // Without a name of its own: weights of h.0 are h_0, gradients d_h_0, a scalar by its name.
  auto [kind, name] = op.getGlobal().split('.');
  std::string fallback = kind == "gradients" ? "d_" + name.str()
                         : kind.size() == 1  ? op.getGlobal().str()
                                             : name.str();
  begin(op.getResult(), "context.arena", global.getOffset().value_or(0), fallback.empty() ? kind : fallback);
}

void FunctionPrinter::pointer(exec::ViewOp op) {
  if (op.getStart().isZero()) {
    std::string whole = expression(op.getOperand()); // a copy: the map may grow
    expressions[op.getResult()] = std::move(whole);
    if (constants.contains(op.getOperand()))
      constants.insert(op.getResult());
    return;
  }
  bool isConstant = constants.contains(op.getOperand());
  std::string type = (isConstant ? "const " : "") + cppType(op.getType().getElementType()) + " *";
  if (isConstant)
    constants.insert(op.getResult());
  define(op.getResult(), type, expression(op.getOperand()) + " + " + rankExpression(op.getStart()),
         shortName(op.getOperand()) + "_part");
}

void FunctionPrinter::pointer(exec::FieldOp op) {
  auto bundle = cast<exec::StructType>(op.getOperand().getType());
  expressions[op.getResult()] =
      expression(op.getOperand()) + "." + shared.bundles.field(bundle, bundle.indexOf(op.getFieldAttr()));
}

void FunctionPrinter::pointer(exec::PackOp op) {
  auto type = cast<exec::StructType>(op.getResult().getType());
  std::string initial;
  for (auto [index, operand] : llvm::enumerate(op.getOperands()))
    initial += fmt::format("{}.{} = {}", initial.empty() ? "{" : ", ", shared.bundles.field(type, index),
                           expression(operand));
  define(op.getResult(), "const " + shared.bundles.nameOf(type), initial.empty() ? "{}" : initial + "}",
         type.getName().getValue());
}

void FunctionPrinter::pointer(exec::InputOp op) {
  auto all = cast<exec::BufferType>(op.getOperand().getType());
  int64_t slot = all.getAxes().front().getStride();
  std::string type = cppType(all.getElementType()) + " *";
  if (!program.isTakenUp(op.getResult())) {
    type = "const " + type;
    constants.insert(op.getResult());
  }
  define(op.getResult(), type,
         fmt::format("{} + ({}[0] - {}[0]) / {} * {}", expression(op.getOperand()), expression(op.getFirst()),
                     expression(op.getSince()), op.getSamples(), slot),
         "input");
}

void FunctionPrinter::pointer(exec::KeyOp op) {
  define(op.getKey(), "const rt::Key",
         fmt::format("{{.step = uint32_t({}[0]), .firstSample = uint64_t({}[0])}}", expression(op.getStep()),
                     expression(op.getFirstSample())),
         "key");
}

void FunctionPrinter::pointer(exec::ChildKeyOp op) {
  define(op.getKey(), "const rt::Key",
         fmt::format("rt::child({}, {})", expression(op.getParent()), op.getSite()), "key");
}

} // namespace shardc::codegen
