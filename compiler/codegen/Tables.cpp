//===- Tables.cpp - the constants that the runtime is handed ---------------===//

#include "compiler/codegen/Tables.h"
#include "dialects/nn/Nn.h"

#include <fmt/format.h>

using namespace mlir;

namespace shardc::codegen {
namespace {

std::string meshAxes(llvm::ArrayRef<std::string> axes) {
  std::string text;
  for (const std::string &axis : axes)
    text += (text.empty() ? "mesh::" : ", mesh::") + identifier(axis);
  return "{" + text + "}";
}

std::string axisText(const BlockAxis &axis) {
  return fmt::format("{{{}, {}, {}, {}, {}, {}}}", axis.size, axis.fileSize, axis.fileStride,
                     axis.localStride, axis.localCount, meshAxes(axis.mesh));
}

std::string blockText(const Block &block) {
  if (block.offset < 0)
    return "{}";
  std::string axes;
  for (const BlockAxis &axis : block.axes)
    axes += (axes.empty() ? "" : ", ") + axisText(axis);
  return fmt::format("{{{}, {{{}}}}}", block.offset, axes);
}

std::string cStrings(llvm::ArrayRef<std::string> texts) {
  std::string list;
  for (const std::string &text : texts)
    list += (list.empty() ? "" : ", ") + cString(text);
  return list;
}

class TablesPrinter {
public:
  explicit TablesPrinter(Shared &shared) : shared(shared) {}
  FailureOr<std::string> print();

private:
  /// What only one stage's program has.
  struct Tables {
    Program &program;
    std::string front; ///< of their names: "stage_1::"
    bool hasParameters = false, hasStates = false, hasInputs = false;
  };

  void mesh();
  LogicalResult tables(Program &program);
  LogicalResult parameters(Tables &tables);
  LogicalResult inputs(Tables &tables);
  LogicalResult input(exec::GlobalOp global);
  void losses(Program &program);
  void operations();
  void recipe();
  void programs();
  void members(const Tables &tables);
  std::string identity();
  std::string pipeline();
  /// The only global of this kind as rt::Scalar, "{}" where there is none.
  std::string scalar(Program &program, llvm::StringRef kind);

