//===- LoadWeights.cpp - from one file to the ranks' blocks -----------------===//
#include "runtime/core/LoadWeights.h"
#include "runtime/checkpoint/Safetensors.h"
#include "runtime/core/Blocks.h"
#include "runtime/core/Error.h"
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string_view>

namespace rt {
namespace {

using Index = std::int64_t;

std::string shapeText(std::span<const Index> shape) {
  std::string text;
  for (Index size : shape)
    text += (text.empty() ? "" : ", ") + std::to_string(size);
  return "[" + text + "]";
}

/// All names that a file may give to a parameter.
std::vector<std::string> namesOf(const Program &program, const Parameter &parameter) {
  std::vector<std::string> names = {parameter.name};
  names.insert(names.end(), parameter.aliases.begin(), parameter.aliases.end());
  const std::string_view prefix = program.filePrefix;
  for (std::size_t i = 0, whole = names.size(); i < whole; ++i)
    if (!prefix.empty() && names[i].starts_with(prefix))
      names.push_back(names[i].substr(prefix.size()));
  return names;
}

/// Whether the model says of this tensor that it is no weight: `attn.bias` ignores `h.0.attn.bias`.
bool isIgnored(const Program &program, std::string_view name) {
  return std::ranges::any_of(program.ignoredTensors, [&](std::string_view end) {
    return name == end || (name.ends_with(end) && name[name.size() - end.size() - 1] == '.');
  });
}

/// Which tensors of the file are which parameter.
class Matches {
public:
  /// Throws Error unless every parameter of every stage has a tensor and every tensor a parameter, in its
  /// shape and in f32.
  Matches(std::span<const Program> programs, const SafetensorsReader &reader, const std::string &path)
      : front("weights '" + path + "' ") {
    std::map<std::string_view, const TensorInfo *> byName;
    for (const TensorInfo &tensor : reader.tensors())
      byName[tensor.name] = &tensor;
    std::set<std::string_view> taken;
    for (const Program &program : programs)
      for (const Parameter &parameter : program.parameters) {
        std::vector<const TensorInfo *> &found = tensors[&parameter];
        for (const std::string &name : namesOf(program, parameter))
          if (auto at = byName.find(name); at != byName.end()) {
            found.push_back(at->second);
            taken.insert(at->first);
          }
        if (found.empty() && missing.insert(parameter.name).second && !firstMissing)
          firstMissing = &parameter;
      }
    for (const TensorInfo &tensor : reader.tensors())
      if (!taken.contains(tensor.name) && !isIgnored(programs[0], tensor.name) && !firstUnknown)
        firstUnknown = &tensor;
    checkNames();
    for (const Program &program : programs)
      for (const Parameter &parameter : program.parameters)
        for (const TensorInfo *tensor : of(parameter))
          check(parameter, *tensor);
  }

  std::span<const TensorInfo *const> of(const Parameter &parameter) const { return tensors.at(&parameter); }

private:
  void checkNames() const {
    if (firstMissing)
      throw Error(front + "have no tensor '" + firstMissing->name + "'" +
                      (missing.size() > 1 ? ", nor " + std::to_string(missing.size() - 1) + " more" : ""),
                  firstUnknown ? "they have '" + firstUnknown->name + "', which is no weight of this model"
                               : "");
    if (firstUnknown)
      throw Error(front + "have a tensor '" + firstUnknown->name + "', which is no weight of this model",
                  "those of the model are all there");
  }

  void check(const Parameter &parameter, const TensorInfo &tensor) const {
    const std::span<const Index> shape(parameter.fileShape.begin(), parameter.fileShape.end());
    if (!std::ranges::equal(tensor.shape, shape))
      throw Error(front + "have '" + tensor.name + "' as " + shapeText(tensor.shape) + ", the model as " +
                  shapeText(shape));
    if (tensor.dtype != DType::F32)
      throw Error(front + "have '" + tensor.name + "' in " + dtypeName(tensor.dtype),
                  "weights are read in F32");
  }

  std::string front;
  std::map<const Parameter *, std::vector<const TensorInfo *>> tensors;
  std::set<std::string_view> missing;
  const Parameter *firstMissing = nullptr;
  const TensorInfo *firstUnknown = nullptr;
};

/// Reads a rank's block in the order of the file, as many elements at once as follow each other there.
class BlockReader {
public:
  BlockReader(const SafetensorsReader &reader, Mesh mesh, const Context &context)
      : reader(reader), mesh(mesh), context(context) {}

  /// Calls take(weight, value) for each element of the block.
  template <class Take> void read(const Parameter &parameter, const TensorInfo &tensor, const Take &take) {
    Block block = parameter.weight;
    std::vector<BlockAxis> axes(block.axes.begin(), block.axes.end());
    std::ranges::sort(axes, std::greater(), &BlockAxis::fileStride);
    std::ranges::copy(axes, block.axes.items);
    auto *weights = context.at<float>(block.offset);
    auto flush = [&] {
      if (run.empty())
        return;
      values.resize(run.size());
      reader.readBlock(tensor, first, values.data(), std::ssize(run));
      for (std::size_t i = 0; i < run.size(); ++i)
        take(weights[run[i]], values[i]);
      run.clear();
    };
    walk(block, mesh, coordinatesOf(mesh, context.rank), 0, parameter.fileFirst,
         [&](Index local, Index file) {
           if (file != first + std::ssize(run) || run.size() == longest)
             flush();
           if (run.empty())
             first = file;
           run.push_back(local);
         });
    flush();
  }

private:
  static constexpr std::size_t longest = 1 << 16; // elements

  const SafetensorsReader &reader;
  Mesh mesh;
  const Context &context;
  Index first = 0;        // in the file's tensor
  std::vector<Index> run; // where the elements from `first` on go
  std::vector<float> values;
};

} // namespace

void loadWeights(World &world, std::span<const Program> programs, const std::string &path) {
  std::optional<SafetensorsReader> reader;
  std::optional<Matches> matches;
  world.together([&] {
    reader.emplace(path);
    matches.emplace(programs, *reader, path);
  });
  world.together([&] {
    const Program &program =
        programs[stageAt(programs, coordinatesOf(programs[0].mesh, world.context().rank))];
    BlockReader blocks(*reader, program.mesh, world.context());
    for (const Parameter &parameter : program.parameters) {
      const auto tensors = matches->of(parameter);
      blocks.read(parameter, *tensors[0], [](float &weight, float value) { weight = value; });
      for (const TensorInfo *other : tensors.subspan(1))
        blocks.read(parameter, *other, [&](float &weight, float value) {
          if (weight != value)
            throw Error("weights '" + path + "' have unlike values in '" + tensors[0]->name + "' and '" +
                            other->name + "'",
                        "the model ties them: one of them is enough");
        });
    }
  });
}

} // namespace rt
