// YAML into trees: kinds of scalars, order, and the places of everything.
#include "tests/unit/frontend/Frontend.h"

namespace shardc::frontend {
namespace {

std::string place(const Position &at) {
  return std::to_string(at.line) + ":" + std::to_string(at.column);
}

TEST(Yaml, ReadsScalarsAsYaml12) {
  const Node root = treeOf(R"(
integer: -12
number: 6.0e-4
short: 1e-5
truth: true
nothing: null
empty:
yes_is_text: yes
quoted: "12"
grouped: 1_000
hex: 0x10
huge: 99999999999999999999
infinite: .inf
)");
  using Kind = Node::Kind;
  EXPECT_EQ(root.find("integer")->kind, Kind::Integer);
  EXPECT_EQ(root.find("integer")->integer, -12);
  EXPECT_EQ(root.find("number")->kind, Kind::Number);
  EXPECT_DOUBLE_EQ(root.find("number")->number, 6e-4);
  EXPECT_DOUBLE_EQ(root.find("short")->number, 1e-5);
  EXPECT_TRUE(root.find("truth")->boolean);
  EXPECT_EQ(root.find("nothing")->kind, Kind::Null);
  EXPECT_EQ(root.find("empty")->kind, Kind::Null);
  for (const char *key : {"yes_is_text", "quoted", "grouped", "hex", "infinite"})
    EXPECT_EQ(root.find(key)->kind, Kind::Text) << key;
  EXPECT_EQ(root.find("huge")->kind, Kind::Number);
  EXPECT_EQ(root.find("none"), nullptr);
}

TEST(Yaml, KeepsOrderAndPlaces) {
  const Node root = treeOf("mesh: {pp: 2, dp: 4}\nshard:\n  - batch: [dp, pp]\n");
  EXPECT_EQ(root.entries[0].key, "mesh");
  EXPECT_EQ(place(root.entries[0].keyAt), "1:1");
  const Node &mesh = root.entries[0].value;
  EXPECT_EQ(place(mesh.at), "1:7");
  EXPECT_EQ(mesh.entries[1].key, "dp");
  EXPECT_EQ(place(mesh.entries[1].keyAt), "1:15");
  EXPECT_EQ(place(mesh.entries[1].value.at), "1:19");
  const Node &rule = root.entries[1].value.items[0].entries[0].value;
  EXPECT_EQ(place(rule.at), "3:12");
  EXPECT_EQ(place(rule.items[1].at), "3:17");
}

TEST(Yaml, PlacesBlocksAtTheirText) {
  const Node root =
      treeOf("a:\n  f(x): |   # why\n    y = x\n    return y\ng(x): |\n\n\n   return x\nh: |2\n    deep\n");
  const Node &f = root.find("a")->entries[0].value;
  EXPECT_TRUE(f.block);
  EXPECT_EQ(f.text, "y = x\nreturn y\n");
  EXPECT_EQ(place(f.at), "3:5");
  EXPECT_EQ(f.indent, 4);
  const Node &g = *root.find("g(x)");
  EXPECT_EQ(g.text, "\n\nreturn x\n");
  EXPECT_EQ(place(g.at), "6:4");
  EXPECT_EQ(g.indent, 3);
  EXPECT_EQ(root.find("h")->indent, 2);
}

TEST(Yaml, AllowsNestingUpToTheLimit) {
  const std::string most = std::string(maxNesting, '[') + std::string(maxNesting, ']');
  EXPECT_EQ(treeOf(most).kind, Node::Kind::List);
  EXPECT_EQ(yamlErrors("[" + most + "]"),
            "test.yaml:1:33: error: lists and maps are nested more than 32 deep\n");
}

TEST(Yaml, ReportsEveryDuplicateKey) {
  EXPECT_EQ(yamlErrors("a: 1\na: 2\nb: {c: 1, c: 2}\n"), "test.yaml:2:1: error: key 'a' is set twice\n"
                                                         "test.yaml:1:1: note: it is first set here\n"
                                                         "test.yaml:3:11: error: key 'c' is set twice\n"
                                                         "test.yaml:3:5: note: it is first set here\n");
}

TEST(Yaml, SurvivesHostileText) {
  for (const std::string &text :
       {std::string(100000, '['), std::string(100000, '{'), std::string(100000, '-'),
        std::string(50000, '\t'), std::string(5000, '?') + " a", std::string("&a [*a, *a]"),
        std::string("? ? ? :\n"), std::string("%YAML 9.9\n---\na"), std::string("{a: {b: {c"),
        std::string("\"\\x"), std::string("'"), std::string(": : :")}) {
    Diagnostics diags;
    const bool parsed = parseYaml(sourceOf(text), diags).has_value();
    EXPECT_EQ(parsed, diags.empty()) << text.substr(0, 40);
  }
}

} // namespace
} // namespace shardc::frontend
