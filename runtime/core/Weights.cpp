//===- Weights.cpp - from the ranks' blocks to one file --------------------===//
#include "runtime/core/Weights.h"
#include "runtime/checkpoint/Safetensors.h"
#include "runtime/core/Blocks.h"
#include <exception>

namespace rt {
namespace {

using Index = std::int64_t;

Index elementsOf(const List<Index, 4> &shape) {
  Index n = 1;
  for (Index size : shape)
    n *= size;
  return n;
}

/// The block with dense row-major strides: how it travels between nodes.
Block dense(Block block) {
  Index stride = 1;
  for (int axis = block.axes.size() - 1; axis >= 0; --axis) {
    block.axes.items[axis].localStride = stride;
    stride *= block.axes[axis].localCount;
  }
  block.offset = stride; // elements, here
  return block;
}

/// One of the ranks that hold the same block is its giver.
bool gives(const Block &block, const std::vector<int> &coordinates) {
  for (int meshAxis = 0; meshAxis < static_cast<int>(coordinates.size()); ++meshAxis) {
    bool places = false;
    for (const BlockAxis &axis : block.axes)
      places |= contains(axis.mesh, meshAxis);
    if (!places && coordinates[meshAxis] != 0)
      return false;
  }
  return true;
}

/// A tensor of the file and the parameters that it is made of (several where the file fuses them).
struct FileTensor {
  std::string name;
  std::vector<Index> shape;
  std::vector<const Parameter *> parts;
};

std::vector<FileTensor> fileTensors(const Program &program, const BlockOf &which) {
  std::vector<FileTensor> tensors;
  std::map<std::string, std::size_t> byName;
  for (const Parameter &parameter : program.parameters) {
    if (which(parameter).offset < 0)
      continue;
    auto [at, isNew] = byName.try_emplace(parameter.name, tensors.size());
    if (isNew)
      tensors.push_back({parameter.name, {parameter.fileShape.begin(), parameter.fileShape.end()}, {}});
    tensors[at->second].parts.push_back(&parameter);
  }
  return tensors;
}

class Collector {
public:
  Collector(World &world, const Program &program, const BlockOf &which)
      : world(world), mesh(program.mesh), which(which), coordinates(coordinatesOf(mesh, world.rank())) {}

  /// On rank 0: the tensor's part of this parameter, into `file`.
  void collect(const Parameter &parameter, std::vector<float> &file) {
    const Block &block = which(parameter);
    for (int rank = 0; rank < world.size(); ++rank) {
      const auto place = coordinatesOf(mesh, rank);
      if (!gives(block, place))
        continue;
      if (const std::byte *arena = world.arenaOf(rank)) {
        scatter(block, place, reinterpret_cast<const float *>(arena + block.offset), parameter.fileFirst,
                file);
      } else {
        const Block arriving = dense(block);
        parcel.resize(arriving.offset);
        world.receive(parcel.data(), arriving.offset * sizeof(float), rank);
        scatter(arriving, place, parcel.data(), parameter.fileFirst, file);
      }
    }
  }

  /// On a rank whose arena rank 0 does not see.
  void give(const Parameter &parameter) {
    const Block &block = which(parameter);
    if (!gives(block, coordinates))
      return;
    const Block leaving = dense(block);
    parcel.resize(leaving.offset);
    const auto *values = world.context().at<const float>(block.offset);
    pack(block, leaving, 0, 0, 0, values);
    world.send(parcel.data(), leaving.offset * sizeof(float), 0);
  }

private:
  void scatter(const Block &block, const std::vector<int> &place, const float *values, Index first,
               std::vector<float> &file) {
    walk(block, mesh, place, 0, first, [&](Index local, Index at) { file[at] = values[local]; });
  }

  void pack(const Block &block, const Block &leaving, int axis, Index from, Index to, const float *values) {
    if (axis == block.axes.size()) {
      parcel[to] = values[from];
      return;
    }
    for (Index i = 0; i < block.axes[axis].localCount; ++i)
      pack(block, leaving, axis + 1, from + i * block.axes[axis].localStride,
           to + i * leaving.axes[axis].localStride, values);
  }

  World &world;
  Mesh mesh;
  const BlockOf &which;
  std::vector<int> coordinates;
  std::vector<float> parcel;
};

/// On rank 0. A failure to write is thrown at the end: until then the other nodes want to get rid of their
/// blocks.
void collectAndWrite(World &world, const Program &program, const BlockOf &which, const std::string &path) {
  const auto tensors = fileTensors(program, which);
  std::exception_ptr failure;
  auto attempt = [&](auto &&write) {
    try {
      if (!failure)
        write();
    } catch (const std::exception &) {
      failure = std::current_exception();
    }
  };
  SafetensorsWriter writer(path);
  attempt([&] {
    for (const FileTensor &tensor : tensors)
      writer.declare(tensor.name, DType::F32, tensor.shape);
    writer.note("format", "pt"); // what Hugging Face's loaders ask for
    writer.create();
  });
  Collector collector(world, program, which);
  std::vector<float> file;
  for (const FileTensor &tensor : tensors) {
    file.assign(elementsOf(tensor.parts[0]->fileShape), 0.0f);
    for (const Parameter *part : tensor.parts)
      collector.collect(*part, file);
    attempt([&] { writer.writeBlock(tensor.name, 0, file.data(), std::ssize(file)); });
  }
  attempt([&] { writer.commit(); });
  if (failure)
    std::rethrow_exception(failure);
}

} // namespace

void saveTensors(World &world, const Program &program, const BlockOf &which, const std::string &path) {
  world.agree(0); // all ranks are done with what they wrote
  world.together([&] {
    if (world.rank() == 0)
      return collectAndWrite(world, program, which, path);
    if (world.arenaOf(0))
      return;
    Collector collector(world, program, which);
    for (const FileTensor &tensor : fileTensors(program, which))
      for (const Parameter *part : tensor.parts)
        collector.give(*part);
  });
}

std::int64_t weightBytes(const Program &program) {
  Index bytes = 0;
  for (const FileTensor &tensor : fileTensors(program, weightOf))
    bytes += elementsOf(tensor.parts[0]->fileShape) * static_cast<Index>(sizeof(float));
  return bytes;
}

} // namespace rt
