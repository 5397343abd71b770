//===- Functions.h - files of a package and the functions in them ----------===//
#pragma once

#include "compiler/codegen/Shared.h"
#include "compiler/codegen/Work.h"
#include "dialects/pipe/Pipe.h"

#include <set>

namespace shardc::codegen {

/// A header and a source, filled function by function.
class ModuleFile {
public:
  ModuleFile(Shared &shared, std::string name) : shared(shared), name(std::move(name)) {}
  /// The entries of a program, which have no header of their own.
  ModuleFile(Shared &shared, const Program &program)
      : shared(shared), name(program.space.empty() ? "program" : program.space), program(&program) {}

  /// An object of the file's own ("static const rt::Matmul"), made once for each initialiser; its name.
  std::string addObject(const std::string &type, llvm::StringRef wanted, const std::string &initial,
                        const std::string &comment);
  /// A function of the file's own; the name of one with the same text where there is one.
  std::string addWork(llvm::StringRef wanted, const Work &work, const std::string &comment, Names &locals);

  std::string headerText() const;
  std::string sourceText() const;

  Shared &shared;
  std::string name;
  Text declarations, definitions;
  std::set<std::string> includes; ///< files of functions that are called

private:
  const Program *program = nullptr;
  Names names;
  Text objects;
  llvm::StringMap<std::string> objectNames, workNames;
};

/// Writes one exec.func: statement by statement, a call a line.
class FunctionPrinter {
public:
  FunctionPrinter(ModuleFile &file, Program &program, exec::FuncOp func);
  mlir::LogicalResult print();

private:
  void signature();
  mlir::LogicalResult block(mlir::Block &block);
  mlir::LogicalResult statement(mlir::Operation *op);

  // Ops that yield a pointer or a key.
  void pointer(exec::BufferOp op);
  void pointer(exec::AddressOp op);
  void pointer(exec::ViewOp op);
  void pointer(exec::FieldOp op);
  void pointer(exec::PackOp op);
  void pointer(exec::InputOp op);
  void pointer(exec::KeyOp op);
  void pointer(exec::ChildKeyOp op);
  void begin(mlir::Value result, const std::string &memory, int64_t offset, llvm::StringRef otherwise);

  // Ops that are a call, or a block of them.
  mlir::LogicalResult call(exec::CallOp op);
  mlir::LogicalResult call(exec::LoopOp op);
  mlir::LogicalResult call(exec::GemmOp op);
  mlir::LogicalResult call(exec::AttentionOp op);
  mlir::LogicalResult call(exec::AttentionBackwardOp op);
  mlir::LogicalResult call(exec::CollectiveOp op);
  mlir::LogicalResult call(exec::WaitOp op);
  mlir::LogicalResult call(exec::SendOp op);
  mlir::LogicalResult call(exec::ReceiveOp op);
  mlir::LogicalResult call(pipes::BeginOp op);
  mlir::LogicalResult call(exec::PauseOp op);
  void finish(exec::SendOp op);
  void finish(exec::ReceiveOp op);
  mlir::LogicalResult call(exec::RopeOp op);
  mlir::LogicalResult callFunction(exec::CallOp op);
  /// One collective, or several with one meeting of the group.
  mlir::LogicalResult move(llvm::ArrayRef<exec::CollectiveOp> bucket);
  /// What the runtime is told of a collective's blocks, alone or as a part of a bucket.
  mlir::FailureOr<std::string> blocksOf(exec::CollectiveOp op, bool isPart);
  mlir::LogicalResult work(mlir::Operation *op, llvm::StringRef name,
                           llvm::function_ref<mlir::LogicalResult(Work &)> print);

  /// `context.enter(7); text;  // model.yaml:18:5`, with a row in the table of operations.
  void enterAndCall(mlir::Operation *op, const std::string &what, const std::string &text);
  const std::string &expression(mlir::Value value) const;
  Actual actual(mlir::Value value) const;
  /// The name that the program gives a value, or `otherwise`.
  std::string wanted(mlir::Value value, llvm::StringRef otherwise) const;
  /// The last part of what a value is called: `up` of `weights.up`.
  std::string shortName(mlir::Value value) const;
  void define(mlir::Value value, const std::string &declaration, const std::string &initial,
              llvm::StringRef otherwise);

  ModuleFile &file;
  Shared &shared;
  Program &program; ///< that has the function
  exec::FuncOp func;
  Text head, body;
  Names names;
  llvm::DenseMap<mlir::Value, std::string> expressions;
  llvm::DenseSet<mlir::Value> constants; ///< pointers to elements that this function only reads
};

} // namespace shardc::codegen
