// What bodies come to: each test is a small model and the lines of its program that matter.
#include "compiler/frontend/build/BuildModule.h"
#include "tests/unit/frontend/Frontend.h"

#include "dialects/nn/Nn.h"

#include "mlir/IR/AsmState.h"

#include <fmt/format.h>

namespace shardc::frontend {
namespace {

/// The pieces of a model; main gathers `x` and returns what `result` says.
struct Pieces {
  std::string config, axes, modules, weights, children, body, result = "x", plan;
};

std::string indented(const std::string &text, int columns) {
  std::string out, pad(columns, ' ');
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    out += line.empty() ? "" : pad + line + "\n";
  return out;
}

std::string jobOf(const Pieces &pieces) {
  std::string job = "model:\n  model: tiny\n";
  job += "  config: {hidden_size: 8, vocab_size: 300, initializer_range: 0.02" + pieces.config + "}\n";
  job += "  axes: {embed: hidden_size, vocab: vocab_size, kv_heads: 2, group: 3, heads: [kv_heads, group], "
         "head_dim: 4" +
         pieces.axes + "}\n";
  job += "  inputs: {tokens: {axes: [batch, seq]}, labels: {axes: [batch, seq], shift: 1}}\n";
  job += "  hf: {prefix: \"tiny.\"}\n  modules:\n" + indented(pieces.modules, 4);
  job +=
      "    main:\n      weights:\n        emb.weight: {axes: [vocab, embed]}\n" + indented(pieces.weights, 8);
  if (!pieces.children.empty())
    job += "      children: {" + pieces.children + "}\n";
  job += "      forward(tokens, labels): |\n        x = gather(emb.weight, tokens, axis=vocab)\n";
  job += indented(pieces.body, 8) + "        return sum(" + pieces.result + ", over=embed)\n";
  if (!pieces.plan.empty())
    job += "plan: " + pieces.plan + "\n";
  return job + "train: {seq_len: 4, global_batch_size: 6, steps: 7, seed: 5}\n";
}

class Body : public testing::Test {
protected:
  mlir::ModuleOp build(const Pieces &pieces) {
    TestFolder folder;
    Diagnostics diags;
    std::optional<Job> job = loadJob(folder.write("job.yaml", jobOf(pieces)), withPlans(), diags);
    EXPECT_TRUE(job) << diags.str();
    if (job)
      module = buildModule(context, *job, diags);
    EXPECT_TRUE(module) << diags.str();
    return module ? *module : mlir::ModuleOp();
  }

  nn::FuncOp func(const char *name) { return module->lookupSymbol<nn::FuncOp>(name); }

  template <typename Op> std::vector<Op> ops(const char *name) {
    std::vector<Op> found;
    func(name).walk([&](Op op) { found.push_back(op); });
    return found;
  }

  /// `f32[seq=4]`
  static std::string typeOf(mlir::Value value) {
    return nn::toString(llvm::cast<nn::NamedTensorType>(value.getType()));
  }

  std::string text() {
    std::string text;
    llvm::raw_string_ostream stream(text);
    module->print(stream);
    return text;
  }

