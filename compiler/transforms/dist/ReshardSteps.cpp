//===- ReshardSteps.cpp - the movements that take one layout to another ---===//
//
// What shrinks the value goes before what grows it, and what sends nothing before what sends:
//
//   shard_slice     whole -> placed         free, and all that follows moves less
//   reduce_scatter  partial -> placed       before any all_reduce: HSDP then moves 1/shard of the bytes
//   all_to_all      one axis -> another
//   all_reduce      partial -> whole
//   all_gather      placed -> whole         grows the value: last of what sends
//   mask            whole -> partial        free
//
// The mesh axes of one tensor axis are ordered, major first, and only the minor-most can leave or come. So
// what an axis has beyond the common beginning of what it has and what it shall have leaves from the minor
// end, and what it lacks comes in its order. Where a mesh axis can't go straight to its place (two axes swap,
// or an order changes) it is gathered and sliced again.
//
//===----------------------------------------------------------------------===//

#include "compiler/transforms/dist/ReshardSteps.h"

using namespace mlir;
using namespace dist;
using nn::AxisAttr;
using nn::NamedTensorType;

namespace {
using Mesh = SmallVector<StringAttr, 2>;

/// The layout on its way from one type to the other.
class Way {
public:
  Way(NamedTensorType from, NamedTensorType to) {
    for (AxisAttr axis : from.getAxes()) {
      AxisAttr target = to.find(axis.getName());
      axes.push_back({axis.getName(), Mesh(axis.getMesh()), Mesh(target.getMesh())});
    }
    if (from.getPartial())
      partial.append(from.getPartial().getMesh().begin(), from.getPartial().getMesh().end());
    if (to.getPartial())
      partialTarget.append(to.getPartial().getMesh().begin(), to.getPartial().getMesh().end());
  }

  SmallVector<ReshardStep> plan() {
    while (slice() || scatter() || exchange() || reduce() || gather() || mask())
      ;
    return std::move(steps);
  }

private:
  struct Axis {
    StringAttr name;
    Mesh has, wants;

    size_t common() const {
      size_t n = 0;
      while (n < has.size() && n < wants.size() && has[n] == wants[n])
        ++n;
      return n;
    }
    /// The mesh axis that can come next, or null.
    StringAttr next() const {
      return common() == has.size() && has.size() < wants.size() ? wants[has.size()] : StringAttr();
    }
    /// The mesh axis that can leave next, or null.
    StringAttr last() const { return common() < has.size() ? has.back() : StringAttr(); }
  };

  bool isPlaced(StringAttr meshAxis) const {
    return llvm::any_of(axes, [&](const Axis &axis) { return llvm::is_contained(axis.has, meshAxis); });
  }
  bool isPartial(StringAttr meshAxis) const { return llvm::is_contained(partial, meshAxis); }
  bool isWantedPlaced(StringAttr meshAxis) const {
    return llvm::any_of(axes, [&](const Axis &axis) { return llvm::is_contained(axis.wants, meshAxis); });
  }

  /// Appends the step, or lengthens the one before by a more minor mesh axis.
  void add(ReshardStep::Kind kind, StringAttr axis, StringAttr meshAxis) {
    if (!steps.empty() && steps.back().kind == kind && steps.back().axis == axis)
      steps.back().over.push_back(meshAxis);
    else
      steps.push_back({kind, {}, axis, {meshAxis}});
  }

  bool slice() {
    for (Axis &axis : axes)
      if (StringAttr next = axis.next(); next && !isPlaced(next) && !isPartial(next)) {
        add(ReshardStep::shardSlice, axis.name, next);
        axis.has.push_back(next);
        return true;
      }
    return false;
  }

  bool scatter() {
    for (Axis &axis : axes)
      if (StringAttr next = axis.next(); next && isPartial(next)) {
        add(ReshardStep::reduceScatter, axis.name, next);
        axis.has.push_back(next);
        llvm::erase(partial, next);
        return true;
      }
    return false;
  }

  /// Moves as many mesh axes as go together: the minor end of one axis becomes that of another.
  bool exchange() {
    for (Axis &to : axes)
      for (Axis &from : axes) {
        if (from.name == to.name || !to.next())
          continue;
        ArrayRef<StringAttr> wanted = ArrayRef(to.wants).drop_front(to.has.size());
        for (size_t count = std::min(wanted.size(), from.has.size() - from.common()); count > 0; --count) {
          if (wanted.take_front(count) != ArrayRef(from.has).take_back(count))
            continue;
          steps.push_back({ReshardStep::allToAll, from.name, to.name, Mesh(wanted.take_front(count))});
          to.has.append(wanted.begin(), wanted.begin() + count);
          from.has.truncate(from.has.size() - count);
          return true;
        }
      }
    return false;
  }

  bool reduce() {
    Mesh over;
    for (StringAttr meshAxis : partial)
      if (!isWantedPlaced(meshAxis) && !llvm::is_contained(partialTarget, meshAxis))
        over.push_back(meshAxis);
    if (over.empty())
      return false;
    llvm::erase_if(partial, [&](StringAttr meshAxis) { return llvm::is_contained(over, meshAxis); });
    steps.push_back({ReshardStep::allReduce, {}, {}, over});
    return true;
  }

  /// Gathers one mesh axis, rather one that is wanted whole than one that is only in the way.
  bool gather() {
    Axis *best = nullptr;
    for (Axis &axis : axes)
      if (StringAttr last = axis.last();
          last && (!best || (isWantedPlaced(best->last()) && !isWantedPlaced(last))))
        best = &axis;
    if (!best)
      return false;
    bool continues =
        !steps.empty() && steps.back().kind == ReshardStep::allGather && steps.back().axis == best->name;
    if (!continues)
      steps.push_back({ReshardStep::allGather, {}, best->name, {}});
    steps.back().over.insert(steps.back().over.begin(), best->last()); // the next one is more major
    best->has.pop_back();
    return true;
  }

  bool mask() {
    Mesh over;
    for (StringAttr meshAxis : partialTarget)
      if (!isPartial(meshAxis))
        over.push_back(meshAxis);
    if (over.empty())
      return false;
    llvm::append_range(partial, over);
    steps.push_back({ReshardStep::mask, {}, {}, over});
    return true;
  }

  SmallVector<Axis> axes;
  Mesh partial, partialTarget;
  SmallVector<ReshardStep> steps;
};
} // namespace

SmallVector<ReshardStep> dist::planReshard(NamedTensorType from, NamedTensorType to) {
  return Way(from, to).plan();
}

bool dist::isLocal(Type from, Type to) {
  if (auto bundle = dyn_cast<nn::BundleType>(from))
    return llvm::all_of(llvm::zip(bundle.getTypes(), cast<nn::BundleType>(to).getTypes()),
                        [](auto pair) { return isLocal(std::get<0>(pair), std::get<1>(pair)); });
  auto source = dyn_cast<NamedTensorType>(from), target = dyn_cast<NamedTensorType>(to);
  return !source ||
         llvm::none_of(planReshard(source, target), [](const ReshardStep &step) { return step.moves(); });
}
