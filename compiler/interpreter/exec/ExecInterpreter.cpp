//===- ExecInterpreter.cpp - runs an exec program on all ranks, in f64 ----===//

#include "compiler/interpreter/exec/ExecInterpreter.h"

#include "compiler/interpreter/exec/Accesses.h"
#include "compiler/interpreter/exec/Transfer.h"
#include "dialects/pipe/Pipe.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace exec;
using namespace shardc;
using namespace shardc::interpreter;

//===-- handles ------------------------------------------------------------===//

static std::string nameOfValue(Value value) {
  if (StringRef name = nameOf(value.getLoc()); !name.empty())
    return name.str();
  if (auto field = value.getDefiningOp<FieldOp>())
    return field.getField().str();
  if (auto address = value.getDefiningOp<AddressOp>())
    return address.getGlobal().str();
  if (auto buffer = value.getDefiningOp<BufferOp>(); buffer && buffer.getOffset())
    return "frame[" + std::to_string(*buffer.getOffset()) + "]";
  if (auto argument = dyn_cast<BlockArgument>(value))
    return "argument " + std::to_string(argument.getArgNumber());
  return value.getDefiningOp()->getName().getStringRef().str();
}

/// A buffer that starts at an address, or a struct that is laid out from there.
Handle shardc::interpreter::handleAt(Type type, int64_t address, LifeId life, const std::string &name,
                                     int64_t ranks) {
  Handle handle;
  handle.pointer = {std::vector<int64_t>(ranks, address), life, Mode::inout, name};
  if (auto bundle = dyn_cast<StructType>(type))
    for (auto [field, fieldType, offset] :
         llvm::zip(bundle.getFields(), bundle.getTypes(), fieldOffsets(bundle)))
      handle.fields.push_back(handleAt(fieldType, address + offset, life, name + "." + field.str(), ranks));
  return handle;
}

/// What a callee's argument is: the caller's pointers, used as the mode says.
static Handle asArgument(Handle handle, Mode mode, const std::string &name) {
  handle.pointer.permission = mode;
  handle.pointer.name = name;
  for (Handle &field : handle.fields) {
    size_t dot = field.pointer.name.rfind('.');
    std::string last = dot == std::string::npos ? field.pointer.name : field.pointer.name.substr(dot + 1);
    field = asArgument(std::move(field), mode, name + "." + last);
  }
  return handle;
}

//===-- running ------------------------------------------------------------===//

static Mesh meshOf(ModuleOp module) {
  std::vector<MeshAxis> axes;
  if (auto mesh = module->getAttrOfType<MeshAttr>(meshAttrName))
    for (auto [name, size] : llvm::zip(mesh.getNames(), mesh.getSizes()))
      axes.push_back({name.str(), size});
  return Mesh(std::move(axes));
}

ExecInterpreter::ExecInterpreter(ModuleOp module, uint64_t seed, int64_t stage)
    : module(module), machine(meshOf(module), seed), stage(stage) {}

LogicalResult ExecInterpreter::prepare() {
  if (std::exchange(isPrepared, true))
    return success();
  for (auto function : module.getOps<FuncOp>())
    lifetimes[function] = lifetimesOf(function);
  return placeGlobals();
}

LogicalResult ExecInterpreter::run(StringRef name, int64_t step) {
  Messages<Parcel> none;
  if (failed(begin(name, step, none)))
    return failure();
  return runInTurn(1, [&](size_t) { return resume(); });
}

LogicalResult ExecInterpreter::begin(StringRef name, int64_t step, Messages<Parcel> &shared) {
  auto function = module.lookupSymbol<FuncOp>(name);
  if (!function || !function.getEntry())
    return module.emitError() << "the program has no entry @" << name;
  if (failed(prepare()))
    return failure();
  if (name != "init" && failed(writeRuntimeScalars(step)))
    return failure();
  for (auto global : module.getOps<GlobalOp>())
    if (global.getKind() == "input" && name != "init" &&
        failed(writeInput(global, step * samplesPerStep(), name == "eval")))
      return failure();
  std::optional<int64_t> base;
  if (auto frame = module->getAttrOfType<IntegerAttr>(frameBaseAttrName))
    base = frame.getInt();
  entry.emplace(
      Activation{lifetimes[function], base, static_cast<int64_t>(function.getFrame().value_or(0)), Scope()});
  next = &function.getBody().front().front();
  behindBefore = behind;
  messages = &shared;
  return success();
}

