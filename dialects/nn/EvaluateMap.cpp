//===- EvaluateMap.cpp - reference value of a map -------------------------===//

#include "dialects/nn/EvaluateLoops.h"
#include "dialects/nn/Nn.h"
#include "dialects/nn/ScalarTape.h"

using namespace mlir;
using namespace nn;

LogicalResult MapOp::evaluate(EvaluateContext &context, ArrayRef<Shard> operands,
                              SmallVectorImpl<Shard> &results) {
  ScalarTape tape;
  if (failed(tape.compile(getBody().front())))
    return failure();
  for (Type type : getResultTypes())
    results.push_back(context.shardFor(cast<NamedTensorType>(type)));
  Nest loops = nestOf(results.front()); // all results have the same axes in the same order
  int64_t count = product(loops);
  SmallVector<Values> inputs;
  for (const Shard &operand : operands)
    inputs.push_back(arrange(operand, loops));
  SmallVector<std::vector<double>> outputs(results.size(), std::vector<double>(count));

  for (int64_t start = 0; start < count; start += ScalarTape::blockSize) {
    int64_t n = std::min(ScalarTape::blockSize, count - start);
    tape.run(llvm::map_to_vector(inputs, [&](const Values &input) { return input->data() + start; }), n);
    for (auto [index, output] : llvm::enumerate(outputs))
      std::copy_n(tape.yieldedColumn(index), n, output.data() + start);
  }
  for (auto [result, output] : llvm::zip(results, outputs))
    result.set(std::move(output));
  return success();
}
