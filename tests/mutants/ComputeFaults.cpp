//===- ComputeFaults.cpp - products and loop nests that compute something else ===//

#include "tests/mutants/ExecSites.h"

#include "dialects/exec/Loops.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace exec;
using namespace shardc::mutants;
using shardc::interpreter::Handlers;

namespace {

/// The one op that wrote the memory last before `op`; null where it is unknown.
Operation *writerBefore(Operation *op, Value root) {
  Operation *writer = nullptr;
  for (Operation *user : touching(op->getBlock(), root))
    if (user->isBeforeInBlock(op) && touchOf(user, root) != Mode::in)
      writer = user;
  return writer;
}

/// Whether what `op` adds to was filled right before, perhaps with zero.
bool addsToFill(Operation *op, Value out) {
  for (Value root : rootsOf(out))
    if (Operation *writer = writerBefore(op, root); writer && isFill(writer))
      return true;
  return false;
}

//===-- what is done with the result -----------------------------------------===//

Edit betaFlipped(Operation *op, int64_t from) {
  auto beta = op->getAttrOfType<IntegerAttr>("beta");
  if (!beta || beta.getInt() != from || addsToFill(op, op->getOperand(2)))
    return {};
  return setAttribute(op, "beta", IntegerAttr::get(beta.getType(), 1 - from));
}

Edit startsFromZero(Operation *op) {
  return betaFlipped(op, 1);
}

Edit addsToWhatIsThere(Operation *op) {
  return freshResult(op) ? betaFlipped(op, 0) : Edit();
}

Edit betaOfTwo(Operation *op) {
  auto beta = op->getAttrOfType<IntegerAttr>("beta");
  return beta ? setAttribute(op, "beta", IntegerAttr::get(beta.getType(), 2)) : Edit();
}

/// Trips that are folded into one element of the output.
int64_t foldedTrips(KernelOp kernel, unsigned output) {
  int64_t trips = 1;
  for (LoopAttr loop : loopsOf(kernel.getLoops()))
    if (loop.getStrides()[kernel.getInputs().size() + output] == 0)
      trips *= loop.getSize();
  return trips;
}

/// The first output that is stored by `from` is stored by `to`.
Edit storedBy(Operation *op, Store from, Store to, bool folding) {
  auto kernel = dyn_cast<KernelOp>(op);
  if (!kernel)
    return {};
  for (unsigned i = 0; i < kernel.getOutputs().size(); ++i) {
    if (kernel.getStore(i) != from || (folding && foldedTrips(kernel, i) < 2))
      continue;
    if (from == Store::add && addsToFill(op, kernel.getOutputs()[i]))
      continue;
    SmallVector<int32_t> stores(kernel.getStores());
    stores[i] = int32_t(to);
    return setAttribute(op, "stores", DenseI32ArrayAttr::get(op->getContext(), stores));
  }
  return {};
}

Edit overwrites(Operation *op) {
  return storedBy(op, Store::add, Store::sum, false);
}

Edit writesEachTerm(Operation *op) {
  return storedBy(op, Store::sum, Store::write, true);
}

Edit sumAddsToWhatIsThere(Operation *op) {
  return freshResult(op) ? storedBy(op, Store::sum, Store::add, false) : Edit();
}

/// A fill sums one number so many times.
Edit largestTerm(Operation *op) {
  return storedBy(op, Store::sum, Store::max, true);
}

//===-- loops ----------------------------------------------------------------===//

/// A loop of an op: the attribute that holds it, and where in a list.
struct Place {
  StringAttr attribute;
  std::optional<unsigned> index;
  LoopAttr loop;
};

SmallVector<Place> loopsIn(Operation *op) {
  SmallVector<Place> places;
  for (NamedAttribute attribute : op->getAttrs()) {
    if (auto loop = dyn_cast<LoopAttr>(attribute.getValue()))
      places.push_back({attribute.getName(), std::nullopt, loop});
    if (auto list = dyn_cast<ArrayAttr>(attribute.getValue()))
      for (auto [index, each] : llvm::enumerate(list))
        if (auto loop = dyn_cast<LoopAttr>(each))
          places.push_back({attribute.getName(), unsigned(index), loop});
  }
  return places;
}

void setLoop(Operation *op, const Place &place, LoopAttr loop) {
  if (!place.index)
    return op->setAttr(place.attribute, loop);
  SmallVector<Attribute> list(op->getAttrOfType<ArrayAttr>(place.attribute).getValue());
  list[*place.index] = loop;
  op->setAttr(place.attribute, ArrayAttr::get(op->getContext(), list));
}

Edit boundShort(Operation *op) {
  if (isa<CollectiveOp>(op))
    return {};
  for (const Place &place : loopsIn(op))
    if (place.loop.getSize() > 1)
      return [=](Handlers &) {
        LoopAttr loop = place.loop;
        setLoop(op, place,
                LoopAttr::get(op->getContext(), loop.getNames(), loop.getSize() - 1, loop.getStrides()));
      };
  return {};
}

/// The buffer without the last element of one axis.
BufferType shortened(BufferType type, StringAttr name) {
  auto axes = llvm::map_to_vector(type.getAxes(), [&](AxisAttr axis) {
    int64_t size = axis.getName() == name ? axis.getSize() - 1 : axis.getSize();
    return AxisAttr::get(type.getContext(), axis.getName(), size, axis.getStride());
  });
  return BufferType::get(type.getContext(), type.getElementType(), axes);
}

/// The same where the operands' types agree: all are read and written through views that lack the last
/// element of the loop's outermost axis.
Edit boundShortInViews(Operation *op) {
  if (!isa<GemmOp, KernelOp, CopyOp, MaskOp>(op))
    return {};
  for (const Place &place : loopsIn(op)) {
    if (place.loop.getNames().empty())
      continue;
    StringAttr name = place.loop.getNames().front();
    int64_t size = 0;
    for (Value operand : op->getOperands())
      if (AxisAttr axis = cast<BufferType>(operand.getType()).find(name))
        size = axis.getSize();
    if (size < 3)
      continue;
    return [=](Handlers &) {
      OpBuilder builder(op);
      for (OpOperand &operand : op->getOpOperands()) {
        auto type = cast<BufferType>(operand.get().getType());
        if (type.find(name))
          operand.set(builder.create<ViewOp>(op->getLoc(), shortened(type, name), operand.get(),
                                             RankAttr::get(op->getContext(), 0)));
      }
      setLoop(op, place,
              LoopAttr::get(op->getContext(), place.loop.getNames(), place.loop.getSize() / size * (size - 1),
                            place.loop.getStrides()));
    };
  }
  return {};
}

/// Two loops exchange their strides in one operand, whose other operands tell them apart.
Edit stridesExchanged(Operation *op) {
  SmallVector<Place> places = loopsIn(op);
  for (const Place &a : places)
    for (const Place &b : places) {
      size_t operands = std::min(a.loop.getStrides().size(), b.loop.getStrides().size());
      if (&a >= &b || a.attribute != b.attribute || a.loop.getSize() < 2 || b.loop.getSize() < 2)
        continue;
      for (size_t i = 0; i < operands; ++i) {
        auto differs = [&](size_t operand) {
          return a.loop.getStrides()[operand] != b.loop.getStrides()[operand];
        };
        bool othersDiffer = false;
        for (size_t other = 0; other < operands; ++other)
          othersDiffer |= other != i && differs(other);
        if (!differs(i) || !othersDiffer)
          continue;
        return [=](Handlers &) {
          SmallVector<int64_t> first(a.loop.getStrides()), second(b.loop.getStrides());
          std::swap(first[i], second[i]);
          setLoop(op, a, LoopAttr::get(op->getContext(), a.loop.getNames(), a.loop.getSize(), first));
          setLoop(op, b, LoopAttr::get(op->getContext(), b.loop.getNames(), b.loop.getSize(), second));
        };
      }
    }
  return {};
}

/// An operand of a product is read through a view that exchanges two axes of one size.
Edit readTransposed(Operation *op) {
  auto gemm = dyn_cast<GemmOp>(op);
  if (!gemm)
    return {};
  for (unsigned i : {0u, 1u}) {
    auto type = cast<BufferType>(op->getOperand(i).getType());
    for (bool isRow : {true, false})
      if (LoopAttr a = isRow ? gemm.getM() : gemm.getN(), k = gemm.getK();
          a.getNames().size() == 1 && k.getNames().size() == 1 && a.getSize() == k.getSize() &&
          a.getSize() > 1 && a.getStrides()[i] != 0 && k.getStrides()[i] != a.getStrides()[i])
        return [=](Handlers &) {
          auto axes = llvm::map_to_vector(type.getAxes(), [&](AxisAttr axis) {
            int64_t stride = axis.getName() == a.getNames()[0]   ? k.getStrides()[i]
                             : axis.getName() == k.getNames()[0] ? a.getStrides()[i]
                                                                 : axis.getStride();
            return AxisAttr::get(op->getContext(), axis.getName(), axis.getSize(), stride);
          });
          OpBuilder builder(op);
          op->setOperand(i, builder.create<ViewOp>(
                                op->getLoc(), BufferType::get(op->getContext(), type.getElementType(), axes),
                                op->getOperand(i), RankAttr::get(op->getContext(), 0)));
          for (StringRef name : {isRow ? "m" : "n", "k"}) {
            auto loop = op->getAttrOfType<LoopAttr>(name);
            SmallVector<int64_t> strides(loop.getStrides());
            strides[i] = name == "k" ? a.getStrides()[i] : k.getStrides()[i];
            op->setAttr(name, LoopAttr::get(op->getContext(), loop.getNames(), loop.getSize(), strides));
          }
        };
  }
  return {};
}

//===-- numbers --------------------------------------------------------------===//

/// Constants of the scalar programs of modules. One that is only compared, or a bound, need not matter; those
/// of @step are of another step's learning rate.
Edit constantDoubled(Operation *op) {
  auto kernel = dyn_cast<KernelOp>(op);
  if (!kernel || functionOf(op).getEntry() || isFill(op))
    return {};
  for (auto [index, scalar] : llvm::enumerate(kernel.getBody().front())) {
    auto constant = dyn_cast<arith::ConstantOp>(scalar);
    auto number = constant ? dyn_cast<FloatAttr>(constant.getValue()) : FloatAttr();
    bool isFactor = number && llvm::all_of(scalar.getUsers(), [](Operation *user) {
                      return isa<arith::MulFOp, arith::DivFOp, arith::AddFOp, arith::SubFOp>(user);
                    });
    if (!isFactor || number.getValueAsDouble() == 0 || scalar.use_empty())
      continue;
    return [=, at = index](Handlers &) {
      auto found = std::next(KernelOp(kernel).getBody().front().begin(), at);
      cast<arith::ConstantOp>(*found).setValueAttr(
          FloatAttr::get(number.getType(), 2 * number.getValueAsDouble()));
    };
  }
  return {};
}

/// What a sum over ranks gives is divided by their number.
Edit dividedByGroup(Operation *op) {
  auto collective = dyn_cast<CollectiveOp>(op);
  if (!collective || collective.getKind() != CollectiveKind::all_reduce || collective.getFold() != Fold::sum)
    return {};
  return [=](Handlers &) {
    OpBuilder builder(op->getContext());
    WaitOp wait = waitOf(op);
    builder.setInsertionPointAfter(wait ? wait.getOperation() : op);
    auto mesh = op->getParentOfType<ModuleOp>()->getAttrOfType<MeshAttr>(meshAttrName);
    double ranks = 1;
    for (auto name : op->getAttrOfType<ArrayAttr>("mesh").getAsRange<StringAttr>())
      ranks *= double(mesh.sizeOf(name));
    Value out = op->getOperand(1);
    auto loops = llvm::map_to_vector(
        op->getAttrOfType<ArrayAttr>("tile").getAsRange<LoopAttr>(), [&](LoopAttr loop) -> Attribute {
          int64_t stride = loop.getStrides()[1];
          return LoopAttr::get(op->getContext(), loop.getNames(), loop.getSize(), {stride, stride});
        });
    auto kernel = builder.create<KernelOp>(op->getLoc(), builder.getStringAttr("mean"),
                                           builder.getArrayAttr(loops), ValueRange(out), ValueRange(out),
                                           builder.getDenseI32ArrayAttr({int32_t(Store::write)}));
    Block &body = kernel.getBody().emplaceBlock();
    Value element = body.addArgument(builder.getF32Type(), op->getLoc());
    builder.setInsertionPointToStart(&body);
    Value factor = builder.create<arith::ConstantOp>(op->getLoc(), builder.getF32FloatAttr(float(1 / ranks)));
    Value mean = builder.create<arith::MulFOp>(op->getLoc(), element, factor);
    builder.create<YieldOp>(op->getLoc(), mean);
  };
}

} // namespace

void shardc::mutants::addComputeFaults(Faults &faults) {
  faults.insert(faults.end(),
                {{"product starts from zero", "beta 0 for 1", startsFromZero},
                 {"product adds to what is there", "beta 1 for 0", addsToWhatIsThere},
                 {"beta of two", "of a product or a scatter", betaOfTwo},
                 {"kernel overwrites", "`sum` for `add`", overwrites},
                 {"kernel writes each term", "`write` for `sum`", writesEachTerm},
                 {"kernel adds to what is there", "`add` for `sum`", sumAddsToWhatIsThere},
                 {"kernel keeps the largest term", "`max` for `sum`", largestTerm},
                 {"loop one trip short", "the operands' types stay", boundShort},
                 {"loop and views one trip short", "the operands' types follow", boundShortInViews},
                 {"strides exchanged", "of two loops in one operand", stridesExchanged},
                 {"read transposed", "through a view that exchanges two axes", readTransposed},
                 {"constant doubled", "of a module's scalar program", constantDoubled},
                 {"divided by the group", "the sum over ranks becomes a mean", dividedByGroup}});
}