LogicalResult ExecInterpreter::call(FuncOp function, std::optional<int64_t> frame, Scope arguments) {
  Activation activation{lifetimes[function], frame, static_cast<int64_t>(function.getFrame().value_or(0)),
                        std::move(arguments)};
  return runBlock(activation, function.getBody().front());
}

LogicalResult ExecInterpreter::runBlock(Activation &activation, Block &block) {
  int64_t mark = behind;
  auto release = llvm::make_scope_exit([&] { behind = mark; });
  for (Operation &op : block.without_terminator())
    if (failed(runAndEnd(activation, &op)))
      return failure();
  return success();
}

/// Runs an op, and ends the lives of what it is the last to use.
LogicalResult ExecInterpreter::runAndEnd(Activation &activation, Operation *op) {
  if (failed(runOp(activation, op)))
    return failure();
  if (auto ended = activation.lifetimes.find(op); ended != activation.lifetimes.end())
    for (BufferOp buffer : ended->second)
      if (failed(machine.memory.end(op, activation.scope[buffer.getResult()].pointer.life)))
        return failure();
  return success();
}

LogicalResult ExecInterpreter::runOp(Activation &activation, Operation *op) {
  Scope &scope = activation.scope;
  auto define = [&](Handle handle) {
    handle.pointer.name = nameOfValue(op->getResult(0));
    scope[op->getResult(0)] = std::move(handle);
    return success();
  };
  if (auto access = dyn_cast<AccessOpInterface>(op); access && failed(checkAccesses(machine, scope, access)))
    return failure();
  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](BufferOp buffer) { return runBuffer(activation, buffer); })
      .Case([&](AddressOp address) { return define(globals[address.getGlobal()]); })
      .Case([&](ViewOp view) { return runView(activation, view); })
      .Case([&](FieldOp field) {
        auto type = cast<StructType>(field.getOperand().getType());
        return define(scope[field.getOperand()].fields[type.indexOf(field.getFieldAttr())]);
      })
      .Case([&](PackOp pack) {
        Handle handle;
        for (Value operand : pack.getOperands())
          handle.fields.push_back(scope[operand]);
        return define(std::move(handle));
      })
      .Case([&](InputOp input) { return runInput(activation, input); })
      .Case([&](KeyOp key) { return runKey(activation, key); })
      .Case([&](ChildKeyOp child) {
        Handle handle = scope[child.getParent()];
        for (rt::Key &key : handle.keys)
          key = rt::child(key, child.getSite());
        return define(std::move(handle));
      })
      .Case([&](CallOp call) { return runCall(activation, call); })
      .Case([&](LoopOp loop) { return runLoop(activation, loop); })
      .Case([&](CollectiveOp collective) -> LogicalResult {
        FailureOr<Started> transfer = start(machine, scope, collective);
        if (failed(transfer))
          return failure();
        if (!collective.getToken())
          return finish(machine, **transfer);
        scope[collective.getToken()].transfer = *transfer;
        return success();
      })
      .Case([&](SendOp send) { return runSend(activation, send); })
      .Case([&](ReceiveOp receive) { return runReceive(activation, receive); })
      .Case([&](pipes::BeginOp) { return success(); })
      .Case([&](WaitOp wait) -> LogicalResult {
        for (Value token : wait.getTokens()) {
          Started transfer = std::exchange(scope[token].transfer, nullptr);
          if (!transfer)
            return wait.emitOpError() << "waits for what is complete";
          if (failed(finish(machine, *transfer)))
            return failure();
        }
        return success();
      })
      .Default([&](Operation *other) { return runRankByRank(activation, other); });
}

