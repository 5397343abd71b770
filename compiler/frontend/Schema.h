//===- Schema.h - which keys there are, and what they hold ----------------===//
//
// One table (SchemaTable.cpp) describes every key of every kind of file. It is
// what files are checked against, where defaults come from, and what
// `shardc schema` prints for editors.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/frontend/Yaml.h"

namespace shardc::frontend {

enum class Document { Job, Plan, Train, Model, Functions };

/// Reports unknown keys, wrong types, impossible values and missing keys, then fills in defaults
/// (at the place of their map). True if nothing was wrong.
bool checkDocument(Document kind, Node &root, Diagnostics &diags);

/// The JSON schema (draft 2020-12) of one kind of file.
std::string jsonSchema(Document kind);

} // namespace shardc::frontend
