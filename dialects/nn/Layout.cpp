//===- Layout.cpp - the layout algebra that every op's inference shares ---===//

#include "dialects/nn/Layout.h"
#include "dialects/nn/Nn.h"

using namespace mlir;
using namespace nn;

LogicalResult nn::fail(EmitError error, function_ref<void(InFlightDiagnostic &)> message) {
  if (error) {
    InFlightDiagnostic diagnostic = error();
    message(diagnostic);
  }
  return failure();
}

LogicalResult nn::fail(EmitError error, const Twine &message) {
  return fail(error, [&](InFlightDiagnostic &diagnostic) { diagnostic << message; });
}

std::string nn::quoted(StringAttr name) {
  return "'" + name.str() + "'";
}

std::string nn::toString(AxisAttr axis) {
  std::string text = axis.getName().str() + "=" + std::to_string(axis.getSize());
  for (StringAttr mesh : axis.getMesh())
    text += "@" + mesh.str();
  return text;
}

std::string nn::toString(NamedTensorType type) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << type.getElementType() << "[";
  llvm::interleaveComma(type.getAxes(), stream, [&](AxisAttr axis) { stream << toString(axis); });
  stream << "]";
  if (PartialAttr partial = type.getPartial()) {
    stream << ", " << stringifyReductionKind(partial.getKind());
    for (StringAttr mesh : partial.getMesh())
      stream << "@" << mesh.getValue();
  }
  return text;
}

SmallVector<Value> nn::tensorsOf(Operation *op) {
  SmallVector<Value> tensors;
  for (ValueRange values : {ValueRange(op->getOperands()), ValueRange(op->getResults())})
    llvm::copy_if(values, std::back_inserter(tensors),
                  [](Value value) { return isa<NamedTensorType>(value.getType()); });
  return tensors;
}

SmallVector<StringAttr> nn::axesOfOperandsAndResults(Operation *op) {
  llvm::SmallSetVector<StringAttr, 8> names;
  for (Value tensor : tensorsOf(op))
    for (AxisAttr axis : cast<NamedTensorType>(tensor.getType()).getAxes())
      names.insert(axis.getName());
  return names.takeVector();
}

StringRef nn::plainName(StringAttr axis) {
  return axis.getValue().split('.').first;
}

AxisAttr nn::batchAxis(NamedTensorType type) {
  for (AxisAttr axis : type.getAxes())
    if (plainName(axis.getName()) == "batch")
      return axis;
  return {};
}

SmallVector<AxisAttr> nn::axesNamed(Operation *op, ArrayRef<StringAttr> names) {
  SmallVector<AxisAttr> axes;
  for (StringAttr name : names)
    for (Type type : llvm::concat<const Type>(llvm::to_vector(op->getOperandTypes()),
                                              llvm::to_vector(op->getResultTypes())))
      if (auto tensor = dyn_cast<NamedTensorType>(type); tensor && tensor.has(name)) {
        axes.push_back(tensor.find(name));
        break;
      }
  return axes;
}

NamedTensorType nn::place(NamedTensorType type, const Placement &placement, PartialAttr partial) {
  SmallVector<AxisAttr> axes;
  for (AxisAttr axis : type.getAxes()) {
    auto found = placement.find(axis.getName());
    axes.push_back(
        axis.withMesh(found == placement.end() ? ArrayRef<StringAttr>() : ArrayRef(found->second)));
  }
  return NamedTensorType::get(type.getElementType(), axes, partial);
}

Type nn::strip(Type type) {
  if (auto tensor = dyn_cast<NamedTensorType>(type))
    return tensor.stripped();
  if (auto bundle = dyn_cast<BundleType>(type))
    return bundle.withTypes(llvm::map_to_vector(bundle.getTypes(), [](Type field) { return strip(field); }));
  return type;
}

PartialAttr nn::makePartial(MLIRContext *context, ReductionKind kind, ArrayRef<StringAttr> mesh) {
  if (mesh.empty())
    return {};
  SmallVector<StringAttr> sorted(mesh);
  llvm::sort(sorted, [](StringAttr a, StringAttr b) { return a.getValue() < b.getValue(); });
  sorted.erase(llvm::unique(sorted), sorted.end());
  return PartialAttr::get(context, kind, sorted);
}

