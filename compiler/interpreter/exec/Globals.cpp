//===- Globals.cpp - what the runtime writes and reads, by the interpreter ===//
//
// Globals are placed like the nn tensors that they come from (`exec.placed`): a rank's buffer is its shard,
// with the axes in the buffer's own order.
//
//===----------------------------------------------------------------------===//

#include "compiler/interpreter/Distribute.h"
#include "compiler/interpreter/exec/Accesses.h"
#include "compiler/interpreter/exec/ExecInterpreter.h"
#include "compiler/interpreter/exec/Points.h"

#include "dialects/nn/EvaluateLoops.h"

using namespace mlir;
using namespace exec;
using namespace shardc::interpreter;

//===-- places -------------------------------------------------------------===//

LogicalResult ExecInterpreter::checkArena() {
  auto arena = module->getAttrOfType<IntegerAttr>(arenaBytesAttrName);
  auto base = module->getAttrOfType<IntegerAttr>(frameBaseAttrName);
  if (!arena)
    return success();
  behind = arena.getInt();
  for (auto global : module.getOps<GlobalOp>())
    if (global.getOffset() && int64_t(*global.getOffset()) + bytesOf(global.getType()) > arena.getInt())
      return global.emitOpError() << "ends at " << int64_t(*global.getOffset()) + bytesOf(global.getType())
                                  << ", the arena has " << arena.getInt() << " bytes";
  for (auto function : module.getOps<FuncOp>())
    if (function.getEntry() && base &&
        base.getInt() + int64_t(function.getFrame().value_or(0)) > arena.getInt())
      return function.emitOpError() << "has a frame up to " << base.getInt() + int64_t(*function.getFrame())
                                    << ", the arena has " << arena.getInt() << " bytes";
  return success();
}

LogicalResult ExecInterpreter::placeGlobals() {
  if (failed(checkArena()))
    return failure();
  for (auto global : module.getOps<GlobalOp>())
    if (global.getOffset())
      behind = std::max(behind, int64_t(*global.getOffset()) + bytesOf(global.getType()));
  for (auto global : module.getOps<GlobalOp>()) {
    int64_t address = global.getOffset() ? int64_t(*global.getOffset()) : alignUp(behind);
    behind = std::max(behind, address + bytesOf(global.getType()));
    FailureOr<LifeId> life =
        machine.memory.begin(global, global.getSymName(), address, bytesOf(global.getType()));
    if (failed(life))
      return failure();
    globals[global.getSymName()] =
        handleAt(global.getType(), address, *life, global.getSymName().str(), machine.numRanks());
  }
  return success();
}

//===-- shards and buffers -------------------------------------------------===//

namespace {

/// Visits the elements of a shard in its order, with their offsets in the buffer that holds it.
bool forEachOffset(const nn::Shard &shard, BufferType type,
                   function_ref<bool(int64_t element, int64_t offset)> visit) {
  SmallVector<AxisAttr> axes; // of the buffer, in the shard's order
  for (const nn::ShardAxis &axis : shard.axes) {
    AxisAttr own = type.find(axis.name);
    axes.push_back(AxisAttr::get(type.getContext(), axis.name, axis.count, own ? own.getStride() : 0));
  }
  int64_t element = 0;
  return forEachElement(BufferType::get(type.getContext(), type.getElementType(), axes),
                        [&](int64_t offset) { return visit(element++, offset); });
}

/// A buffer must hold exactly the shard of the type it is said to be placed by.
LogicalResult checkPlaced(GlobalOp global, const nn::Shard &shard, BufferType type) {
  bool fits = type.getNumElements() == shard.numElements();
  for (const nn::ShardAxis &axis : shard.axes)
    if (AxisAttr own = type.find(axis.name); axis.count != (own ? own.getSize() : 1))
      fits = false;
  if (fits)
    return success();
  return global.emitOpError() << "is a buffer " << type << ", which does not hold the " << shard.numElements()
                              << " elements of its placed type";
}

std::string nameOfState(GlobalOp global) {
  auto path = global->getAttrOfType<StringAttr>("nn.path");
  std::string name = path ? path.getValue().str() : global.getSymName().str();
  if (auto state = global->getAttrOfType<StringAttr>(nn::stateAttrName))
    name = state.str() + " of " + name;
  return name;
}

/// Calls `visit` for each tensor of a global: its name, its buffer, its placed type.
LogicalResult forEachTensor(
    const std::string &name, const Handle &handle, Type type, Type placed,
    function_ref<LogicalResult(const std::string &, const Pointer &, BufferType, nn::NamedTensorType)>
        visit) {
  if (auto buffer = dyn_cast<BufferType>(type))
    return visit(name, handle.pointer, buffer, cast<nn::NamedTensorType>(placed));
  auto bundle = cast<nn::BundleType>(placed);
  auto fields = cast<StructType>(type);
  for (auto [field, fieldName, fieldType, fieldPlaced] :
       llvm::zip_equal(handle.fields, fields.getFields(), fields.getTypes(), bundle.getTypes())) {
    std::string path = name.empty() ? fieldName.str() : name + "." + fieldName.str(); // as Training's
    if (failed(forEachTensor(path, field, fieldType, fieldPlaced, visit)))
      return failure();
  }
  return success();
}

FailureOr<Type> placedTypeOf(GlobalOp global) {
  if (auto placed = global->getAttrOfType<TypeAttr>("exec.placed"))
    return placed.getValue();
  return global.emitOpError() << "does not say how it is placed ('exec.placed')", failure();
}

} // namespace

