//===- EmitCommand.cpp - shardc emit, shardc schema -----------------------===//

#include "compiler/driver/Commands.h"
#include "compiler/frontend/Schema.h"

#include "llvm/Support/raw_ostream.h"

int shardc::emitCommand(const JobOptions &options, Stage stage) {
  auto compiled = compileJob(options, stage);
  if (!compiled)
    return 1;
  compiled->module->print(llvm::outs());
  return 0;
}

int shardc::schemaCommand(const std::string &document) {
  using frontend::Document;
  Document kind = document == "plan"    ? Document::Plan
                  : document == "train" ? Document::Train
                  : document == "model" ? Document::Model
                                        : Document::Job;
  llvm::outs() << frontend::jsonSchema(kind) << "\n";
  return 0;
}
