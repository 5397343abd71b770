//===- Weights.cpp - from the ranks' blocks to one file --------------------===//
#include "runtime/core/Weights.h"
#include "runtime/checkpoint/Safetensors.h"
#include "runtime/core/Blocks.h"
#include <algorithm>
#include <exception>
#include <functional>
#include <numeric>

namespace rt {
namespace {

using Index = std::int64_t;

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

/// What one stage holds of a file's tensor.
struct Part {
  int stage; // on the pipeline's axis; 0 where there is none
  Index fileFirst;
  Block block;
};

/// A tensor of the file and the parameters that it is made of (several where the file fuses them).
struct FileTensor {
  std::string name;
  std::vector<Index> shape;
  std::vector<Part> parts;

  Index elements() const {
    return std::accumulate(shape.begin(), shape.end(), Index(1), std::multiplies<Index>());
  }
};

/// By name: a file's bytes say nothing of stages.
std::vector<FileTensor> fileTensors(Programs programs, const BlockOf &which) {
  std::vector<FileTensor> tensors;
  std::map<std::string, std::size_t> byName;
  for (int stage = 0; stage < std::ssize(programs); ++stage)
    for (const Parameter &parameter : programs[stage].parameters) {
      const Block block = which(programs[stage], parameter);
      if (block.offset < 0 || parameter.isCopy)
        continue;
      auto [at, isNew] = byName.try_emplace(parameter.name, tensors.size());
      if (isNew)
        tensors.push_back({parameter.name, {parameter.fileShape.begin(), parameter.fileShape.end()}, {}});
      tensors[at->second].parts.push_back({stage, parameter.fileFirst, block});
    }
  std::ranges::sort(tensors, {}, &FileTensor::name);
  return tensors;
}

class Collector {
public:
  Collector(World &world, Programs programs)
      : world(world), programs(programs), mesh(programs[0].mesh),
        coordinates(coordinatesOf(mesh, world.rank())) {}

  /// On rank 0: what the part's stage holds of the tensor, into `file`.
  void collect(const Part &part, std::vector<float> &file) {
    const Block &block = part.block;
    for (int rank = 0; rank < world.size(); ++rank) {
      const auto place = coordinatesOf(mesh, rank);
      if (!gives(part, place))
        continue;
      if (const std::byte *arena = world.arenaOf(rank)) {
        scatter(block, place, reinterpret_cast<const float *>(arena + block.offset), part.fileFirst, file);
      } else {
        const Block arriving = dense(block);
        parcel.resize(arriving.offset);
        world.receive(parcel.data(), arriving.offset * sizeof(float), rank);
        scatter(arriving, place, parcel.data(), part.fileFirst, file);
      }
    }
  }

  /// On a rank whose arena rank 0 does not see.
  void give(const Part &part) {
    const Block &block = part.block;
    if (!gives(part, coordinates))
      return;
    const Block leaving = dense(block);
    parcel.resize(leaving.offset);
    const auto *values = world.context().at<const float>(block.offset);
    pack(block, leaving, 0, 0, 0, values);
    world.send(parcel.data(), leaving.offset * sizeof(float), 0);
  }

private:
  /// One of the ranks that hold the same block is its giver.
  bool gives(const Part &part, const std::vector<int> &place) const {
    if (stageAt(programs, place) != part.stage)
      return false;
    for (int meshAxis = 0; meshAxis < static_cast<int>(place.size()); ++meshAxis) {
      bool places = meshAxis == programs[0].pipeline.axis;
      for (const BlockAxis &axis : part.block.axes)
        places |= contains(axis.mesh, meshAxis);
      if (!places && place[meshAxis] != 0)
        return false;
    }
    return true;
  }

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
  Programs programs;
  Mesh mesh;
  std::vector<int> coordinates;
  std::vector<float> parcel;
};

/// On rank 0. A failure to write is thrown at the end: until then the other nodes want to get rid of their
/// blocks.
void collectAndWrite(World &world, Programs programs, const BlockOf &which, const std::string &path) {
  const auto tensors = fileTensors(programs, which);
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
  Collector collector(world, programs);
  std::vector<float> file;
  for (const FileTensor &tensor : tensors) {
    file.assign(tensor.elements(), 0.0f);
    for (const Part &part : tensor.parts)
      collector.collect(part, file);
    attempt([&] { writer.writeBlock(tensor.name, 0, file.data(), std::ssize(file)); });
  }
  attempt([&] { writer.commit(); });
  if (failure)
    std::rethrow_exception(failure);
}

} // namespace

BlockOf stateOf(const std::string &name) {
  return [name](const Program &program, const Parameter &parameter) {
    const auto state = std::ranges::find(program.states, name, &State::name);
    return state == program.states.end() ? Block() : parameter.states[state - program.states.begin()];
  };
}

std::vector<State> statesOf(Programs programs) {
  std::vector<State> states;
  for (const Program &program : programs)
    for (const State &state : program.states)
      if (std::ranges::find(states, std::string(state.name), &State::name) == states.end())
        states.push_back(state);
  return states;
}

void saveTensors(World &world, Programs programs, const BlockOf &which, const std::string &path) {
  world.agree(0); // all ranks are done with what they wrote
  world.together([&] {
    if (world.rank() == 0)
      return collectAndWrite(world, programs, which, path);
    if (world.arenaOf(0))
      return;
    Collector collector(world, programs);
    for (const FileTensor &tensor : fileTensors(programs, which))
      for (const Part &part : tensor.parts)
        collector.give(part);
  });
}

std::int64_t weightBytes(Programs programs) {
  Index bytes = 0;
  for (const FileTensor &tensor : fileTensors(programs, weightOf))
    bytes += tensor.elements() * static_cast<Index>(sizeof(float));
  return bytes;
}

} // namespace rt
