//===- Parameters.cpp - where each parameter lies in files and arenas ------===//

#include "compiler/codegen/Tables.h"
#include "dialects/nn/FileNames.h"
#include "dialects/nn/Nn.h"
#include "dialects/nn/Padding.h"
#include "dialects/pipe/Pipe.h"

#include <fmt/format.h>

using namespace mlir;

namespace shardc::codegen {
namespace {

/// Where an axis lies in a parameter's tensor in the file.
struct FileAxis {
  int64_t size, stride;
};

/// One field of a bundle of parameters, with what the recipe and the files know of it.
struct Field {
  std::string fileName, symbol; ///< symbol: "h.0" of @parameters.h.0
  unsigned index;
  StringAttr name;
  nn::NamedTensorType placed;
  nn::ParameterAttr attribute; ///< null in programs that state none
};

/// Dimensions of the file, each a list of axes, major first; without an attribute the tensor's own.
llvm::SmallVector<llvm::SmallVector<StringAttr>> storageOf(const Field &field) {
  llvm::SmallVector<llvm::SmallVector<StringAttr>> dims;
  if (!field.attribute) {
    for (nn::AxisAttr axis : field.placed.getAxes())
      dims.push_back({axis.getName()});
    return dims;
  }
  for (Attribute dim : field.attribute.getStorage()) {
    llvm::SmallVector<StringAttr> axes;
    if (auto list = dyn_cast<ArrayAttr>(dim))
      llvm::append_range(axes, list.getAsRange<StringAttr>());
    else
      axes.push_back(cast<StringAttr>(dim));
    dims.push_back(axes);
  }
  return dims;
}

/// The file's shape, and stride and size of each axis in it, without padding.
LogicalResult layFile(exec::GlobalOp global, const Field &field, llvm::SmallVectorImpl<int64_t> &shape,
                      llvm::DenseMap<StringAttr, FileAxis> &axes) {
  llvm::SmallVector<llvm::SmallVector<StringAttr>> dims = storageOf(field);
  int64_t stride = 1;
  for (auto &dim : llvm::reverse(dims)) {
    int64_t size = 1;
    for (StringAttr name : llvm::reverse(dim)) {
      nn::AxisAttr axis = field.placed.find(name);
      if (!axis)
        return global.emitOpError() << "field '" << field.name.getValue() << "' has no axis '"
                                    << name.getValue() << "', which its storage names";
      const int64_t inFile = nn::validSizeOf(global->getParentOp(), axis);
      axes[name] = {inFile, stride};
      stride *= inFile;
      size *= inFile;
    }
    shape.insert(shape.begin(), size);
  }
  if (shape.size() > 4)
    return global.emitOpError() << "field '" << field.name.getValue() << "' has " << shape.size()
                                << " dimensions in its file, a trainer's parameters have at most 4";
  return success();
}

/// The nn type that says how a global's field is placed: its own, or the parameter's.
nn::NamedTensorType placedField(exec::GlobalOp global, unsigned index, nn::NamedTensorType otherwise) {
  auto placed = global->getAttrOfType<TypeAttr>("exec.placed");
  if (!placed)
    return otherwise;
  if (auto bundle = dyn_cast<nn::BundleType>(placed.getValue()))
    return cast<nn::NamedTensorType>(bundle.getTypes()[index]);
  return cast<nn::NamedTensorType>(placed.getValue());
}

/// A rank's block of a field in one global (weights, gradients or an optimizer state).
Block blockOf(exec::GlobalOp global, const Field &field, const llvm::DenseMap<StringAttr, FileAxis> &file) {
  auto bundle = cast<exec::StructType>(global.getType());
  int index = bundle.indexOf(field.name);
  Block block;
  if (index < 0)
    return block;
  auto buffer = cast<exec::BufferType>(bundle.getTypes()[index]);
  nn::NamedTensorType placed = placedField(global, index, field.placed);
  block.offset = global.getOffset().value_or(0) + exec::fieldOffsets(bundle)[index];
  for (nn::AxisAttr axis : placed.getAxes()) {
    exec::AxisAttr local = buffer.find(axis.getName());
    FileAxis inFile = file.lookup(axis.getName());
    BlockAxis &out = block.axes.emplace_back(BlockAxis{axis.getName().str(),
                                                       axis.getSize(),
                                                       inFile.size,
                                                       inFile.stride,
                                                       local ? local.getStride() : 0,
                                                       local ? local.getSize() : 1,
                                                       {}});
    for (StringAttr mesh : axis.getMesh())
      out.mesh.push_back(mesh.str());
  }
  return block;
}

/// The fields of a global of kind `parameter`.
LogicalResult fieldsOf(exec::GlobalOp global, llvm::SmallVectorImpl<Field> &fields) {
  auto bundle = dyn_cast<exec::StructType>(global.getType());
  if (!bundle || !global->hasAttr("exec.placed"))
    return global.emitOpError("of parameters must be a struct with exec.placed");
  auto attributes = global->getAttrOfType<ArrayAttr>("nn.parameters");
  auto prefix = global->getAttrOfType<StringAttr>("nn.file_prefix");
  llvm::StringRef symbol = global.getSymName();
  symbol.consume_front("parameters.");
  for (auto [index, name] : llvm::enumerate(bundle.getFields())) {
    Field field{"", symbol.str(), static_cast<unsigned>(index), name, placedField(global, index, {}), {}};
    if (attributes)
      field.attribute = cast<nn::ParameterAttr>(attributes[index]);
    llvm::StringRef file = field.attribute ? field.attribute.getFile().getValue() : name.getValue();
    field.fileName = nn::fileNameOf(file, prefix ? prefix.getValue() : "");
    fields.push_back(field);
  }
  return success();
}

} // namespace

llvm::SmallVector<std::string> statesOf(Program &program) {
  llvm::SmallVector<std::string> names;
  for (auto global : program.module.getOps<exec::GlobalOp>())
    if (auto name = global->getAttrOfType<StringAttr>(nn::stateAttrName);
        name && !llvm::is_contained(names, name.getValue()))
      names.push_back(name.str());
  return names;
}

FailureOr<std::vector<Parameter>> parametersOf(Program &program) {
  std::vector<Parameter> parameters;
  const llvm::SmallVector<std::string> states = statesOf(program);
  auto ties = program.module->getAttrOfType<DictionaryAttr>("nn.ties");
  for (auto global : program.module.getOps<exec::GlobalOp>()) {
    if (global.getKind() != "parameter")
      continue;
    llvm::SmallVector<Field> fields;
    if (failed(fieldsOf(global, fields)))
      return failure();
    for (const Field &field : fields) {
      Parameter parameter;
      parameter.name = field.fileName;
      parameter.isCopy = global->hasAttr(pipes::copyAttrName);
      if (ties)
        for (NamedAttribute tie : ties)
          if (cast<StringAttr>(tie.getValue()).getValue() == field.fileName)
            parameter.aliases.push_back(tie.getName().str());
      llvm::DenseMap<StringAttr, FileAxis> file;
      if (failed(layFile(global, field, parameter.fileShape, file)))
        return failure();
      parameter.weight = blockOf(global, field, file);
      auto other = [&](llvm::StringRef kind) {
        auto found = program.symbols.lookup<exec::GlobalOp>(fmt::format("{}.{}", kind.str(), field.symbol));
        return found && isa<exec::StructType>(found.getType()) ? blockOf(found, field, file) : Block();
      };
      parameter.gradient = other("gradients");
      for (const std::string &state : states)
        parameter.states.push_back(other(state));
      parameters.push_back(std::move(parameter));
    }
  }
  return parameters;
}

} // namespace shardc::codegen
