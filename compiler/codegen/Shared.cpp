//===- Shared.cpp - what the files of one package have in common -----------===//

#include "compiler/codegen/Shared.h"
#include "dialects/pipe/Pipe.h"

#include "mlir/IR/Location.h"
#include "llvm/Support/Path.h"
#include <fmt/format.h>

using namespace mlir;

namespace shardc::codegen {

const TargetText &TargetText::of(Target target) {
  static const TargetText cpu{"cpu", ".cpp", "", "", "rt::Matmul", true};
  static const TargetText cuda{"cuda", ".cu", "Stream stream, ", "stream, ", "Matmul", false};
  return target == Target::cpu ? cpu : cuda;
}

//===-- bundles ------------------------------------------------------------===//

const std::string &Bundles::nameOf(exec::StructType type) {
  if (!known.contains(type)) {
    Bundle bundle = define(type); // defines those that it holds, too
    known[type] = std::move(bundle);
  }
  return known.find(type)->second.name;
}

const std::string &Bundles::field(exec::StructType type, unsigned index) {
  nameOf(type);
  return known.find(type)->second.fields[index];
}

Bundles::Bundle Bundles::define(exec::StructType type) {
  Bundle bundle{names.fresh(typeName(type.getName().getValue())), {}};
  llvm::SmallVector<std::string> initial;
  Names fieldNames{"at", "memory", "offset"};
  Text body;
  body.indent();
  for (auto [field, fieldType, offset] :
       llvm::zip(type.getFields(), type.getTypes(), exec::fieldOffsets(type))) {
    std::string fieldName = bundle.fields.emplace_back(fieldNames.fresh(field.getValue()));
    std::string place = offset ? fmt::format("offset + {}", offset) : "offset";
    if (auto inner = dyn_cast<exec::StructType>(fieldType)) {
      std::string innerName = nameOf(inner);
      body.line(fmt::format("{} {};", innerName, fieldName));
      initial.push_back(fmt::format("{}::at(memory, {})", innerName, place));
    } else {
      auto buffer = cast<exec::BufferType>(fieldType);
      std::string element = cppType(buffer.getElementType());
      body.line(fmt::format("{} *{};", element, fieldName), shapeOf(buffer));
      initial.push_back(fmt::format("trainer::at<{}>(memory, {})", element, place));
    }
  }
  text.open("struct " + bundle.name);
  text.append(body.str());
  text.blank();
  text.line(fmt::format("/// Fields one after the other: {} bytes from `offset` on.",
                        withCommas(exec::bytesOf(type))));
  text.open(fmt::format("static {} at([[maybe_unused]] std::byte *memory, [[maybe_unused]] int64_t offset)",
                        bundle.name));
  text.open("return");
  for (const std::string &value : initial)
    text.line(value + ",");
  text.close(";");
  text.close();
  text.close(";");
  text.blank();
  return bundle;
}

//===-- groups, pointers, files --------------------------------------------===//

Shared::Shared(ModuleOp module, const Recipe &recipe)
    : module(module), recipe(recipe), target(TargetText::of(recipe.target)), programs(module),
      mesh(module->getAttrOfType<exec::MeshAttr>(exec::meshAttrName)) {
  pipes::StageAttr stage = pipes::stageOf(programs.all.front()->module);
  if (!stage)
    return;
  llvm::SmallVector<StringAttr> names;
  llvm::SmallVector<int64_t> sizes;
  for (dist::MeshAxisAttr axis : stage.getMesh()) {
    names.push_back(axis.getName());
    sizes.push_back(axis.getSize());
  }
  mesh = exec::MeshAttr::get(module.getContext(), names, sizes);
  pipelineAxis = stage.getAxis();
}

std::string Shared::group(ArrayAttr axes) {
  auto [at, isNew] = groups.insert({axes, ""});
  if (isNew)
    for (StringAttr axis : axes.getAsRange<StringAttr>())
      at->second += (at->second.empty() ? "" : "_") + identifier(axis.getValue());
  return at->second;
}

std::string Shared::fileOf(exec::FuncOp func) const {
  llvm::StringRef name = programs.nameOf(func);
  for (llvm::StringRef role : {"_forward", "_backward", "_squared_norm", "_update", "_init", "_eval"})
    if (name.size() > role.size() && name.ends_with(role))
      return identifier(name.drop_back(role.size()));
  return identifier(name);
}

//===-- words --------------------------------------------------------------===//

std::string placeOf(Location loc) {
  FileLineColLoc place;
  loc->walk([&](Location part) {
    place = dyn_cast<FileLineColLoc>(part);
    return place ? WalkResult::interrupt() : WalkResult::advance();
  });
  if (!place)
    return "";
  llvm::StringRef file = llvm::sys::path::filename(place.getFilename().getValue());
  return fmt::format("{}:{}:{}", file.str(), place.getLine(), place.getColumn());
}

std::string shapeOf(exec::BufferType type) {
  if (type.isScalar())
    return "scalar";
  std::string text;
  for (exec::AxisAttr axis : type.getAxes()) {
    text += fmt::format("{}{}={}", text.empty() ? "" : ", ", axis.getName().str(), axis.getSize());
    if (!type.isDense())
      text += fmt::format(":{}", axis.getStride());
  }
  return "[" + text + "]";
}

} // namespace shardc::codegen