LogicalResult ExecInterpreter::runRankByRank(Activation &activation, Operation *op) {
  Evaluation evaluation = evaluationOf(op);
  if (!evaluation)
    return op->emitOpError() << "has no reference value";
  for (int64_t rank = 0; rank < machine.numRanks(); ++rank) {
    Work work(machine, activation.scope, op, rank);
    if (failed(evaluation(work, op)))
      return failure();
  }
  return success();
}

//===-- calls and loops ----------------------------------------------------===//

LogicalResult ExecInterpreter::runCall(Activation &activation, CallOp op) {
  auto callee = module.lookupSymbol<FuncOp>(op.getCallee());
  int64_t calleeBytes = callee.getFrame().value_or(0);
  std::optional<int64_t> frame;
  if (op.getFrame() && activation.frame) {
    frame = *activation.frame + static_cast<int64_t>(*op.getFrame());
    if (int64_t end = static_cast<int64_t>(*op.getFrame()) + calleeBytes; end > activation.frameBytes)
      return op.emitOpError() << "gives @" << op.getCallee() << " a frame up to byte " << end
                              << " of its own, which has " << activation.frameBytes;
    if (failed(machine.memory.expectFree(op, ("the frame of @" + op.getCallee()).str(), *frame, calleeBytes)))
      return failure();
  } else if (calleeBytes) {
    return op.emitOpError() << "gives @" << op.getCallee() << " no frame, which needs " << calleeBytes
                            << " bytes";
  }
  Scope arguments;
  auto forOuts = [&](LogicalResult (Memory::*action)(Operation *, const Pointer &, BufferType, int64_t)) {
    for (BlockArgument argument : callee.getBody().getArguments()) {
      auto onEachRank = [&](const Pointer &pointer, BufferType type) -> LogicalResult {
        for (int64_t rank = 0; rank < machine.numRanks(); ++rank)
          if (failed((machine.memory.*action)(op, pointer, type, rank)))
            return failure();
        return success();
      };
      if (callee.getMode(argument.getArgNumber()) == Mode::out &&
          failed(forEachBuffer(arguments[argument], argument.getType(), onEachRank)))
        return failure();
    }
    return success();
  };
  for (auto [argument, operand] : llvm::zip(callee.getBody().getArguments(), op.getOperands()))
    arguments[argument] =
        asArgument(activation.scope[operand], callee.getMode(argument.getArgNumber()), nameOfValue(argument));
  if (failed(forOuts(&Memory::forget)) || failed(call(callee, frame, arguments)) ||
      failed(forOuts(&Memory::expectWritten)))
    return failure();
  return op.getToken() ? startCall(activation, op, frame, calleeBytes) : success();
}

/// The call has run, but nobody may see what it did, or take its frame, before the wait.
LogicalResult ExecInterpreter::startCall(Activation &activation, CallOp op, std::optional<int64_t> frame,
                                         int64_t frameBytes) {
  FailureOr<Started> transfer = start(machine, activation.scope, op);
  if (failed(transfer))
    return failure();
  if (frame && frameBytes) {
    FailureOr<LifeId> life =
        machine.memory.begin(op, ("the frame of @" + op.getCallee()).str(), *frame, frameBytes);
    if (failed(life))
      return failure();
    (*transfer)->frame = *life;
  }
  activation.scope[op.getToken()].transfer = *transfer;
  return success();
}

LogicalResult ExecInterpreter::runLoop(Activation &activation, LoopOp op) {
  BlockArgument trip = op.getBody().getArgument(0);
  auto type = cast<BufferType>(trip.getType());
  int64_t address = alignUp(behind);
  FailureOr<LifeId> life = machine.memory.begin(op, nameOfValue(trip), address, bytesOf(type));
  if (failed(life))
    return failure();
  behind = address + bytesOf(type);
  Handle handle = handleAt(type, address, *life, nameOfValue(trip), machine.numRanks());
  handle.pointer.permission = Mode::in;
  for (int64_t i = 0, trips = static_cast<int64_t>(op.getTrips()); i < trips; ++i) {
    for (int64_t rank = 0; rank < machine.numRanks(); ++rank)
      if (failed(machine.memory.write(op, handle.pointer, type, rank, {static_cast<double>(i)})))
        return failure();
    activation.scope[trip] = handle;
    if (failed(runBlock(activation, op.getBody().front())))
      return failure();
  }
  return machine.memory.end(op, *life);
}

