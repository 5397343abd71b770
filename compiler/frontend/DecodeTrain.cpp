//===- DecodeTrain.cpp - the recipe ---------------------------------------===//
#include "compiler/frontend/DecodeJob.h"
#include <fmt/format.h>

namespace shardc::frontend {
namespace {

Located<int64_t> integerAt(const Node &map, std::string_view key) {
  const Node &node = *map.find(key);
  return {node.integer, node.at};
}
Located<double> numberAt(const Node &map, std::string_view key) {
  const Node &node = *map.find(key);
  return {node.number, node.at};
}
Name textAt(const Node &map, std::string_view key) {
  const Node &node = *map.find(key);
  return {node.text, node.at};
}

class TrainDecoder {
public:
  TrainDecoder(const Node &root, Diagnostics &diags) : root(root), diags(diags) {}

  std::optional<Train> run() {
    const size_t before = diags.size();
    if (const Node *data = root.find("data"))
      decodeData(*data);
    train.seqLen = integerAt(root, "seq_len");
    train.globalBatchSize = integerAt(root, "global_batch_size");
    train.steps = integerAt(root, "steps");
    train.seed = integerAt(root, "seed");
    decodeOptimizer(*root.find("optimizer"));
    decodeSchedule(*root.find("lr_schedule"));
    if (root.find("max_grad_norm")->isNumber())
      train.maxGradNorm = numberAt(root, "max_grad_norm");
    if (const Node &ema = *root.find("ema"); ema.kind == Node::Kind::Map)
      train.emaDecay = numberAt(ema, "decay");
    train.eval = periodic("eval", "batches");
    train.checkpoint = periodic("checkpoint", "keep");
    return diags.size() == before ? std::optional(std::move(train)) : std::nullopt;
  }

private:
  void decodeData(const Node &map) {
    Data data{.at = map.at, .tokenizer = textAt(map, "tokenizer")};
    if (map.find("text"))
      data.text = textAt(map, "text");
    if (map.find("tokens"))
      data.tokens = textAt(map, "tokens");
    if (data.text.has_value() == data.tokens.has_value())
      diags.error(map.at, data.text ? "'text' and 'tokens' cannot both be given" : "'data' names no data")
          .note("give one of 'text' and 'tokens'");
    train.data = std::move(data);
  }

  void decodeOptimizer(const Node &map) {
    Optimizer &optimizer = train.optimizer;
    const Name name = textAt(map, "name");
    const bool isSgd = name.value == "sgd";
    optimizer.kind = {isSgd ? Optimizer::Kind::Sgd : Optimizer::Kind::AdamW, name.at};
    for (auto [key, ofSgd] : {std::pair("betas", false), {"eps", false}, {"momentum", true}})
      if (const Entry *entry = map.entry(key); isSgd != ofSgd && !entry->value.isDefault)
        diags.error(entry->keyAt, fmt::format("'{}' has no meaning for {}", key, name.value))
            .note(name.at, name.at == map.at ? "the optimizer is adamw unless 'name' says otherwise"
                                             : "the optimizer is chosen here");
    const Node &betas = *map.find("betas");
    if (betas.items.size() != 2) {
      diags.error(betas.at, fmt::format("'betas' must be 2 numbers, got {}", betas.items.size()));
      return;
    }
    optimizer.beta1 = {betas.items[0].number, betas.items[0].at};
    optimizer.beta2 = {betas.items[1].number, betas.items[1].at};
    optimizer.lr = numberAt(map, "lr");
    optimizer.eps = numberAt(map, "eps");
    optimizer.momentum = numberAt(map, "momentum");
    optimizer.weightDecay = numberAt(map, "weight_decay");
  }

  void decodeSchedule(const Node &map) {
    LrSchedule &schedule = train.schedule;
    const Name name = textAt(map, "name");
    schedule.kind = {name.value == "cosine"   ? LrSchedule::Kind::Cosine
                     : name.value == "linear" ? LrSchedule::Kind::Linear
                                              : LrSchedule::Kind::Constant,
                     name.at};
    schedule.warmupSteps = integerAt(map, "warmup_steps");
    schedule.minLr = numberAt(map, "min_lr");
    if (schedule.warmupSteps.value > train.steps.value)
      diags
          .error(schedule.warmupSteps.at, fmt::format("'warmup_steps' {} is more than 'steps' {}",
                                                      schedule.warmupSteps.value, train.steps.value))
          .note(train.steps.at, "'steps' is set here");
    if (schedule.minLr.value > train.optimizer.lr.value)
      diags
          .error(schedule.minLr.at, fmt::format("'min_lr' {} is more than 'lr' {}", schedule.minLr.value,
                                                train.optimizer.lr.value))
          .note(train.optimizer.lr.at, fmt::format("'lr' is {}", train.optimizer.lr.value));
  }

  std::optional<Periodic> periodic(std::string_view key, std::string_view count) const {
    const Node &map = *root.find(key);
    if (map.kind != Node::Kind::Map)
      return std::nullopt;
    return Periodic{integerAt(map, "every"), integerAt(map, count)};
  }

  const Node &root;
  Diagnostics &diags;
  Train train;
};

} // namespace

std::optional<Train> decodeTrain(const Node &root, Diagnostics &diags) {
  return TrainDecoder(root, diags).run();
}

} // namespace shardc::frontend
