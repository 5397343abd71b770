//===- Handlers.cpp - how calls, loops, bundles and keys are evaluated ----===//

#include "compiler/interpreter/DistHandlers.h"

#include "dialects/nn/Nn.h"

using namespace mlir;
using namespace nn;
using namespace shardc;
using namespace shardc::interpreter;

static FailureOr<Data> call(Interpreter &interpreter, CallOp op, ArrayRef<Datum> operands) {
  return interpreter.run(op.getCallee(), operands);
}

static FailureOr<Data> loop(Interpreter &interpreter, LoopOp op, ArrayRef<Datum> operands) {
  Data carried(operands);
  for (uint64_t trip = 0; trip < op.getTrips(); ++trip) {
    Data arguments = {scalarDatum(interpreter.getMesh(), static_cast<double>(trip))};
    llvm::append_range(arguments, carried);
    FailureOr<Data> yielded = interpreter.runBlock(op.getBody().front(), arguments);
    if (failed(yielded))
      return failure();
    carried = std::move(*yielded);
  }
  return carried;
}

static FailureOr<Data> pack(Interpreter &, PackOp, ArrayRef<Datum> operands) {
  return Data{Datum::bundle(Data(operands))};
}

static FailureOr<Data> unpack(Interpreter &, UnpackOp, ArrayRef<Datum> operands) {
  return operands[0].fields;
}

static FailureOr<Data> key(Interpreter &, KeyOp, ArrayRef<Datum> operands) {
  rt::Key key;
  key.step = static_cast<uint32_t>(operands[0].scalar());
  key.firstSample = static_cast<uint64_t>(operands[1].scalar());
  return Data{Datum::ofKey(key)};
}

static FailureOr<Data> childKey(Interpreter &, ChildKeyOp op, ArrayRef<Datum> operands) {
  return Data{Datum::ofKey(rt::child(operands[0].key, op.getSite()))};
}

Handlers shardc::interpreter::allHandlers() {
  Handlers handlers;
  handlers.add(call);
  handlers.add(loop);
  handlers.add(pack);
  handlers.add(unpack);
  handlers.add(key);
  handlers.add(childKey);
  addDistHandlers(handlers);
  return handlers;
}