//===-- pointers and keys --------------------------------------------------===//

LogicalResult ExecInterpreter::runBuffer(Activation &activation, BufferOp op) {
  int64_t address, bytes = bytesOf(op.getType());
  if (op.getOffset()) {
    if (!activation.frame)
      return op.emitOpError() << "lies in a frame, but the program has no '" << frameBaseAttrName << "'";
    address = *activation.frame + static_cast<int64_t>(*op.getOffset());
  } else {
    address = alignUp(behind);
    behind = address + bytes;
  }
  std::string name = nameOfValue(op.getResult());
  FailureOr<LifeId> life = machine.memory.begin(op, name, address, bytes);
  if (failed(life))
    return failure();
  activation.scope[op.getResult()] = handleAt(op.getType(), address, *life, name, machine.numRanks());
  return success();
}

LogicalResult ExecInterpreter::runView(Activation &activation, ViewOp op) {
  Handle handle = activation.scope[op.getOperand()];
  int64_t extent = op.getOperand().getType().getExtent();
  for (int64_t rank = 0; rank < machine.numRanks(); ++rank) {
    int64_t start = machine.valueOf(op.getStart(), rank);
    if (start < 0 || start + op.getType().getExtent() > extent)
      return op.emitOpError() << "reaches elements " << start << " to " << start + op.getType().getExtent()
                              << " of '" << handle.pointer.name << "' on rank " << rank << ", which has "
                              << extent;
    handle.pointer.addresses[rank] += start * op.getType().getElementBytes();
  }
  handle.pointer.name = nameOfValue(op.getResult());
  activation.scope[op.getResult()] = std::move(handle);
  return success();
}

FailureOr<std::vector<int64_t>> ExecInterpreter::readScalars(Activation &activation, Operation *op,
                                                             Value scalar) {
  std::vector<int64_t> values;
  for (int64_t rank = 0; rank < machine.numRanks(); ++rank) {
    FailureOr<Image> image = Work(machine, activation.scope, op, rank).read(scalar);
    if (failed(image))
      return failure();
    values.push_back(static_cast<int64_t>(image->front()));
  }
  return values;
}

LogicalResult ExecInterpreter::runInput(Activation &activation, InputOp op) {
  auto first = readScalars(activation, op, op.getFirst()), since = readScalars(activation, op, op.getSince());
  if (failed(first) || failed(since))
    return failure();
  Handle handle = activation.scope[op.getOperand()];
  AxisAttr slots = op.getOperand().getType().getAxes().front();
  for (int64_t rank = 0; rank < machine.numRanks(); ++rank) {
    int64_t samples = (*first)[rank] - (*since)[rank], each = static_cast<int64_t>(op.getSamples());
    if (samples < 0 || samples % each != 0 || samples / each >= slots.getSize())
      return op.emitOpError() << "starts " << samples << " samples behind the first on rank " << rank
                              << ", known are " << slots.getSize() << " slots of " << each;
    handle.pointer.addresses[rank] += samples / each * slots.getStride() * op.getType().getElementBytes();
  }
  handle.pointer.name = nameOfValue(op.getResult());
  handle.pointer.permission = Mode::in;
  activation.scope[op.getResult()] = std::move(handle);
  return success();
}

LogicalResult ExecInterpreter::runKey(Activation &activation, KeyOp op) {
  auto steps = readScalars(activation, op, op.getStep()),
       samples = readScalars(activation, op, op.getFirstSample());
  if (failed(steps) || failed(samples))
    return failure();
  Handle handle;
  for (auto [step, sample] : llvm::zip(*steps, *samples))
    handle.keys.push_back({static_cast<uint32_t>(step), static_cast<uint64_t>(sample), 0});
  activation.scope[op.getResult()] = std::move(handle);
  return success();
}
