//===- Memory.cpp - the arenas of all ranks, cell by cell -----------------===//

#include "compiler/interpreter/exec/Memory.h"

#include "compiler/interpreter/exec/Points.h"

#include "mlir/IR/Diagnostics.h"

using namespace mlir;
using namespace exec;
using namespace shardc::interpreter;

static constexpr double notANumber = std::numeric_limits<double>::quiet_NaN();

std::string shardc::interpreter::elementIndex(BufferType type, int64_t offset) {
  SmallVector<int64_t> index(type.getAxes().size());
  bool found = !forEachElement(type, [&, at = int64_t(0)](int64_t each) mutable {
    int64_t number = at++;
    for (size_t i = index.size(); i-- > 0; number /= type.getAxes()[i].getSize())
      index[i] = number % type.getAxes()[i].getSize();
    return each != offset;
  });
  if (!found)
    return "at offset " + std::to_string(offset);
  std::string text = "[";
  for (auto [axis, position] : llvm::zip(type.getAxes(), index))
    text += (text.size() > 1 ? ", " : "") + axis.getName().str() + "=" + std::to_string(position);
  return text + "]";
}

//===-- lives --------------------------------------------------------------===//

void Memory::growTo(int64_t bytes) {
  auto count = static_cast<size_t>(bytes);
  if (count <= claims.size())
    return;
  claims.resize(count, 0);
  for (std::vector<Cell> &arena : cells)
    arena.resize(count);
}

LogicalResult Memory::expectFree(Operation *op, StringRef what, int64_t address, int64_t bytes) {
  growTo(address + bytes);
  for (int64_t cell = address; cell < address + bytes; ++cell)
    if (LifeId owner = claims[cell]) {
      const Life &other = lifeOf(owner);
      InFlightDiagnostic error = op->emitOpError();
      error << what << " takes arena bytes " << address << " to " << address + bytes << ", of which '"
            << other.name << "' has " << other.address << " to " << other.address + other.bytes
            << " and is still used";
      error.attachNote(other.place) << "the life of '" << other.name << "' began here";
      return error;
    }
  return success();
}

FailureOr<LifeId> Memory::begin(Operation *op, StringRef name, int64_t address, int64_t bytes) {
  if (failed(expectFree(op, ("'" + name + "'").str(), address, bytes)))
    return failure();
  lives.push_back({name.str(), op->getLoc(), address, bytes});
  auto life = static_cast<LifeId>(lives.size());
  for (int64_t cell = address; cell < address + bytes; ++cell) {
    claims[cell] = life;
    for (std::vector<Cell> &arena : cells)
      arena[cell] = {notANumber, State::unwritten, 0};
  }
  return life;
}

LogicalResult Memory::end(Operation *op, LifeId id) {
  const Life &life = lifeOf(id);
  for (int64_t cell = life.address; cell < life.address + life.bytes; ++cell) {
    claims[cell] = 0;
    for (std::vector<Cell> &arena : cells) {
      if (arena[cell].lent || arena[cell].state == State::arriving) {
        InFlightDiagnostic error = op->emitOpError() << "is the last use of '" << life.name
                                                     << "' while a movement of it is under way";
        error.attachNote(life.place) << "the life of '" << life.name << "' began here";
        return error;
      }
      arena[cell] = {notANumber, State::free, 0};
    }
  }
  return success();
}

//===-- what is wrong ------------------------------------------------------===//

InFlightDiagnostic Memory::complain(const Element &element, int64_t offset, StringRef verb) {
  return element.op->emitOpError() << verb << " element " << elementIndex(element.type, offset) << " of '"
                                   << element.pointer.name << "' on rank " << element.rank << ", ";
}

LogicalResult Memory::complainOfRead(const Element &element, int64_t offset) {
  int64_t cell = cellOf(element, offset);
  LifeId owner = claims[cell];
  InFlightDiagnostic error = complain(element, offset, "reads");
  if (owner != element.pointer.life)
    return error << (owner ? "whose bytes are those of '" + lifeOf(owner).name + "' now"
                           : "whose life has ended");
  if (cells[element.rank][cell].state == State::arriving)
    return error << "which a movement under way has not delivered";
  const Life &life = lifeOf(owner);
  error << "which was not written";
  error.attachNote(life.place) << "the life of '" << life.name << "' began here";
  return error;
}