LogicalResult nn::rejectPartials(ArrayRef<Type> operands, EmitError error) {
  for (auto [index, type] : llvm::enumerate(operands))
    if (auto tensor = dyn_cast<NamedTensorType>(type); tensor && tensor.getPartial())
      return fail(error, [&](InFlightDiagnostic &diagnostic) {
        diagnostic << "operand #" << index << " is partial (" << toString(tensor)
                   << "): it must be reduced before an op that is not linear in it alone";
      });
  return success();
}

bool nn::contains(ArrayAttr names, StringAttr name) {
  return llvm::is_contained(names, Attribute(name));
}

//===-- IterationSpace -----------------------------------------------------===//

LogicalResult IterationSpace::add(NamedTensorType type, unsigned index) {
  for (AxisAttr axis : type.getAxes())
    if (failed(add(axis, "operand #" + Twine(index))))
      return failure();
  return success();
}

LogicalResult IterationSpace::add(AxisAttr axis, Twine who) {
  auto [known, isNew] = axes.insert({axis.getName(), axis});
  AxisAttr other = known->second;
  if (other.getSize() != axis.getSize())
    return fail(error, [&](InFlightDiagnostic &diagnostic) {
      diagnostic << who << " has axis " << toString(axis) << ", another operand has " << toString(other)
                 << ": one axis has one size";
    });
  if (other != axis)
    return fail(error, [&](InFlightDiagnostic &diagnostic) {
      diagnostic << who << " has axis " << toString(axis) << ", another operand has " << toString(other)
                 << ": a dist.reshard is missing";
    });
  for (StringAttr mesh : axis.getMesh()) {
    auto [user, isFirst] = placedBy.insert({mesh, axis.getName()});
    StringAttr usedBy = user->second;
    if (!isFirst && usedBy != axis.getName())
      return fail(error, [&](InFlightDiagnostic &diagnostic) {
        diagnostic << "mesh axis '" << mesh.getValue() << "' places both '" << usedBy.getValue() << "' and '"
                   << axis.getName().getValue() << "' in one iteration space";
      });
  }
  return success();
}

AxisAttr IterationSpace::find(StringAttr name) const {
  auto found = axes.find(name);
  return found == axes.end() ? AxisAttr() : found->second;
}

FailureOr<NamedTensorType> IterationSpace::resultType(NamedTensorType result, ReductionKind kind) const {
  SmallVector<AxisAttr> resultAxes;
  for (AxisAttr axis : result.getAxes()) {
    AxisAttr known = find(axis.getName());
    if (known && known.getSize() != axis.getSize())
      return fail(error, [&](InFlightDiagnostic &diagnostic) {
        diagnostic << "the result has axis " << toString(axis) << ", the operands have " << toString(known);
      });
    resultAxes.push_back(known ? known : axis);
  }
  SmallVector<StringAttr> foldedMesh;
  for (auto &[name, axis] : axes)
    if (!result.has(name))
      llvm::append_range(foldedMesh, axis.getMesh());
  PartialAttr partial = makePartial(result.getContext(), kind, foldedMesh);
  llvm::SmallDenseSet<StringAttr> used(foldedMesh.begin(), foldedMesh.end());
  for (AxisAttr axis : resultAxes)
    for (StringAttr mesh : axis.getMesh())
      if (!used.insert(mesh).second)
        return fail(error, [&](InFlightDiagnostic &diagnostic) {
          diagnostic << "mesh axis '" << mesh.getValue() << "' would be used twice in the result";
        });
  return NamedTensorType::get(result.getElementType(), resultAxes, partial);
}

//===-- the verifier of every op with a layout ------------------------------===//

LogicalResult nn::verifyLayouts(Operation *op) {
  auto layout = cast<LayoutOpInterface>(op);
  SmallVector<Type> operands(op->getOperandTypes()), inferred(op->getResultTypes());
  if (failed(layout.inferLayouts(operands, inferred, [&] { return op->emitOpError(); })))
    return failure();
  for (auto [index, types] : llvm::enumerate(llvm::zip(op->getResultTypes(), inferred))) {
    auto [actual, expected] = types;
    if (actual != expected)
      return op->emitOpError() << "result #" << index << " is " << toString(cast<NamedTensorType>(actual))
                               << ", its operands make it " << toString(cast<NamedTensorType>(expected));
  }
  return success();
}