  Shared &shared;
  Text out;
  std::vector<Tables> all;
};

//===-- mesh, parameters, inputs -------------------------------------------===//

void TablesPrinter::mesh() {
  std::string axes, groups;
  if (shared.mesh)
    for (auto [name, size] : llvm::zip(shared.mesh.getNames(), shared.mesh.getSizes()))
      axes += fmt::format("{}{{{}, {}}}", axes.empty() ? "" : ", ", cString(name.getValue()), size);
  if (!axes.empty())
    out.line(fmt::format("static constexpr rt::MeshAxis meshAxes[] = {{{}}};", axes));
  for (auto &[key, name] : shared.groups) {
    llvm::SmallVector<std::string> members;
    for (StringAttr axis : key.getAsRange<StringAttr>())
      members.push_back(axis.str());
    groups += fmt::format("{}{{{}, {}}}", groups.empty() ? "" : ", ", cString(name), meshAxes(members));
  }
  if (!groups.empty())
    out.line(fmt::format("static constexpr rt::GroupSpec groupSpecs[] = {{{}}};", groups));
  out.blank();
}

LogicalResult TablesPrinter::tables(Program &program) {
  const bool isStage = !program.space.empty();
  Tables &own = all.emplace_back(Tables{program, isStage ? program.space + "::" : ""});
  if (isStage) {
    out.line("namespace " + program.space + " {");
    out.blank();
  }
  if (failed(parameters(own)) || failed(inputs(own)))
    return failure();
  if (isStage) {
    losses(program);
    out.blank();
    out.line("} // namespace " + program.space);
    out.blank();
  }
  return success();
}

LogicalResult TablesPrinter::parameters(Tables &tables) {
  FailureOr<std::vector<Parameter>> list = parametersOf(tables.program);
  if (failed(list))
    return failure();
  tables.hasParameters = !list->empty();
  if (!tables.hasParameters)
    return success();
  out.line(
      "// Axes: size, size in the file, stride in the file, stride and count in a rank's block, placed on.");
  out.open("static constexpr rt::Parameter parameters[] =");
  for (const Parameter &parameter : *list) {
    std::string shape;
    for (int64_t size : parameter.fileShape)
      shape += (shape.empty() ? "" : ", ") + std::to_string(size);
    out.line(fmt::format("{{.name = {}, .fileShape = {{{}}},", cString(parameter.name), shape));
    if (!parameter.aliases.empty())
      out.line(fmt::format(" .aliases = {{{}}},", cStrings(parameter.aliases)));
    if (parameter.isCopy)
      out.line(" .isCopy = true,");
    out.line(fmt::format(" .weight = {},", blockText(parameter.weight)));
    out.line(fmt::format(" .gradient = {},", blockText(parameter.gradient)));
    if (parameter.states.empty())
      out.line(" .states = {}},");
    for (auto [index, state] : llvm::enumerate(parameter.states)) {
      bool isLast = index + 1 == parameter.states.size();
      out.line((index == 0 ? " .states = {" : "            ") + blockText(state) + (isLast ? "}}," : ","));
    }
  }
  out.close(";");
  std::string states;
  for (const std::string &name : statesOf(tables.program))
    states += fmt::format("{}{{{}, {}}}", states.empty() ? "" : ", ", cString(name), name == nn::stateEma);
  tables.hasStates = !states.empty();
  if (tables.hasStates)
    out.line(fmt::format("static constexpr rt::State states[] = {{{}}};", states), "whether it is saved");
  out.blank();
  return success();
}

/// `inputs` is [slot, batch, seq] in this rank's sizes; its placed type has global ones.
LogicalResult TablesPrinter::input(exec::GlobalOp global) {
  llvm::StringRef name = global.getSymName();
  name.consume_front("inputs.");
  if (name != "tokens" && name != "labels")
    return global.emitOpError() << "is input '" << name << "'; a trainer reads tokens and labels";
  auto buffer = dyn_cast<exec::BufferType>(global.getType());
  auto placed = global->getAttrOfType<TypeAttr>("exec.placed");
  auto type = placed ? dyn_cast<nn::NamedTensorType>(placed.getValue()) : nn::NamedTensorType();
  if (!buffer || !type || !buffer.getElementType().isInteger(32))
    return global.emitOpError("of an input must be an i32 buffer with exec.placed");
  auto named = [&](const char *axis) { return StringAttr::get(global.getContext(), axis); };
  auto axis = [&](const char *axisName) -> FailureOr<std::string> {
    nn::AxisAttr whole = type.find(named(axisName));
    exec::AxisAttr local = buffer.find(named(axisName));
    if (!whole || !local)
      return global.emitOpError() << "lacks the axis '" << axisName << "'", failure();
    BlockAxis result{axisName, whole.getSize(), 0, 0, local.getStride(), local.getSize(), {}};
    for (StringAttr mesh : whole.getMesh())
      result.mesh.push_back(mesh.str());
    return axisText(result);
  };
  FailureOr<std::string> batch = axis("batch"), seq = axis("seq");
  exec::AxisAttr slot = buffer.find(named("slot"));
  if (failed(batch) || failed(seq))
    return failure();
  out.line(fmt::format(
      "{{.kind = rt::Input::{}, .offset = {}, .microbatchStride = {}, .batch = {}, .seq = {}}},", name.str(),
      global.getOffset().value_or(0), slot ? slot.getStride() : buffer.getNumElements(), *batch, *seq));
  return success();
}

LogicalResult TablesPrinter::inputs(Tables &tables) {
  auto globals = tables.program.module.getOps<exec::GlobalOp>();
  tables.hasInputs = llvm::any_of(globals, [](exec::GlobalOp g) { return g.getKind() == "input"; });
  if (!tables.hasInputs)
    return success();
  out.open("static constexpr rt::Input inputs[] =");
  for (exec::GlobalOp global : globals)
    if (global.getKind() == "input" && failed(input(global)))
      return failure();
  out.close(";");
  out.blank();
  return success();
}

//===-- recipe, operations, program ----------------------------------------===//

void TablesPrinter::operations() {
  out.line("// What the status page calls an operation, by its number.");
  out.open("static constexpr rt::Operation operations[] =");
  for (auto [id, row] : llvm::enumerate(shared.operations.all()))
    out.line(fmt::format("{{{}, {}, {}}},", id, cString(row.name), cString(row.place)));
  out.close(";");
  out.blank();
}

void TablesPrinter::recipe() {
  const Recipe &r = shared.recipe;
  out.open("static constexpr rt::Recipe recipe =");
  auto number = [&](const char *name, int64_t value) { out.line(fmt::format(".{} = {},", name, value)); };
  number("steps", r.steps);
  number("globalBatch", r.globalBatch);
  number("microbatches", r.microbatches);
  number("seqLen", r.seqLen);
  number("vocab", r.vocab);
  out.line(".seed = seed,");
  out.line(fmt::format(".data = {},", cString(r.data)));
  out.line(fmt::format(".tokenizer = {},", cString(r.tokenizer)));
  number("evalEvery", r.evalEvery);
  number("evalBatches", r.evalBatches);
  number("checkpointEvery", r.checkpointEvery);
  number("checkpointKeep", r.checkpointKeep);
  out.close(";");
  out.blank();
}

std::string TablesPrinter::identity() {
  const Recipe &r = shared.recipe;
  std::string text = fmt::format("world {}", shared.mesh ? shared.mesh.getNumRanks() : 1);
  if (shared.mesh)
    for (auto [index, name, size] : llvm::enumerate(shared.mesh.getNames(), shared.mesh.getSizes()))
      text += fmt::format("{}{} {}", index ? " x " : " = ", name.str(), size);
  return fmt::format("{}; global batch {} sequences = {} tokens", text, withCommas(r.globalBatch),
                     withCommas(r.globalBatch * r.seqLen));
}

std::string TablesPrinter::scalar(Program &program, llvm::StringRef kind) {
  for (auto global : program.module.getOps<exec::GlobalOp>())
    if (auto buffer = dyn_cast<exec::BufferType>(global.getType()); buffer && global.getKind() == kind) {
      Type type = buffer.getElementType();
      return fmt::format("{{{}, rt::Type::{}}}", global.getOffset().value_or(0),
                         type.isF32()         ? "f32"
                         : type.isInteger(32) ? "i32"
                                              : "i64");
    }
  return "{}";
}

void TablesPrinter::losses(Program &program) {
  out.line(fmt::format("static constexpr rt::Loss losses[] = {{{{\"loss\", {}, {}}}}};",
                       scalar(program, "loss"), scalar(program, "count")));
}

std::string TablesPrinter::pipeline() {
  const Programs &programs = shared.programs;
  std::string more;
  if (const auto chunks = programs.chunksPerStage(); chunks > 1)
    more += fmt::format(", .chunksPerStage = {}", chunks);
  if (programs.splitsBackward())
    more += ", .splitsBackward = true";
  return fmt::format("{{.axis = mesh::{}, .messages = {}{}}}", identifier(shared.pipelineAxis.getValue()),
                     programs.numMessages(), more);
}

void TablesPrinter::members(const Tables &tables) {
  Program &program = tables.program;
  auto table = [&](const char *member, bool isThere, const char *name) {
    out.line(fmt::format(".{} = {},", member, isThere ? tables.front + name : "{}"));
  };
  auto bytes = program.module->getAttrOfType<IntegerAttr>(exec::arenaBytesAttrName);
  out.line(fmt::format(".identity = {},", cString(identity())));
  out.line(fmt::format(".mesh = {},", shared.mesh && !shared.mesh.getNames().empty() ? "meshAxes" : "{}"));
  out.line(fmt::format(".groups = {},", shared.groups.empty() ? "{}" : "groupSpecs"));
  if (shared.programs.arePipelined())
    out.line(fmt::format(".pipeline = {},", pipeline()));
  if (shared.programs.areRehearsed())
    out.line(".isRehearsal = true,");
  out.line(fmt::format(".arenaBytes = {},", bytes ? bytes.getInt() : 0), "the planned peak");
  table("parameters", tables.hasParameters, "parameters");
  table("states", tables.hasStates, "states");
  out.line(fmt::format(".filePrefix = {},", cString(shared.recipe.filePrefix)));
  out.line(
      fmt::format(".ignoredTensors = {},", shared.recipe.ignoredTensors.empty() ? "{}" : "ignoredTensors"));
  table("inputs", tables.hasInputs, "inputs");
  table("losses", true, "losses");
  out.line(fmt::format(".step = {},", scalar(program, "step")));
  out.line(fmt::format(".firstSample = {},", scalar(program, "first_sample")));
  out.line(fmt::format(".gradientNorm = {},", scalar(program, "grad_norm")));
  out.line(fmt::format(".learningRate = {},", scalar(program, "learning_rate")));
  out.line(".recipe = recipe,");
  out.line(fmt::format(".operations = {},", shared.operations.all().empty() ? "{}" : "operations"));
  table("init", true, "init");
  table("run", true, "step");
  out.line(fmt::format(".eval = {},", program.symbols.lookup("eval") ? tables.front + "eval" : "nullptr"));
}

void TablesPrinter::programs() {
  const bool hasStages = shared.programs.arePipelined();
  if (!hasStages)
    losses(all.front().program);
  if (!shared.recipe.ignoredTensors.empty())
    out.line(fmt::format("static constexpr const char *ignoredTensors[] = {{{}}};",
                         cStrings(shared.recipe.ignoredTensors)));
  out.blank();
  out.open(hasStages ? "constinit const rt::Program program[] =" : "constinit const rt::Program program =");
  for (const Tables &tables : all) {
    if (hasStages) {
      out.line("{");
      out.indent();
    }
    members(tables);
    if (hasStages)
      out.close(",");
  }
  out.close(";");
}

FailureOr<std::string> TablesPrinter::print() {
  out.line(fmt::format("// tables{}: what the runtime knows of this program: sizes, places, the recipe.",
                       shared.target.extension));
  out.line("#include \"program.h\"");
  out.line("#include \"runtime/core/Program.h\"");
  out.blank();
  out.line("namespace trainer {");
  out.blank();
  mesh();
  for (auto &program : shared.programs.all)
    if (failed(tables(*program)))
      return failure();
  if (!shared.operations.all().empty())
    operations();
  recipe();
  if (shared.target.hasLoops)
    out.line(fmt::format("const int64_t sumScratchBytes = {};", shared.scratchBytes));
  programs();
  out.blank();
  out.line("} // namespace trainer");
  return out.str();
}

} // namespace

FailureOr<std::string> tablesText(Shared &shared) {
  return TablesPrinter(shared).print();
}

} // namespace shardc::codegen
