//===- Context.h - a rank's arena, place in the mesh and groups ------------===//
//
// What generated code is handed; every file of it includes this one, so it includes next to nothing.
// `at<T>(offset)` is a pointer into the rank's arena; `enter(op)` tells the status page which operation runs,
// in one store; `begin(task)` tells a trace, where there is one.
//
//===----------------------------------------------------------------------===//
#pragma once
#include <cstddef>
#include <cstdint>

namespace rt {

class Group; // runtime/comm/Collectives.h
class Peer;  // runtime/comm/Messages.h

/// What a stage of a pipeline is at: a part of one micro-batch's work, or what a step does behind them all.
/// `backward` is the gradient of the input alone where `backwardWeight` is the other part.
enum class Pass : std::uint8_t { forward, backward, backwardWeight, update };
struct Task {
  Pass pass = Pass::update;
  int microbatch = 0;
  int chunk = 0;         // of the model, counted over all stages
  double operations = 0; // of a rehearsal: what all its pauses stand for
};

/// What a rehearsal's pauses take, in place of work.
class Pace {
public:
  virtual void begin(const Task &task) = 0;
  virtual void pause(double operations) = 0;

protected:
  ~Pace() = default;
};

/// Messages under way between nodes: they travel only while somebody lets them.
class Traffic {
public:
  virtual void goOn() = 0;

protected:
  ~Traffic() = default;
};

/// Is told of each task when it begins.
class TaskListener {
public:
  virtual void begin(const Task &task) = 0;

protected:
  ~TaskListener() = default;
};

class Context {
public:
  /// Bytes of this rank's arena, 64-aligned.
  std::byte *arena = nullptr;

  template <class T> T *at(std::int64_t offset) const { return reinterpret_cast<T *>(arena + offset); }

  /// The group of Program::groups[i] that this rank is in.
  Group &group(int i) const { return *groups[i]; }

  /// The rank that has this one's place in stage i of the pipeline.
  Peer &stage(int i) const { return *stages[i]; }

  /// This rank's coordinate on a mesh axis.
  int coordinate(int meshAxis) const { return coordinates[meshAxis]; }

  /// From here on this rank is in operation `id` of Program::operations. Across nodes messages go on too.
  void enter(std::int32_t id) const {
    __atomic_store_n(operation, id, __ATOMIC_RELAXED);
    if (traffic)
      traffic->goOn();
  }

  /// From here on this rank is at this task of its stage.
  void begin(const Task &task) const {
    if (trace)
      trace->begin(task);
    if (pace)
      pace->begin(task);
  }

  /// In a rehearsal: here so many floating-point operations would be done.
  void pause(double operations) const { pace->pause(operations); }

  int rank = 0, world = 1;
  const int *coordinates = nullptr;  // per mesh axis
  Group *const *groups = nullptr;    // per Program::groups; as all that is pointed to, the world's
  Peer *const *stages = nullptr;     // per stage; null: this rank's own
  std::int32_t *operation = nullptr; // the status page's cell
  TaskListener *trace = nullptr;     // null: nobody wants to know
  Pace *pace = nullptr;              // of a rehearsal
  Traffic *traffic = nullptr;        // null: all other stages are on this node
};

} // namespace rt
