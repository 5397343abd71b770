//===- Memory.h - the arenas of all ranks, cell by cell -------------------===//
//
// An arena is made of cells, one for each byte; the number in an element, in f64, is in the first of its
// bytes. So bytes that overlap in the program overlap here.
//
//   free  --begin-->  unwritten  --write-->  written  --end-->  free
//
// A stretch of bytes belongs to one life at a time: a global's, or a buffer's from exec.buffer to its last
// use. Only what was written in this life can be read. While a collective, call or message is under way its
// result is `arriving`, which can be neither read nor written, and its operand `lent`, which can't be
// written.
//
// Lives begin and end on all ranks together, at the same addresses; values and states are each rank's.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/exec/ExecTypes.h"

#include "mlir/IR/Location.h"
#include "mlir/IR/Operation.h"

#include <limits>
#include <string>
#include <vector>

namespace shardc::interpreter {

/// Index in the table of lives; 0 is no life.
using LifeId = uint32_t;

/// What an SSA value of buffer type is: where it points to on each rank, and as whose memory.
struct Pointer {
  std::vector<int64_t> addresses; // bytes, by rank
  LifeId life = 0;
  exec::Mode permission = exec::Mode::inout; // what a function's argument may be used for
  std::string name;
};

/// The elements of a buffer, by their offsets; what lies between them is not a number.
using Image = std::vector<double>;

class Memory {
public:
  explicit Memory(int64_t ranks) : cells(ranks) {}

  /// Makes room for addresses below `bytes`.
  void growTo(int64_t bytes);
  int64_t size() const { return static_cast<int64_t>(claims.size()); }

  /// Starts a life on free bytes, on all ranks. `op` is blamed where they belong to another one.
  llvm::FailureOr<LifeId> begin(mlir::Operation *op, llvm::StringRef name, int64_t address, int64_t bytes);
  llvm::LogicalResult end(mlir::Operation *op, LifeId life);
  /// A callee's frame must be free.
  llvm::LogicalResult expectFree(mlir::Operation *op, llvm::StringRef what, int64_t address, int64_t bytes);

  /// All elements; each must have been written. `op` is blamed.
  llvm::FailureOr<Image> read(mlir::Operation *op, const Pointer &pointer, exec::BufferType type,
                              int64_t rank);
  llvm::LogicalResult write(mlir::Operation *op, const Pointer &pointer, exec::BufferType type, int64_t rank,
                            const Image &image);
  /// What an `out` argument points to is undefined when a call starts, and written when it returns.
  llvm::LogicalResult forget(mlir::Operation *op, const Pointer &pointer, exec::BufferType type,
                             int64_t rank);
  llvm::LogicalResult expectWritten(mlir::Operation *op, const Pointer &pointer, exec::BufferType type,
                                    int64_t rank);
  bool isWritten(const Pointer &pointer, exec::BufferType type, int64_t rank) const;

  /// One element at a time, for ops that touch a part of a buffer.
  struct Element {
    mlir::Operation *op;
    const Pointer &pointer;
    exec::BufferType type;
    int64_t rank;
  };
  llvm::FailureOr<double> readElement(const Element &element, int64_t offset);
  llvm::LogicalResult writeElement(const Element &element, int64_t offset, double value);
  /// While a movement is under way: of its operand, and of its result.
  llvm::LogicalResult lend(const Element &element, int64_t offset);
  void takeBack(const Element &element, int64_t offset);
  llvm::LogicalResult expect(const Element &element, int64_t offset);
  void deliver(const Element &element, int64_t offset, double value);

private:
  enum class State : uint8_t { free, unwritten, written, arriving };
  struct Cell {
    double value = std::numeric_limits<double>::quiet_NaN();
    State state = State::free;
    uint8_t lent = 0; // to so many movements
  };
  struct Life {
    std::string name;
    mlir::Location place;
    int64_t address, bytes;
  };

  const Life &lifeOf(LifeId id) const { return lives[id - 1]; }
  int64_t cellOf(const Element &element, int64_t offset) const {
    return element.pointer.addresses[element.rank] + offset * element.type.getElementBytes();
  }
  bool isReadable(const Element &element, int64_t cell) const;
  bool isWritable(const Element &element, int64_t cell) const;
  mlir::InFlightDiagnostic complain(const Element &element, int64_t offset, llvm::StringRef verb);
  llvm::LogicalResult complainOfRead(const Element &element, int64_t offset);
  llvm::LogicalResult complainOfWrite(const Element &element, int64_t offset);
  void set(const Element &element, int64_t cell, State state, double value);

  std::vector<std::vector<Cell>> cells; // by rank
  std::vector<LifeId> claims;           // by cell: whose it is, on all ranks
  std::vector<Life> lives;
};

/// `[seq=1, embed=3]`: where the element at `offset` stands in the buffer.
std::string elementIndex(exec::BufferType type, int64_t offset);

} // namespace shardc::interpreter
