//===- Manifest.cpp - manifest.json ----------------------------------------===//

#include "compiler/codegen/Tables.h"

#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace shardc::codegen {
namespace {

using llvm::json::OStream;

void writeBlock(OStream &json, llvm::StringRef name, const Block &block) {
  if (block.offset < 0)
    return;
  json.attributeObject(name, [&] {
    json.attribute("offset", block.offset);
    json.attributeArray("axes", [&] {
      for (const BlockAxis &axis : block.axes)
        json.object([&] {
          json.attribute("name", axis.name);
          json.attribute("size", axis.size);
          json.attribute("local_size", axis.localCount);
          json.attribute("local_stride", axis.localStride);
          json.attribute("file_stride", axis.fileStride);
          json.attributeArray("mesh", [&] {
            for (const std::string &mesh : axis.mesh)
              json.value(mesh);
          });
        });
    });
  });
}

void writeParameter(OStream &json, const Parameter &parameter, llvm::ArrayRef<std::string> states) {
  json.object([&] {
    json.attribute("name", parameter.name);
    if (!parameter.aliases.empty())
      json.attributeArray("aliases", [&] {
        for (const std::string &alias : parameter.aliases)
          json.value(alias);
      });
    json.attributeArray("shape", [&] {
      for (int64_t size : parameter.fileShape)
        json.value(size);
    });
    if (parameter.isCopy)
      json.attribute("copy", true);
    writeBlock(json, "weight", parameter.weight);
    writeBlock(json, "gradient", parameter.gradient);
    for (auto [name, block] : llvm::zip_equal(states, parameter.states))
      writeBlock(json, name, block);
  });
}

void writeMemory(OStream &json, Program &program) {
  auto number = [&](llvm::StringRef name) {
    auto value = program.module->getAttrOfType<IntegerAttr>(name);
    return value ? value.getInt() : 0;
  };
  json.attributeObject("memory", [&] {
    json.attribute("arena_bytes", number(exec::arenaBytesAttrName));
    json.attribute("frame_base", number(exec::frameBaseAttrName));
    json.attributeArray("globals", [&] {
      for (auto global : program.module.getOps<exec::GlobalOp>())
        json.object([&] {
          json.attribute("name", global.getSymName());
          json.attribute("kind", global.getKind());
          json.attribute("offset", static_cast<int64_t>(global.getOffset().value_or(0)));
          json.attribute("bytes", exec::bytesOf(global.getType()));
        });
    });
    json.attributeArray("frames", [&] {
      for (auto func : program.module.getOps<exec::FuncOp>())
        json.object([&] {
          json.attribute("function", func.getSymName());
          json.attribute("bytes", static_cast<int64_t>(func.getFrame().value_or(0)));
        });
    });
  });
}

void writeRecipe(OStream &json, const Recipe &recipe) {
  json.attributeObject("recipe", [&] {
    json.attribute("steps", recipe.steps);
    json.attribute("global_batch_size", recipe.globalBatch);
    json.attribute("microbatches", recipe.microbatches);
    json.attribute("seq_len", recipe.seqLen);
    json.attribute("vocab", recipe.vocab);
    json.attribute("seed", static_cast<int64_t>(recipe.seed));
    json.attribute("data", recipe.data);
    json.attribute("tokenizer", recipe.tokenizer);
  });
}

} // namespace

FailureOr<std::string> manifestText(Shared &shared) {
  std::vector<std::vector<Parameter>> parameters;
  for (auto &program : shared.programs.all) {
    FailureOr<std::vector<Parameter>> list = parametersOf(*program);
    if (failed(list))
      return failure();
    parameters.push_back(std::move(*list));
  }
  std::string text;
  llvm::raw_string_ostream stream(text);
  OStream json(stream, 1);
  json.object([&] {
    json.attribute("format", 1);
    json.attribute("name", shared.recipe.name);
    json.attribute("target", shared.target.folder);
    json.attribute("world", shared.mesh ? shared.mesh.getNumRanks() : 1);
    json.attributeArray("mesh", [&] {
      if (shared.mesh)
        for (auto [name, size] : llvm::zip(shared.mesh.getNames(), shared.mesh.getSizes()))
          json.object([&] {
            json.attribute("axis", name.getValue());
            json.attribute("size", size);
          });
    });
    writeRecipe(json, shared.recipe);
    auto write = [&](size_t index) {
      Program &program = *shared.programs.all[index];
      const llvm::SmallVector<std::string> states = statesOf(program);
      writeMemory(json, program);
      json.attributeArray("parameters", [&] {
        for (const Parameter &parameter : parameters[index])
          writeParameter(json, parameter, states);
      });
    };
    if (!shared.programs.arePipelined())
      return write(0);
    json.attribute("pipeline", shared.pipelineAxis.getValue());
    json.attributeArray("stages", [&] {
      for (size_t index = 0; index < parameters.size(); ++index)
        json.object([&] { write(index); });
    });
  });
  return text + "\n";
}

} // namespace shardc::codegen
