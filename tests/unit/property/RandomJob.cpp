//===- RandomJob.cpp - jobs drawn at random, in the language of jobs ------===//
//
// First a plan; then sizes that its rules divide (mostly), small and often odd; then a model out of
// the parts that real ones are made of: norms, grouped-query or fused attention, windows, caps, rotary or
// learned positions, gated or plain MLPs, biases, dropout, tied heads, layers that alternate.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/property/RandomJob.h"

#include "tests/unit/property/RandomPlan.h"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace shardc::interpreter;
using namespace shardc::interpreter::test;

namespace {

std::string number(int64_t value) {
  return std::to_string(value);
}

//===-- sizes --------------------------------------------------------------===//

struct Sizes {
  int64_t embed, mlp, vocab, kvHeads, group, headDim, seq, layers, microbatches, batch;
};

Sizes randomSizes(Dice &dice, const RandomPlan &plan) {
  auto sized = [&](const std::string &axis, int64_t least, int64_t mostFactor) {
    int64_t divisor = dice.chance(0.02) ? 1 : plan.divisorOf(axis);
    return divisor * ((least + divisor - 1) / divisor + dice.upTo(mostFactor));
  };
  Sizes sizes;
  sizes.embed = sized("embed", 5, 4); // a norm over fewer is nearly constant, and its gradient only rounding
  sizes.mlp = sized("mlp", 2, 4);
  sizes.vocab = sized("vocab", 3, 8);
  if (dice.chance(0.3)) // padded where the rules don't divide it
    sizes.vocab += dice.upTo(4);
  sizes.seq = sized("seq", 2, 4);
  int64_t heads = plan.divisorOf("heads");
  bool isGrouped = dice.chance(0.5), isShared = heads > 1 && dice.chance(0.3);
  sizes.kvHeads = heads * (1 + dice.upTo(1));
  sizes.group = isGrouped ? 2 + dice.upTo(1) : 1;
  if (isShared) { // fewer heads of keys than ranks: any number that leaves the product divided
    sizes.kvHeads = 1 + dice.upTo(heads - 1);
    sizes.group *= heads / std::gcd(heads, sizes.kvHeads);
  }
  sizes.headDim = dice.oneOf<int64_t>({2, 4, 6});
  if (sizes.headDim % plan.divisorOf("head_dim"))
    sizes.headDim *= plan.divisorOf("head_dim");
  sizes.layers = 1 + dice.upTo(2);
  sizes.microbatches = dice.oneOf<int64_t>({1, 1, 2, 3});
  if (plan.layers) {
    sizes.layers = plan.layers;
    sizes.microbatches = plan.microbatches;
  }
  sizes.batch = sizes.microbatches * plan.divisorOf("batch") * (1 + dice.upTo(1));
  return sizes;
}

//===-- model --------------------------------------------------------------===//

/// One YAML module: its weights, one a line, and its body.
struct Module {
  std::string name, weights, extra, parameters, body;

  std::string text() const {
    std::string all = "    " + name + ":\n";
    if (!weights.empty())
      all += "      weights:\n" + weights;
    all += extra + "      forward(" + parameters + "): |\n" + body;
    return all;
  }
  void weight(const std::string &weightName, const std::string &axes, const std::string &more = "") {
    weights += "        " + weightName + ": {axes: [" + axes + "]" + more + "}\n";
  }
  void line(const std::string &statement) { body += "        " + statement + "\n"; }
};

class ModelWriter {
public:
  ModelWriter(Dice &dice, const Sizes &sizes)
      : dice(dice), sizes(sizes), isGated(dice.chance(0.5)), hasBias(dice.chance(0.5)),
        isFused(dice.chance(0.3)), hasRope(dice.chance(0.5)), hasTable(dice.chance(0.5)),
        isTied(dice.chance(0.5)), dropout(dice.chance(0.3) ? "0.2" : "") {}