//===-- in -----------------------------------------------------------------===//

static int64_t batchOf(GlobalOp global) {
  auto placed = global->getAttrOfType<TypeAttr>("exec.placed");
  auto type = placed ? dyn_cast<nn::NamedTensorType>(placed.getValue()) : nn::NamedTensorType();
  nn::AxisAttr batch = type ? type.find(StringAttr::get(global.getContext(), "batch")) : nn::AxisAttr();
  return batch ? batch.getSize() : 1;
}

static int64_t slotsOf(GlobalOp global) {
  auto type = dyn_cast<BufferType>(global.getType());
  return type && !type.isScalar() ? type.getAxes().front().getSize() : 1;
}

/// As the recipe says: a stage in the middle has no inputs.
int64_t ExecInterpreter::samplesPerStep() {
  auto recipe = module->getAttrOfType<DictionaryAttr>("nn.recipe");
  if (auto size = recipe ? recipe.getAs<IntegerAttr>("global_batch_size") : IntegerAttr())
    return size.getInt();
  for (auto global : module.getOps<GlobalOp>())
    if (global.getKind() == "input")
      return batchOf(global) * slotsOf(global);
  return 1;
}

LogicalResult ExecInterpreter::writeRuntimeScalars(int64_t step) {
  for (auto global : module.getOps<GlobalOp>()) {
    if (global.getKind() != "step" && global.getKind() != "first_sample")
      continue;
    int64_t value = global.getKind() == "step" ? step : step * samplesPerStep();
    for (int64_t rank = 0; rank < machine.numRanks(); ++rank)
      if (failed(machine.memory.write(global, globals[global.getSymName()].pointer,
                                      cast<BufferType>(global.getType()), rank,
                                      {static_cast<double>(value)})))
        return failure();
  }
  return success();
}

LogicalResult ExecInterpreter::writeInput(GlobalOp global, int64_t firstSample, bool onlyFirstSlot) {
  FailureOr<Type> placed = placedTypeOf(global);
  if (failed(placed))
    return failure();
  auto type = cast<BufferType>(global.getType());
  auto one = BufferType::get(type.getContext(), type.getElementType(), type.getAxes().drop_front());
  int64_t slotBytes = type.getAxes().front().getStride() * type.getElementBytes();
  auto named = global->getAttrOfType<StringAttr>("exec.input");
  StringRef name = named ? named.getValue() : global.getSymName().split('.').second;
  for (int64_t rank = 0; rank < machine.numRanks(); ++rank) {
    Pointer pointer = globals[global.getSymName()].pointer;
    if (failed(machine.memory.forget(global, pointer, type, rank)))
      return failure();
    nn::Shard shard = machine.mesh.shardFor(cast<nn::NamedTensorType>(*placed), rank);
    if (failed(checkPlaced(global, shard, one)))
      return failure();
    for (int64_t slot = 0; slot < (onlyFirstSlot ? 1 : slotsOf(global)); ++slot) {
      std::vector<double> values;
      int64_t first = firstSample + slot * batchOf(global);
      nn::forEachGlobal(
          shard, [&](int64_t index, int64_t batch) { values.push_back(inputs(name, first + batch, index)); });
      Image image = Image(one.getExtent());
      forEachOffset(shard, one, [&](int64_t element, int64_t offset) {
        image[offset] = values[element];
        return true;
      });
      if (failed(machine.memory.write(global, pointer, one, rank, image)))
        return failure();
      for (int64_t &address : pointer.addresses)
        address += slotBytes;
    }
  }
  return success();
}

LogicalResult ExecInterpreter::writeTensors(StringRef kind, const NamedValues &values) {
  if (failed(prepare()))
    return failure();
  llvm::StringMap<const nn::Shard *> byName;
  for (const NamedValue &value : values)
    byName[value.name] = &value.value;
  for (auto global : module.getOps<GlobalOp>()) {
    if (global.getKind() != kind)
      continue;
    auto put = [&](const std::string &name, const Pointer &pointer, BufferType type,
                   nn::NamedTensorType placed) -> LogicalResult {
      const nn::Shard *whole = byName.lookup(name);
      if (!whole)
        return global.emitOpError() << "has a tensor '" << name << "' for which there is no value";
      Datum datum = scatter(machine.mesh, Datum::tensor({*whole}), placed);
      for (auto [rank, shard] : llvm::enumerate(*datum.shards)) {
        if (failed(checkPlaced(global, shard, type)))
          return failure();
        Image image(type.getExtent());
        forEachOffset(shard, type, [&, values = shard.values](int64_t element, int64_t offset) {
          image[offset] = (*values)[element];
          return true;
        });
        if (failed(machine.memory.write(global, pointer, type, static_cast<int64_t>(rank), image)))
          return failure();
      }
      return success();
    };
    FailureOr<Type> placed = placedTypeOf(global);
    if (failed(placed) || failed(forEachTensor(nameOfState(global), globals[global.getSymName()],
                                               global.getType(), *placed, put)))
      return failure();
  }
  return success();
}

