// The table of keys: its JSON schema, its defaults, and that it has a row for what it names.
#include "compiler/frontend/SchemaTable.h"
#include "tests/unit/frontend/Frontend.h"
#include <functional>
#include <nlohmann/json.hpp>

namespace shardc::frontend {
namespace {

using Json = nlohmann::json;

TEST(Schema, DescribesAJob) {
  const Json schema = Json::parse(jsonSchema(Document::Job));
  EXPECT_EQ(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
  EXPECT_EQ(schema["required"], Json({"model", "train"}));
  EXPECT_EQ(schema["additionalProperties"], false);
  EXPECT_EQ(schema["properties"]["target"]["enum"], Json({"cpu", "cuda"}));
  EXPECT_EQ(schema["properties"]["plan"]["anyOf"][1]["$ref"], "#/$defs/plan");
  const Json &train = schema["$defs"]["train"]["properties"];
  EXPECT_EQ(train["steps"]["type"], "integer");
  EXPECT_EQ(train["steps"]["minimum"], 1);
  EXPECT_EQ(train["optimizer"]["properties"]["betas"]["default"], Json({0.9, 0.95}));
  const Json &plan = schema["$defs"]["plan"]["properties"];
  EXPECT_EQ(plan["mesh"]["additionalProperties"]["type"], "integer");
  EXPECT_EQ(plan["pipeline"]["required"], Json({"axis"}));
  EXPECT_FALSE(plan["memory"]["properties"].contains("offload")); // not supported yet
  EXPECT_EQ(plan["precision"]["properties"]["compute"]["enum"], Json({"f32"}));
  const Json &module = schema["$defs"]["model"]["properties"]["modules"]["additionalProperties"];
  EXPECT_TRUE(module["patternProperties"].contains("^forward\\("));
}

TEST(Schema, DescribesEveryKey) {
  for (Document kind :
       {Document::Job, Document::Plan, Document::Train, Document::Model, Document::Functions}) {
    EXPECT_TRUE(Json::accept(jsonSchema(kind)));
    std::function<void(const SchemaNode &)> visit = [&](const SchemaNode &node) {
      for (const SchemaNode &field : node.fields) {
        ASSERT_TRUE(field.spec) << field.key;
        EXPECT_FALSE(std::string(field.spec->doc).empty()) << field.key;
        visit(field);
      }
      for (const SchemaNode *inner : {node.any.get(), node.items.get()})
        if (inner) {
          ASSERT_TRUE(inner->spec);
          visit(*inner);
        }
    };
    visit(schemaOf(kind));
  }
}

TEST(Schema, FillsInDefaultsAtTheirMap) {
  Node root = treeOf("seq_len: 8\nglobal_batch_size: 2\nsteps: 1\noptimizer: {lr: 0.5}\n");
  Diagnostics diags;
  ASSERT_TRUE(checkDocument(Document::Train, root, diags)) << diags.str();
  const Node &optimizer = *root.find("optimizer");
  EXPECT_EQ(optimizer.find("lr")->number, 0.5);
  EXPECT_FALSE(optimizer.find("lr")->isDefault);
  EXPECT_EQ(optimizer.find("betas")->items.size(), 2u);
  EXPECT_TRUE(optimizer.find("betas")->isDefault);
  EXPECT_EQ(optimizer.find("betas")->at, optimizer.at);
  EXPECT_EQ(root.find("eval")->kind, Node::Kind::Null);
}

} // namespace
} // namespace shardc::frontend