  std::string text() {
    std::string config =
        "{hidden_size: " + number(sizes.embed) + ", num_hidden_layers: " + number(sizes.layers) +
        ", num_key_value_heads: " + number(sizes.kvHeads) + ", group_size: " + number(sizes.group) +
        ", head_dim: " + number(sizes.headDim) + ", intermediate_size: " + number(sizes.mlp) +
        ", vocab_size: " + number(sizes.vocab) +
        ", max_position_embeddings: " + number(sizes.seq + dice.upTo(3)) +
        ", initializer_range: " + initializerRange() + ", local: false}";
    return "  model: random\n  config: " + config +
           "\n  axes: {embed: hidden_size, mlp: intermediate_size, vocab: vocab_size, head_dim: head_dim, "
           "qkv: 3,\n"
           "         kv_heads: num_key_value_heads, group: group_size, heads: [kv_heads, group], position: "
           "max_position_embeddings}\n"
           "  inputs: {tokens: {axes: [batch, seq], dtype: i32}, labels: {axes: [batch, seq], dtype: i32, "
           "shift: 1, "
           "ignore: -100}}\n  modules:\n" +
           norm() + attention() + mlp() + block() + main();
  }

private:
  /// The wider a product, the smaller its weights: values keep their size from layer to layer, or what one
  /// rounds the next would multiply.
  std::string initializerRange() const {
    int64_t widest = std::max({sizes.embed, sizes.mlp, sizes.kvHeads * sizes.group * sizes.headDim});
    return std::to_string(std::min(0.3, 1 / std::sqrt(double(widest))));
  }

  std::string norm() {
    Module module{"norm", "", "", "x", ""};
    module.weight("weight", "embed", ", init: ones");
    if (dice.chance(0.5)) {
      module.line("return rms_norm(x, over=embed, eps=1.0e-5) * weight");
    } else {
      module.weight("bias", "embed", ", init: zeros");
      module.line("return layer_norm(x, weight, bias, over=embed, eps=1.0e-5)");
    }
    return module.text();
  }

  std::string biasTerm(const std::string &name) const { return hasBias ? " + " + name + ".bias" : ""; }
  std::string dropped(const std::string &value) const {
    return dropout.empty() ? value : "dropout(" + value + ", " + dropout + ")";
  }

  std::string attention() {
    Module module{"attention", "", "", "x", ""};
    auto projection = [&](const std::string &name, const std::string &axes) {
      module.weight(name + ".weight", "[" + axes + "], embed");
      if (hasBias)
        module.weight(name + ".bias", "[" + axes + "]", ", init: zeros");
    };
    if (isFused) {
      module.weight("c_attn.weight", "embed, [qkv, heads, head_dim]");
      if (hasBias)
        module.weight("c_attn.bias", "[qkv, heads, head_dim]", ", init: zeros");
      module.line("q, k, v = unstack(x @ c_attn.weight" + biasTerm("c_attn") + ", axis=qkv)");
    } else {
      projection("q_proj", "heads, head_dim");
      projection("k_proj", "kv_heads, head_dim");
      projection("v_proj", "kv_heads, head_dim");
      for (const std::string &name : {"q", "k", "v"})
        module.line(name + " = x @ " + name + "_proj.weight" + biasTerm(name + "_proj"));
    }
    if (dice.chance(0.3))
      for (const std::string &name : {"q", "k"})
        module.line(name + " = rms_norm(" + name + ", over=head_dim, eps=1.0e-5)");
    if (hasRope)
      for (const std::string &name : {"q", "k"})
        module.line(name + " = rope(" + name + ", positions(seq), over=head_dim, theta=100.0)");
    std::string options = ", over=head_dim, causal=true";
    if (dice.chance(0.3))
      options += ", window=2 if local else none";
    if (dice.chance(0.2))
      options += ", soft_cap=1.5";
    if (!dropout.empty())
      options += ", dropout=" + dropout;
    module.weight("o_proj.weight", "embed, [heads, head_dim]");
    if (hasBias)
      module.weight("o_proj.bias", "embed", ", init: zeros");
    module.line("return " +
                dropped("attention(q, k, v" + options + ") @ o_proj.weight" + biasTerm("o_proj")));
    return module.text();
  }