  nn::ParameterAttr parameter(const char *name, unsigned argument, unsigned index) {
    auto attrs = mlir::function_interface_impl::getArgAttrDict(func(name), argument);
    return llvm::cast<nn::ParameterAttr>(attrs.getAs<mlir::ArrayAttr>(nn::parametersAttrName)[index]);
  }

  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

TEST_F(Body, OneExpressionIsOneMap) {
  build({.body = "y = 2 * x * sigmoid(x) + 1"});
  auto maps = ops<nn::MapOp>("main");
  ASSERT_EQ(maps.size(), 1u);
  EXPECT_EQ(nn::nameOf(maps[0].getLoc()), "y");
  EXPECT_EQ(maps[0].getNumOperands(), 1u);
}

TEST_F(Body, WhatHasFewerAxesIsComputedFirst) {
  build({.body = "y = x * exp(sum(x, over=embed) / 2)"});
  auto maps = ops<nn::MapOp>("main");
  ASSERT_EQ(maps.size(), 2u);
  EXPECT_EQ(typeOf(maps[0].getResult(0)), "f32[batch=6, seq=4]");
  EXPECT_EQ(typeOf(maps[1].getResult(0)), "f32[batch=6, seq=4, embed=8]");
}

TEST_F(Body, SmallPowersAreProducts) {
  build({.body = "y = x ** 3 + x ** 0.5 + x ** -2"});
  const std::string program = text();
  EXPECT_EQ(program.find("math.powf"), std::string::npos);
  EXPECT_NE(program.find("math.sqrt"), std::string::npos);
  EXPECT_EQ(build({.body = "y = x ** 2.5"}) ? text().find("math.powf") != std::string::npos : false, true);
}

TEST_F(Body, DisjointOperandsMakeAnOuterProduct) {
  build({.weights = "a: {axes: [head_dim]}\nb: {axes: [group]}", .body = "y = a * b"});
  EXPECT_EQ(typeOf(ops<nn::MapOp>("main")[0].getResult(0)), "f32[head_dim=4, group=3]");
}

TEST_F(Body, IntegersStayIntegersUntilDivided) {
  build({.body = "a = maximum(labels, 0) + 1\nb = a / 2\nc = a * 0.5\nd = a % 2"});
  auto maps = ops<nn::MapOp>("main");
  ASSERT_EQ(maps.size(), 4u);
  EXPECT_EQ(typeOf(maps[0].getResult(0)), "i32[batch=6, seq=4]");
  EXPECT_EQ(typeOf(maps[1].getResult(0)), "f32[batch=6, seq=4]");
  EXPECT_EQ(typeOf(maps[2].getResult(0)), "f32[batch=6, seq=4]");
  EXPECT_EQ(typeOf(maps[3].getResult(0)), "i32[batch=6, seq=4]");
}

TEST_F(Body, AnAbsentWeightAddsNothing) {
  build({.config = ", biased: false",
         .weights = "bias: {axes: [embed], when: biased}",
         .body = "y = x + bias\nz = bias + x\nw = x - bias"});
  EXPECT_TRUE(ops<nn::MapOp>("main").empty());
  EXPECT_EQ(text().find("bias:"), std::string::npos);
}

TEST_F(Body, OfAChoiceOnlyOneSideIsRead) {
  build({.config = ", twice: true, cap: null",
         .body = "y = x * 2 if twice else nothing\nz = nothing if cap else y * 3"});
  EXPECT_EQ(ops<nn::MapOp>("main").size(), 2u);
}

TEST_F(Body, DropoutOfZeroNeedsNoKey) {
  build({.config = ", p: 0.0", .body = "y = dropout(x, p)"});
  EXPECT_TRUE(ops<nn::DropoutOp>("main").empty());
  EXPECT_FALSE(llvm::isa<nn::KeyType>(func("main").getArguments().back().getType()));
}

TEST_F(Body, ContractKeepsWhatItIsTold) {
  build(
      {.weights = "w: {axes: [[heads, head_dim], embed]}",
       .body =
           "q = x @ w\nk = rename(q, seq=head_dim_)\ns = contract(q, k, over=head_dim, keep=[batch, heads])",
       .axes = ", head_dim_: 4"});
  EXPECT_EQ(typeOf(ops<nn::ContractOp>("main")[1].getResult()),
            "f32[batch=6, seq=4, kv_heads=2, group=3, head_dim_=4]");
}

TEST_F(Body, AxesChangeAndComeBack) {
  build({.axes = ", pair: 2, quarter: 4, left: 5, right: 3",
         .body = "s = split(x, embed=[pair, quarter])\nm = merge(s, embed=[pair, quarter])\n"
                 "a, b = slice(m, embed=[left, right])\nc = concat(a, b, embed=[left, right])\n"
                 "d, e = unstack(s, axis=pair)\nf = detach(c)"});
  auto concat = ops<nn::ConcatOp>("main");
  ASSERT_EQ(concat.size(), 1u);
  EXPECT_EQ(typeOf(concat[0].getResult()), "f32[batch=6, seq=4, embed=8]");
  EXPECT_NE(text().find("%d, %e = nn.unstack"), std::string::npos);
}

TEST_F(Body, ConcatBroadcasts) {
  build({.axes = ", left: 5, right: 3",
         .weights = "w: {axes: [left, embed]}\nshared: {axes: [right]}",
         .body = "y = concat(x @ w, shared, embed=[left, right])",
         .result = "y"});
  EXPECT_EQ(typeOf(ops<nn::MapOp>("main")[0].getResult(0)), "f32[batch=6, seq=4, right=3]");
}

TEST_F(Body, AttentionRenamesTheKeysAxis) {
  build({.weights = "q: {axes: [[heads, head_dim], embed]}\nkv: {axes: [[kv_heads, head_dim], embed]}",
         .body = "k = x @ kv\ny = attention(x @ q, k, k, over=head_dim, causal=true, window=none)"});
  auto attention = ops<nn::AttentionOp>("main");
  ASSERT_EQ(attention.size(), 1u);
  EXPECT_EQ(typeOf(attention[0].getKey()), "f32[batch=6, key_seq=4, kv_heads=2, head_dim=4]");
  EXPECT_EQ(attention[0].getScale().convertToDouble(), 0.5); // 1 / sqrt(4)
  EXPECT_FALSE(attention[0].getWindow());
}

TEST_F(Body, RopeScalingIsPassedOn) {
  build({.config =
             ", scaling: {type: yarn, factor: 4.0, original_max_position_embeddings: 32, truncate: false}",
         .body = "y = rope(x, positions(seq), over=embed, theta=1e4, scaling=scaling)"});
  EXPECT_NE(text().find("scaling = {factor = 4.000000e+00 : f64, original_max_position_embeddings = "
                        "3.200000e+01 : f64, rope_type = \"yarn\", truncate = false}"),
            std::string::npos);
}

//===-- weights and children -------------------------------------------------===//

TEST_F(Body, ATiedWeightIsTheOther) {
  build({.weights = "head.weight: {axes: [vocab, embed], tie: {to: emb.weight}}",
         .body = "logits = x @ head.weight"});
  auto bundle = llvm::cast<nn::BundleType>(func("main").getArgument(2).getType());
  EXPECT_EQ(bundle.size(), 1u);
  EXPECT_EQ(ops<nn::ContractOp>("main")[0].getRhs(), ops<nn::GatherOp>("main")[0].getTable());
}

TEST_F(Body, DecayIsForWhatIsContracted) {
  build({.modules =
             "scale:\n  weights:\n    w: {axes: [embed]}\n    forced: {axes: [embed], decay: true}\n"
             "    table: {axes: [head_dim, embed], decay: false}\n    square: {axes: [head_dim, embed]}\n"
             "  forward(x, v): |\n    y = x * w * forced + sum(x @ (1 + square) + x @ table, over=head_dim)\n"
             "    return y * sum(x @ v, over=group)",
         .weights = "v: {axes: [group, embed]}",
         .children = "scale: scale",
         .result = "scale(x, v)"});
  auto decay = [&](unsigned index) { return parameter("scale", 2, index).getDecay().getValue(); };
  EXPECT_FALSE(decay(0)); // w: scales
  EXPECT_TRUE(decay(1));
  EXPECT_FALSE(decay(2));
  EXPECT_TRUE(decay(3));                                       // square: folded, even as 1 + square
  EXPECT_TRUE(parameter("main", 2, 1).getDecay().getValue());  // v: folded in the child
  EXPECT_FALSE(parameter("main", 2, 2).getDecay().getValue()); // scale.w
  EXPECT_TRUE(parameter("main", 2, 0).getDecay().getValue());  // emb: gathered
}

TEST_F(Body, ABiasDoesNotDecayBecauseItsSumIsContracted) {
  build({.weights = "bias: {axes: [embed]}\nw: {axes: [group, embed]}", .body = "y = (x + bias) @ w"});
  EXPECT_FALSE(parameter("main", 2, 1).getDecay().getValue());
  EXPECT_TRUE(parameter("main", 2, 2).getDecay().getValue());
}

const char *const layerModule =
    "layer_:\n  weights:\n    w.weight: {axes: [embed], init: normal(initializer_range / 2)}\n"
    "  forward(x): |\n    return x * w.weight if wide else x + w.weight\n";

TEST_F(Body, LayersWithEqualConfigShareAFunction) {
  build({.config = ", wide: false, unread: 0",
         .modules = layerModule,
         .children = "layers: {module: layer_, repeat: 4, config: {wide: layer % 2 == 0, unread: layer}}",
         .result = "layers(x)"});
  std::vector<std::string> callees;
  for (nn::CallOp call : ops<nn::CallOp>("main"))
    callees.push_back(call.getCallee().str());
  EXPECT_EQ(callees, (std::vector<std::string>{"layer_", "layer__1", "layer_", "layer__1"}));
  EXPECT_EQ(parameter("main", 3, 0).getStd().getValueAsDouble(), 0.01);
  // both kinds have the same weights, which are one type
  EXPECT_EQ(func("main").getArgument(3).getType(), func("main").getArgument(4).getType());
  auto attrs = mlir::function_interface_impl::getArgAttrDict(func("main"), 5);
  EXPECT_EQ(attrs.getAs<mlir::StringAttr>("nn.path").str(), "layers.2");
  EXPECT_EQ(attrs.getAs<mlir::StringAttr>("nn.file_prefix").str(), "tiny.layers.2.");
}

TEST_F(Body, RepeatsBelowMainAreFields) {
  build({.config = ", wide: false",
         .modules = std::string(layerModule) +
                    "stack:\n  children: {layers: {module: layer_, repeat: 3}}\n  forward(x): |\n"
                    "    return layers(x)\n",
         .children = "stack: {module: stack, hf: encoder}",
         .result = "stack(x)"});
  auto bundle = llvm::cast<nn::BundleType>(func("main").getArgument(2).getType());
  EXPECT_EQ(bundle.getFields()[3].str(), "stack.layers.2.w.weight");
  EXPECT_EQ(parameter("main", 2, 3).getFile().str(), "encoder.layers.2.w.weight");
}

TEST_F(Body, AChildsConfigReachesWhatIsBelow) {
  build({.config = ", inner: 4",
         .axes = ", mlp: inner",
         .modules = "up:\n  weights: {w: {axes: [mlp, embed]}}\n  forward(x): |\n    return x @ w @ w\n"
                    "outer:\n  children: {up: up}\n  forward(x): |\n    return up(x)\n",
         .children = "a: {module: outer, config: {inner: 2 * inner}}, b: outer",
         .result = "a(x) + b(x)"});
  EXPECT_EQ(typeOf(ops<nn::ContractOp>("up")[0].getResult()), "f32[batch=6, seq=4, mlp=8]");
  EXPECT_EQ(typeOf(ops<nn::ContractOp>("up_1")[0].getResult()), "f32[batch=6, seq=4, mlp=4]");
  EXPECT_TRUE(func("outer_1"));
}

TEST_F(Body, ModulesMayHaveNamesOfTheStepsFunctions) {
  build({.modules = "step:\n  forward(x): |\n    return x * 2\n", .children = "a: step", .result = "a(x)"});
  EXPECT_TRUE(func("step_module"));
  EXPECT_FALSE(func("step"));
}

TEST_F(Body, KeysGoWhereRandomnessIs) {
  build({.modules = "plain:\n  forward(x): |\n    return x * 2\nrandom:\n  forward(x): |\n"
                    "    return dropout(x, 0.5) + dropout(x, 0.25)\n",
         .children = "plain: plain, random: random",
         .result = "random(plain(random(x)))"});
  EXPECT_EQ(func("plain").getNumArguments(), 1u);
  EXPECT_TRUE(llvm::isa<nn::KeyType>(func("random").getArguments().back().getType()));
  EXPECT_TRUE(llvm::isa<nn::KeyType>(func("main").getArguments().back().getType()));
  auto drops = ops<nn::DropoutOp>("random");
  EXPECT_NE(drops[0].getSite(), drops[1].getSite());
  auto keys = ops<nn::ChildKeyOp>("main");
  ASSERT_EQ(keys.size(), 2u);
  EXPECT_NE(keys[0].getSite(), keys[1].getSite());
}

//===-- plan, recipe, places -------------------------------------------------===//

std::string rulesOf(mlir::ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module->getAttr("dist.plan").print(stream);
  return text;
}

TEST_F(Body, ProductsInRulesBecomeTheirParts) {
  auto rules = [&](const std::string &plan) {
    return rulesOf(
        build({.weights = "w: {axes: [[heads, head_dim], embed]}", .body = "q = x @ w", .plan = plan}));
  };
  EXPECT_EQ(rules("{mesh: {tp: 2}, shard: [{heads: tp}]}"),
            "#dist.plan<mesh = [tp = 2], rules = [[kv_heads@tp]]>");
  EXPECT_EQ(rules("{mesh: {tp: 3}, shard: [{heads: tp}]}"),
            "#dist.plan<mesh = [tp = 3], rules = [[group@tp]]>");
  EXPECT_EQ(rules("{mesh: {a: 2, b: 3}, shard: [{heads: [a, b]}]}"),
            "#dist.plan<mesh = [a = 2, b = 3], rules = [[kv_heads@a, group@b]]>");
}

TEST_F(Body, TheRecipeIsOnTheModule) {
  auto recipe = build({})->getAttrOfType<mlir::DictionaryAttr>("nn.recipe");
  EXPECT_EQ(recipe.getAs<mlir::IntegerAttr>("global_batch_size").getInt(), 6);
  EXPECT_EQ(recipe.getAs<mlir::IntegerAttr>("seed").getInt(), 5);
  EXPECT_EQ(recipe.getAs<mlir::FloatAttr>("max_grad_norm").getValueAsDouble(), 0.0);
  EXPECT_EQ(recipe.getAs<mlir::DictionaryAttr>("optimizer").getAs<mlir::StringAttr>("name").str(), "adamw");
  EXPECT_EQ(recipe.getAs<mlir::DictionaryAttr>("lr_schedule").getAs<mlir::StringAttr>("name").str(),
            "constant");
}

TEST_F(Body, BatchIsOneMicroBatch) {
  build({.plan = "{mesh: {}, microbatches: 3}"});
  EXPECT_EQ(typeOf(func("main").getArgument(0)), "i32[batch=2, seq=4]");
}

TEST_F(Body, PlacesPointIntoTheYaml) {
  build({.body = "y = softmax(x, over=embed)"});
  // softmax is a function of the library; its ops stand where it is called
  for (nn::ReduceOp op : ops<nn::ReduceOp>("main")) {
    auto place = llvm::cast<mlir::FileLineColLoc>(llvm::cast<mlir::NameLoc>(op.getLoc()).getChildLoc());
    EXPECT_TRUE(place.getFilename().str().ends_with("job.yaml"));
  }
}

} // namespace
} // namespace shardc::frontend
