//===- Tables.h - the constants that the runtime is handed -----------------===//
#pragma once

#include "compiler/codegen/Shared.h"

namespace shardc::codegen {

/// tables.cpp: mesh, groups, parameters, inputs, scalars, recipe, operations. Fails at a global that the
/// runtime cannot be told of.
mlir::FailureOr<std::string> tablesText(Shared &shared);

/// manifest.json: the same, for tools.
mlir::FailureOr<std::string> manifestText(Shared &shared);

/// One axis of a parameter's block, as rt::BlockAxis.
struct BlockAxis {
  std::string name;
  int64_t size, fileSize, fileStride, localStride, localCount;
  llvm::SmallVector<std::string> mesh;
};
struct Block {
  int64_t offset = -1;
  llvm::SmallVector<BlockAxis> axes;
};
/// One parameter: where it lies in its file and in each rank's arena.
struct Parameter {
  std::string name;
  llvm::SmallVector<std::string> aliases; ///< names in files of weights that are tied to it
  llvm::SmallVector<int64_t> fileShape;
  bool isCopy = false; ///< of another stage's
  Block weight, gradient;
  llvm::SmallVector<Block> states; ///< of the optimizer, as statesOf names them
};
/// The optimizer states that the program keeps, by name: `m`, `v`.
llvm::SmallVector<std::string> statesOf(Program &program);
mlir::FailureOr<std::vector<Parameter>> parametersOf(Program &program);

} // namespace shardc::codegen
