//===- Support.cpp - small programs and values for tests of the interpreter ===//

#include "tests/unit/interpreter/Support.h"

#include "dialects/dist/Dist.h"
#include "dialects/pipe/Pipe.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"

using namespace mlir;
using namespace nn;
using namespace shardc;
using namespace shardc::interpreter;

test::Program::Program(const std::string &text) {
  context.loadDialect<NnDialect, dist::DistDialect, pipes::PipeDialect, arith::ArithDialect,
                      math::MathDialect>();
  context.getDiagEngine().registerHandler([this](Diagnostic &diagnostic) {
    llvm::raw_string_ostream(errors) << diagnostic << "\n";
    return success();
  });
  parsed = parseSourceString<ModuleOp>(text, &context);
  EXPECT_TRUE(parsed) << errors;
}

Datum test::tensor(Type type, std::vector<double> values) {
  Shard shard = Mesh().shardFor(cast<NamedTensorType>(type).stripped(), 0);
  EXPECT_EQ(shard.numElements(), static_cast<int64_t>(values.size()));
  shard.set(std::move(values));
  return Datum::tensor({shard});
}

Datum test::randomDatum(Type type, uint64_t seed) {
  if (isa<KeyType>(type))
    return Datum::ofKey({});
  if (auto bundle = dyn_cast<BundleType>(type)) {
    Data fields;
    for (auto [index, field] : llvm::enumerate(bundle.getTypes()))
      fields.push_back(randomDatum(field, seed * 1000 + index));
    return Datum::bundle(std::move(fields));
  }
  auto tensorType = cast<NamedTensorType>(type);
  std::vector<double> values;
  for (int64_t i = 0; i < tensorType.getNumElements(); ++i) {
    double uniform = rt::uniform(seed, {}, 0, 0, i);
    values.push_back(isa<FloatType>(tensorType.getElementType()) ? 2 * uniform - 1 : std::floor(4 * uniform));
  }
  return tensor(type, std::move(values));
}

Data test::runOnOne(Program &program, StringRef function, Data arguments, Options options) {
  Interpreter interpreter(program.module(), Mesh(), std::move(options));
  FailureOr<Data> results = interpreter.run(function, arguments);
  EXPECT_TRUE(succeeded(results)) << program.errors;
  return succeeded(results) ? *results : Data();
}

const std::vector<double> &test::valuesOf(const Datum &datum) {
  return *datum.shards->front().values;
}