//===-- out ----------------------------------------------------------------===//

bool ExecInterpreter::isWritten(GlobalOp global) {
  auto check = [&](const Pointer &pointer, BufferType type) {
    for (int64_t rank = 0; rank < machine.numRanks(); ++rank)
      if (!machine.memory.isWritten(pointer, type, rank))
        return failure();
    return success();
  };
  return succeeded(forEachBuffer(globals[global.getSymName()], global.getType(), check));
}

FailureOr<NamedValues> ExecInterpreter::tensorsOf(GlobalOp global) {
  FailureOr<Type> placed = placedTypeOf(global);
  if (failed(prepare()) || failed(placed))
    return failure();
  NamedValues values;
  auto take = [&](const std::string &name, const Pointer &pointer, BufferType type,
                  nn::NamedTensorType placed) -> LogicalResult {
    std::vector<nn::Shard> shards;
    for (int64_t rank = 0; rank < machine.numRanks(); ++rank) {
      nn::Shard shard = machine.mesh.shardFor(placed, rank);
      FailureOr<Image> image = machine.memory.read(global, pointer, type, rank);
      if (failed(checkPlaced(global, shard, type)) || failed(image))
        return failure();
      std::vector<double> elements;
      forEachOffset(shard, type, [&](int64_t, int64_t offset) {
        elements.push_back((*image)[offset]);
        return true;
      });
      shard.set(std::move(elements));
      shards.push_back(std::move(shard));
    }
    if (std::optional<Disagreement> found = findDisagreement(machine.mesh, shards, placed))
      return global.emitOpError() << "of '" << name << "' " << found->str();
    Datum whole = gather(machine.mesh, Datum::tensor(std::move(shards)), placed);
    values.push_back({name, global.getLoc(), whole.shards->front()});
    return success();
  };
  if (failed(
          forEachTensor(nameOfState(global), globals[global.getSymName()], global.getType(), *placed, take)))
    return failure();
  return values;
}

FailureOr<NamedValues> ExecInterpreter::tensors(StringRef kind) {
  NamedValues values;
  for (auto global : module.getOps<GlobalOp>()) {
    if (global.getKind() != kind)
      continue;
    FailureOr<NamedValues> own = tensorsOf(global);
    if (failed(own))
      return failure();
    llvm::append_range(values, *own);
  }
  return values;
}

FailureOr<ExecInterpreter::Found> ExecInterpreter::find(StringRef path) {
  if (failed(prepare()))
    return failure();
  for (auto global : module.getOps<GlobalOp>()) {
    StringRef rest = path;
    if (!rest.consume_front(global.getSymName()) || (!rest.empty() && rest.front() != '.'))
      continue;
    Type type = global.getType();
    Handle handle = globals[global.getSymName()];
    while (rest.consume_front(".")) {
      auto bundle = dyn_cast<StructType>(type);
      int field = bundle ? bundle.indexOf(StringAttr::get(module.getContext(), rest.split('.').first)) : -1;
      if (field < 0)
        break;
      rest = rest.drop_front(rest.split('.').first.size());
      type = bundle.getTypes()[field];
      handle = Handle(handle.fields[field]);
    }
    if (rest.empty() && isa<BufferType>(type))
      return Found{global, handle.pointer, cast<BufferType>(type)};
  }
  return module.emitError() << "no global holds a buffer '" << path << "'", failure();
}

FailureOr<Image> ExecInterpreter::elements(StringRef path, int64_t rank) {
  auto found = find(path);
  if (failed(found))
    return failure();
  return machine.memory.read(found->global, found->pointer, found->type, rank);
}

LogicalResult ExecInterpreter::setElements(StringRef path, int64_t rank, const Image &image) {
  auto found = find(path);
  if (failed(found))
    return failure();
  return machine.memory.write(found->global, found->pointer, found->type, rank, image);
}

FailureOr<double> ExecInterpreter::scalar(StringRef kind) {
  for (auto global : module.getOps<GlobalOp>()) {
    if (global.getKind() != kind)
      continue;
    SmallVector<double> values;
    for (int64_t rank = 0; rank < machine.numRanks(); ++rank) {
      FailureOr<Image> image = machine.memory.read(global, globals[global.getSymName()].pointer,
                                                   cast<BufferType>(global.getType()), rank);
      if (failed(image))
        return failure();
      values.push_back(image->front());
      if (values.back() != values.front())
        return global.emitOpError() << "is " << values.front() << " on rank 0 and " << values.back()
                                    << " on rank " << rank;
    }
    return values.front();
  }
  return module.emitError() << "the program has no global of kind '" << kind << "'", failure();
}
