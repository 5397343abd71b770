//===- Timetable.cpp - what a plan's pipeline comes to ----------------------===//
//
//   pipe.timetable = {axis = "pp", schedule = "1f1b", microbatches = 4, rows = ["F0 F1 B0 ...", ...],
//                     parts = [{holds = ["embed", "h.0"], layers = 1, flops = [...], bytes = [...], time =
//                     [...]},
//                     ...]}
//
//===----------------------------------------------------------------------===//

#include "compiler/transforms/pipe/Timetable.h"

#include "compiler/schedule/ReadTable.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace pipes;
namespace pipeline = shardc::pipeline;

std::vector<std::vector<std::string>> pipes::wordsOf(ArrayAttr rows) {
  std::vector<std::vector<std::string>> words;
  for (auto row : rows.getAsRange<StringAttr>()) {
    SmallVector<StringRef> split;
    llvm::SplitString(row.getValue(), split);
    words.emplace_back(split.begin(), split.end());
  }
  return words;
}

pipeline::Costs Timetable::costs() const {
  pipeline::Costs costs;
  for (const Part &part : parts)
    costs.chunks.push_back({part.loads[0].time, part.loads[1].time, part.loads[2].time});
  return costs;
}

shardc::Load Timetable::loadOf(int stage) const {
  shardc::Load load;
  for (const pipeline::Task &task : table[stage]) {
    load += parts[task.chunk].loads[static_cast<size_t>(task.pass)];
    if (task.pass == pipeline::Pass::backward && !shape.splitsBackward)
      load += parts[task.chunk].loads[2];
  }
  return load;
}

static constexpr std::pair<StringLiteral, double shardc::Load::*> loadKeys[] = {
    {"flops", &shardc::Load::flops}, {"bytes", &shardc::Load::bytes}, {"time", &shardc::Load::time}};

DictionaryAttr Timetable::toAttribute(MLIRContext *context) const {
  Builder builder(context);
  SmallVector<Attribute> list;
  for (const Part &part : parts) {
    NamedAttrList attributes;
    attributes.set("holds", builder.getStrArrayAttr(llvm::to_vector_of<StringRef>(part.holds)));
    attributes.set("layers", builder.getI64IntegerAttr(part.layers));
    for (auto [key, member] : loadKeys) {
      const double byPass[] = {part.loads[0].*member, part.loads[1].*member, part.loads[2].*member};
      attributes.set(key, builder.getDenseF64ArrayAttr(byPass));
    }
    list.push_back(attributes.getDictionary(context));
  }
  std::vector<std::string> rows = pipeline::toRows(shape, table);
  return builder.getDictionaryAttr({
      builder.getNamedAttr("axis", builder.getStringAttr(axis)),
      builder.getNamedAttr("schedule", builder.getStringAttr(schedule)),
      builder.getNamedAttr("microbatches", builder.getI64IntegerAttr(shape.microbatches)),
      builder.getNamedAttr("rows", builder.getStrArrayAttr(llvm::to_vector_of<StringRef>(rows))),
      builder.getNamedAttr("parts", builder.getArrayAttr(list)),
  });
}

std::optional<Timetable> Timetable::of(ModuleOp module) {
  auto attribute = module->getAttrOfType<DictionaryAttr>(timetableAttrName);
  if (!attribute)
    return std::nullopt;
  Timetable result{.axis = attribute.getAs<StringAttr>("axis").str(),
                   .schedule = attribute.getAs<StringAttr>("schedule").str()};
  const std::vector<std::vector<std::string>> rows = wordsOf(attribute.getAs<ArrayAttr>("rows"));
  auto read = pipeline::readTable(rows, static_cast<int>(rows.size()),
                                  static_cast<int>(attribute.getAs<IntegerAttr>("microbatches").getInt()));
  auto *written = std::get_if<pipeline::WrittenTable>(&read);
  if (!written)
    return std::nullopt;
  result.shape = written->pipeline;
  result.table = std::move(written->table);
  for (auto part : attribute.getAs<ArrayAttr>("parts").getAsRange<DictionaryAttr>()) {
    Part &added = result.parts.emplace_back();
    for (auto name : part.getAs<ArrayAttr>("holds").getAsRange<StringAttr>())
      added.holds.push_back(name.str());
    added.layers = part.getAs<IntegerAttr>("layers").getInt();
    for (auto [key, member] : loadKeys)
      for (auto [pass, value] : llvm::enumerate(part.getAs<DenseF64ArrayAttr>(key).asArrayRef()))
        added.loads[pass].*member = value;
  }
  return result;
}