LogicalResult Memory::complainOfWrite(const Element &element, int64_t offset) {
  int64_t cell = cellOf(element, offset);
  LifeId owner = claims[cell];
  InFlightDiagnostic error = complain(element, offset, "writes");
  if (owner != element.pointer.life)
    return error << (owner ? "whose bytes are those of '" + lifeOf(owner).name + "' now"
                           : "whose life has ended");
  return error << (cells[element.rank][cell].lent ? "which a movement under way reads"
                                                  : "which a movement under way writes");
}

//===-- elements -----------------------------------------------------------===//

bool Memory::isReadable(const Element &element, int64_t cell) const {
  for (int64_t end = cell + element.type.getElementBytes(); cell < end; ++cell)
    if (claims[cell] != element.pointer.life || cells[element.rank][cell].state != State::written)
      return false;
  return true;
}

bool Memory::isWritable(const Element &element, int64_t cell) const {
  for (int64_t end = cell + element.type.getElementBytes(); cell < end; ++cell)
    if (const Cell &each = cells[element.rank][cell];
        claims[cell] != element.pointer.life || each.lent || each.state == State::arriving)
      return false;
  return true;
}

void Memory::set(const Element &element, int64_t cell, State state, double value) {
  for (int64_t each = cell, end = cell + element.type.getElementBytes(); each < end; ++each) {
    Cell &written = cells[element.rank][each];
    written.state = state;
    written.value = each == cell ? value : notANumber;
  }
}

FailureOr<double> Memory::readElement(const Element &element, int64_t offset) {
  int64_t cell = cellOf(element, offset);
  if (!isReadable(element, cell))
    return complainOfRead(element, offset);
  return cells[element.rank][cell].value;
}

LogicalResult Memory::writeElement(const Element &element, int64_t offset, double value) {
  int64_t cell = cellOf(element, offset);
  if (!isWritable(element, cell))
    return complainOfWrite(element, offset);
  set(element, cell, State::written, value);
  return success();
}

LogicalResult Memory::lend(const Element &element, int64_t offset) {
  int64_t cell = cellOf(element, offset);
  if (!isReadable(element, cell))
    return complainOfRead(element, offset);
  ++cells[element.rank][cell].lent;
  return success();
}
void Memory::takeBack(const Element &element, int64_t offset) {
  --cells[element.rank][cellOf(element, offset)].lent;
}

LogicalResult Memory::expect(const Element &element, int64_t offset) {
  int64_t cell = cellOf(element, offset);
  if (!isWritable(element, cell))
    return complainOfWrite(element, offset);
  set(element, cell, State::arriving, notANumber);
  return success();
}
void Memory::deliver(const Element &element, int64_t offset, double value) {
  set(element, cellOf(element, offset), State::written, value);
}

//===-- whole buffers ------------------------------------------------------===//

FailureOr<Image> Memory::read(Operation *op, const Pointer &pointer, BufferType type, int64_t rank) {
  Element element{op, pointer, type, rank};
  Image image(type.getExtent(), notANumber);
  bool complete = forEachElement(type, [&](int64_t offset) {
    int64_t cell = cellOf(element, offset);
    if (!isReadable(element, cell))
      return succeeded(complainOfRead(element, offset));
    image[offset] = cells[rank][cell].value;
    return true;
  });
  if (!complete)
    return failure();
  return image;
}

LogicalResult Memory::write(Operation *op, const Pointer &pointer, BufferType type, int64_t rank,
                            const Image &image) {
  Element element{op, pointer, type, rank};
  return success(forEachElement(
      type, [&](int64_t offset) { return succeeded(writeElement(element, offset, image[offset])); }));
}

LogicalResult Memory::forget(Operation *op, const Pointer &pointer, BufferType type, int64_t rank) {
  Element element{op, pointer, type, rank};
  return success(forEachElement(type, [&](int64_t offset) {
    int64_t cell = cellOf(element, offset);
    if (!isWritable(element, cell))
      return succeeded(complainOfWrite(element, offset));
    set(element, cell, State::unwritten, notANumber);
    return true;
  }));
}

LogicalResult Memory::expectWritten(Operation *op, const Pointer &pointer, BufferType type, int64_t rank) {
  Element element{op, pointer, type, rank};
  return success(forEachElement(type, [&](int64_t offset) {
    if (isReadable(element, cellOf(element, offset)))
      return true;
    complain(element, offset, "leaves") << "an 'out' argument, unwritten";
    return false;
  }));
}

bool Memory::isWritten(const Pointer &pointer, BufferType type, int64_t rank) const {
  Element element{nullptr, pointer, type, rank};
  return forEachElement(type, [&](int64_t offset) { return isReadable(element, cellOf(element, offset)); });
}
