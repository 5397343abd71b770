//===- HfConfig.h - a Hugging Face config.json as a model's config --------===//
//
// In:  a model and the text of a config.json.
// Out: the model's config with what the file says; null means the default here.
// Not here: weights (that is `shardc import`).
//
// A key that is neither read, expected, nor known to be harmless is an error:
// it may change the mathematics.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/frontend/ModelSpec.h"

namespace shardc::frontend {

/// A config.json as a tree with places, or nothing after reporting errors.
std::optional<Node> parseJson(const SourceRef &file, Diagnostics &diags);

/// Whether a checked model file's `hf.model_type` covers the type that a config.json names.
bool coversType(const Node &model, std::string_view modelType);

/// Sets the model's config from a config.json. False after reporting errors.
bool importHfConfig(ModelSpec &model, const Node &json, Diagnostics &diags);

} // namespace shardc::frontend