  std::string mlp() {
    Module module{"mlp", "", "", "x", ""};
    auto linear = [&](const std::string &name, const std::string &axes, const std::string &out) {
      module.weight(name + ".weight", axes);
      if (hasBias)
        module.weight(name + ".bias", out, ", init: zeros");
    };
    linear("up_proj", "mlp, embed", "mlp");
    std::string hidden = "x @ up_proj.weight" + biasTerm("up_proj");
    if (isGated) {
      module.weight("gate_proj.weight", "mlp, embed");
      module.line("hidden = silu(x @ gate_proj.weight) * (" + hidden + ")");
    } else {
      module.line("hidden = " + dice.oneOf<std::string>({"gelu", "gelu_tanh"}) + "(" + hidden + ")");
    }
    linear("down_proj", "embed, mlp", "embed");
    module.line("return " + dropped("hidden @ down_proj.weight" + biasTerm("down_proj")));
    return module.text();
  }

  std::string block() {
    Module module{"block", "", "      children: {norm1: norm, attn: attention, norm2: norm, mlp: mlp}\n", "x",
                  ""};
    if (dice.chance(0.2)) {
      module.line("return x + attn(norm1(x)) + mlp(norm2(x))");
    } else {
      module.line("x = x + attn(norm1(x))");
      module.line("return x + mlp(norm2(x))");
    }
    return module.text();
  }

  std::string main() {
    std::string layers = "{module: block, repeat: num_hidden_layers" +
                         std::string(dice.chance(0.4) ? ", config: {local: layer % 2 == 0}" : "") + "}";
    Module module{"main", "", "      children: {layers: " + layers + ", norm: norm}\n", "tokens, labels", ""};
    module.weight("embed_tokens.weight", "vocab, embed");
    std::string x = "gather(embed_tokens.weight, tokens, axis=vocab)";
    if (hasTable) {
      module.weight("wpe.weight", "position, embed");
      x += " + gather(wpe.weight, positions(seq), axis=position)";
    }
    if (!isTied)
      module.weight("lm_head.weight", "vocab, embed");
    module.line("x = layers(" + dropped(x) + ")");
    module.line("logits = norm(x) @ " + std::string(isTied ? "embed_tokens" : "lm_head") + ".weight");
    if (dice.chance(0.2))
      module.line("logits = soft_cap(logits, 3.0)");
    module.line("return cross_entropy(logits, labels, over=vocab)");
    return module.text();
  }

  Dice &dice;
  const Sizes &sizes;
  bool isGated, hasBias, isFused, hasRope, hasTable, isTied;
  std::string dropout;
};

std::string randomTraining(Dice &dice, const Sizes &sizes) {
  std::string optimizer =
      dice.chance(0.8) ? "{name: adamw, lr: 1.0e-2, betas: [0.9, 0.95], eps: 1.0e-3, weight_decay: 0.1}"
                       : "{name: sgd, lr: 0.1, momentum: 0.75, weight_decay: 0.1}";
  std::string schedule = "{name: " + dice.oneOf<std::string>({"constant", "linear", "cosine"}) +
                         ", warmup_steps: 2, min_lr: 1.0e-3}";
  return "{seq_len: " + number(sizes.seq) + ", global_batch_size: " + number(sizes.batch) +
         ", steps: 10, optimizer: " + optimizer + ", lr_schedule: " + schedule +
         (dice.chance(0.7) ? ", max_grad_norm: 0.5" : "") + ", seed: " + number(dice.upTo(1000)) +
         (dice.chance(0.3) ? ", ema: {decay: 0.75}}" : "}");
}

} // namespace

std::string test::randomJob(uint64_t seed) {
  Dice dice(seed);
  RandomPlan plan = randomPlan(dice, Dice(~seed), Dice(seed ^ 0x9e3779b97f4a7c15));
  Sizes sizes = randomSizes(dice, plan);
  std::string model = ModelWriter(dice, sizes).text();
  return "# seed " + number(static_cast<int64_t>(seed)) + "\nmodel:\n" + model + "plan: {" + plan.text +
         ", microbatches: " + number(sizes.microbatches) + "}\ntrain: " + randomTraining(dice, sizes) + "\n";
}
