//===- Shared.h - what the files of one package have in common -------------===//
#pragma once

#include "compiler/codegen/Package.h"
#include "compiler/codegen/Stages.h"
#include "compiler/codegen/Text.h"

#include "llvm/ADT/MapVector.h"

namespace shardc::codegen {

/// How a target's text differs; everything else is shared.
struct TargetText {
  std::string folder;        ///< of codegen_templates
  std::string extension;     ///< ".cpp"
  std::string leadParameter; ///< "Stream stream, "
  std::string leadArgument;  ///< "stream, "
  std::string matmul;        ///< the type of products
  bool hasLoops;             ///< loops are written out; otherwise their functions are stubs
  static const TargetText &of(Target target);
};

/// One C++ struct for each struct type, named after it.
class Bundles {
public:
  /// The name of a struct type's C++ struct, which is defined at the first use.
  const std::string &nameOf(exec::StructType type);
  const std::string &field(exec::StructType type, unsigned index);
  const std::string &definitions() const { return text.str(); }

private:
  struct Bundle {
    std::string name;
    llvm::SmallVector<std::string> fields;
  };
  Bundle define(exec::StructType type);

  llvm::DenseMap<mlir::Type, Bundle> known;
  Names names{"AttentionKernel", "Matmul", "RopeTable", "Stream"}; // of support/
  Text text;
};

/// Rows of the table that turns an operation's number into words.
class Operations {
public:
  struct Row {
    std::string name, place;
  };
  int64_t add(std::string name, std::string place) {
    rows.push_back({std::move(name), std::move(place)});
    return rows.size() - 1;
  }
  llvm::ArrayRef<Row> all() const { return rows; }

private:
  llvm::SmallVector<Row> rows;
};

struct Shared {
  Shared(mlir::ModuleOp module, const Recipe &recipe);

  /// "dp_tp": the identifier of the group of ranks that differ only on these mesh axes.
  std::string group(mlir::ArrayAttr axes);
  /// The file that a function stands in: f, f_forward, f_backward, f_update, ... share one.
  std::string fileOf(exec::FuncOp func) const;

  mlir::ModuleOp module;
  const Recipe &recipe;
  const TargetText &target;
  Programs programs;
  exec::MeshAttr mesh;           ///< of all ranks; null: one rank
  mlir::StringAttr pipelineAxis; ///< of the mesh; null: no stages
  Bundles bundles;
  Operations operations;
  llvm::MapVector<mlir::ArrayAttr, std::string> groups;
  int64_t scratchBytes = 0; ///< the largest of sums over rows
};

/// "model.yaml:18:5", or "".
std::string placeOf(mlir::Location loc);
/// "[seq=512, batch=8]", with strides where a buffer is not dense; "scalar".
std::string shapeOf(exec::BufferType type);

} // namespace shardc::codegen
