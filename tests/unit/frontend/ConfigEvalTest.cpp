// Config values and axis sizes in scopes, and what they refuse.
#include "compiler/frontend/ConfigEval.h"
#include "compiler/frontend/Schema.h"
#include "tests/unit/frontend/Frontend.h"
#include <cmath>

namespace shardc::frontend {
namespace {

ModelSpec modelOf(const std::string &config, const std::string &axes, const std::string &children = "{}") {
  Node root = treeOf("model: small\nconfig: " + config + "\naxes: " + axes +
                     "\ninputs: {tokens: {axes: [batch, seq]}}\nmodules:\n"
                     "  other:\n    forward(x): |\n      return x\n"
                     "  block:\n    weights: {w: {axes: [embed], init: normal(2 * std)}}\n"
                     "    forward(x): |\n      return x\n"
                     "  main:\n    children: " +
                     children + "\n    forward(tokens): |\n      return tokens\n");
  Diagnostics diags;
  EXPECT_TRUE(checkDocument(Document::Model, root, diags)) << diags.str();
  std::optional<ModelSpec> model = decodeModel(root, nullptr, diags);
  EXPECT_TRUE(model) << diags.str();
  return model ? std::move(*model) : ModelSpec();
}

const std::string axes = "{embed: width}";

Value valueOf(const std::string &expression) {
  ModelSpec model =
      modelOf("{width: 8, half: width / 2, flag: true, off: false, nothing: null, std: 0.5, zero: 0,"
              " map: {type: linear, factor: 2.0}, answer: " +
                  expression + "}",
              axes);
  Diagnostics diags;
  std::optional<Value> value = Scope(model, {}).get("answer", {}, diags);
  EXPECT_TRUE(value) << diags.str();
  return value.value_or(Value());
}

TEST(ConfigEval, ComputesAsPythonDoes) {
  EXPECT_EQ(valueOf("half + 3 * 2").number, 10);
  EXPECT_EQ(valueOf("-width % 3").number, 1);
  EXPECT_EQ(valueOf("width ** 2 ** 0.5").number, std::pow(8, std::sqrt(2)));
  EXPECT_EQ(valueOf("nothing or width").number, 8);
  EXPECT_EQ(valueOf("width and half").number, 4);
  EXPECT_TRUE(valueOf("nothing == null").truth());
  EXPECT_TRUE(valueOf("not nothing and not zero and not off").truth());
  EXPECT_TRUE(valueOf("width >= 8 and width != 7").truth());
  EXPECT_EQ(valueOf("1 if nothing else 2").number, 2);
  EXPECT_EQ(valueOf("1 / zero if off else 3").number, 3); // the branch not taken is not looked at
  EXPECT_EQ(valueOf("off and 1 / zero").str(), "false");
  EXPECT_EQ(valueOf("map").str(), "{type: linear, factor: 2.0}");
  EXPECT_EQ(valueOf("{a: [1, null]}").str(), "{a: [1, null]}");
}

std::string errorOf(const std::string &expression) {
  ModelSpec model = modelOf("{width: 8, nothing: null, big: 1.0e+300, map: {a: 1},\n  answer: " + expression +
                                ", back: answer + 1}",
                            axes);
  Diagnostics diags;
  EXPECT_FALSE(Scope(model, {}).get("answer", {}, diags));
  return diags.str();
}

TEST(ConfigEval, RefusesWhatHasNoValue) {
  EXPECT_EQ(errorOf("widht + 1"), "test.yaml:3:11: error: unknown config key 'widht'\n"
                                  "test.yaml:3:11: note: did you mean 'width'?\n");
  EXPECT_EQ(errorOf("embed"), "test.yaml:3:11: error: unknown config key 'embed'\n"
                              "test.yaml:3:11: note: an axis has a value only in the sizes of other axes\n");
  EXPECT_EQ(errorOf("2 * nothing"), "test.yaml:3:15: error: 'nothing' is null, where a number is needed\n");
  EXPECT_EQ(errorOf("map + 1"), "test.yaml:3:11: error: 'map' is {a: 1}, where a number is needed\n");
  EXPECT_EQ(errorOf("1 + (width == 8)"),
            "test.yaml:3:22: error: 'width == 8' is true, where a number is needed\n");
  EXPECT_EQ(errorOf("1 / (width - 8)"), "test.yaml:3:13: error: '1 / (width - 8)' divides by zero\n");
  EXPECT_EQ(errorOf("big * big"), "test.yaml:3:15: error: 'big * big' has no finite value\n");
  EXPECT_EQ(errorOf("back"),
            "test.yaml:3:23: error: 'answer' depends on itself: 'answer' -> 'back' -> 'answer'\n");
  EXPECT_EQ(errorOf("layer"),
            "test.yaml:3:11: error: 'layer' has a value only in the config, module and when of a "
            "child with repeat\n");
  EXPECT_EQ(errorOf("max(1)"), "test.yaml:3:11: error: 'max' cannot be called in a config expression\n"
                               "test.yaml:3:11: note: config expressions hold numbers, keys, arithmetic, "
                               "comparisons and 'a if c else b'\n");
  EXPECT_EQ(errorOf("width @ width"), "test.yaml:3:17: error: '@' cannot stand in a config expression\n");
}

TEST(ConfigEval, SizesAxes) {
  ModelSpec model =
      modelOf("{width: 8, heads: 6, kv: 2, pct: 0.25, std: 1}",
              "{embed: width, kv_heads: kv, group: heads / kv, all: [kv_heads, group], pair: [all, embed],"
              " head_dim: 128, rotary: head_dim * pct, rest: head_dim - rotary}");
  Scope scope(model, {.batch = 32, .seq = 512});
  Diagnostics diags;
  EXPECT_EQ(scope.size("all", {}, diags), 6);
  EXPECT_EQ(scope.size("pair", {}, diags), 48);
  EXPECT_EQ(scope.size("rest", {}, diags), 96);
  EXPECT_EQ(scope.size("batch", {}, diags), 32);
  EXPECT_EQ(scope.size("seq", {}, diags), 512);
  EXPECT_EQ(scope.flatten("pair", {}, diags), (std::vector<std::string>{"kv_heads", "group", "embed"}));
  EXPECT_EQ(scope.flatten("seq", {}, diags), std::vector<std::string>{"seq"});
  EXPECT_TRUE(scope.hasAxis("batch") && scope.hasAxis("all") && !scope.hasAxis("width"));
  EXPECT_TRUE(diags.empty());
}

TEST(ConfigEval, RefusesSizesThatAreNone) {
  ModelSpec model =
      modelOf("{width: 10, heads: 4, gone: 0, nothing: null}",
              "{embed: width / heads, experts: gone, other: nothing, a: b, b: a + 1, big: 1.0e+18,\n"
              "  large: [big2, big3], big2: 4000000000000000, big3: 4000000000000000}");
  Scope scope(model, {});
  auto error = [&](const char *axis) {
    Diagnostics diags;
    EXPECT_FALSE(scope.size(axis, {}, diags));
    return diags.str();
  };
  EXPECT_EQ(error("embed"),
            "test.yaml:3:21: error: axis 'embed' comes out as width / heads = 2.5, which is not whole\n");
  EXPECT_EQ(error("experts"),
            "test.yaml:3:39: error: axis 'experts' comes out as gone = 0; it must be at least 1\n");
  EXPECT_EQ(error("other"), "test.yaml:3:52: error: 'nothing' is null, where a number is needed\n");
  EXPECT_EQ(error("a"),
            "test.yaml:3:70: error: axis 'a' depends on itself: axis 'a' -> axis 'b' -> axis 'a'\n");
  EXPECT_EQ(error("large"), "test.yaml:4:3: error: axis 'large' is too large\n");
}

TEST(ConfigEval, GivesChildrenTheirOwnConfig) {
  ModelSpec model =
      modelOf("{width: 8, local: false, layers: 5, extra: null, std: 0.25}", "{embed: width, mlp: 4 * embed}",
              "\n      plain: block\n"
              "      h: {module: block if layer % 2 == 0 else other, repeat: layers, when: layer != 3,\n"
              "          config: {local: layer >= 2, width: width * 2}}\n"
              "      gone: {module: block, when: extra}");
  const ModuleSpec &main = *model.module("main");
  const ChildSpec &h = *main.child("h");
  Scope root(model, {});
  Diagnostics diags;
  EXPECT_EQ(root.repeats(h, diags), 5);
  EXPECT_EQ(root.repeats(*main.child("plain"), diags), 1);
  EXPECT_EQ(root.moduleOf(h, 0, diags)->name.value, "block");
  EXPECT_EQ(root.moduleOf(h, 1, diags)->name.value, "other");
  EXPECT_EQ(root.present(h, 2, diags), true);
  EXPECT_EQ(root.present(h, 3, diags), false);
  EXPECT_EQ(root.present(*main.child("gone"), std::nullopt, diags), false);
  Scope layer = *root.child(h, 2, diags);
  EXPECT_TRUE(layer.get("local", {}, diags)->truth());
  EXPECT_EQ(layer.size("mlp", {}, diags), 64);
  EXPECT_EQ(root.size("mlp", {}, diags), 32);
  Scope below = *layer.child(*main.child("plain"), std::nullopt, diags);
  EXPECT_EQ(below.size("embed", {}, diags), 16); // overrides hold for everything below
  EXPECT_EQ(*root.initStd(*model.module("block")->weight("w"), diags), 0.5);
  EXPECT_TRUE(diags.empty()) << diags.str();
}

TEST(ConfigEval, NotesWhatAModuleReads) {
  ModelSpec model =
      modelOf("{width: 8, half: width / 2, other: 3}", "{embed: width, mlp: [embed, four], four: 4}");
  Scope scope(model, {});
  Diagnostics diags;
  Reads reads;
  scope.get("other", {}, diags);
  scope.record(&reads);
  scope.get("half", {}, diags);
  scope.size("mlp", {}, diags);
  scope.size("seq", {}, diags);
  EXPECT_EQ(reads, (Reads{{"half", "4"}, {"axis mlp", "32"}}));
}

} // namespace
} // namespace shardc::frontend
