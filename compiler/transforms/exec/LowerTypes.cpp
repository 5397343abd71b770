//===- LowerTypes.cpp - what a rank holds of a placed type ----------------===//

#include "compiler/transforms/exec/LowerTypes.h"

using namespace mlir;
using namespace exec;

TypeLowering::TypeLowering(ModuleOp module) : context(module.getContext()) {
  SmallVector<StringAttr> names;
  SmallVector<int64_t> sizes;
  if (dist::PlanAttr plan = dist::planOf(module))
    for (dist::MeshAxisAttr axis : plan.getMesh()) {
      names.push_back(axis.getName());
      sizes.push_back(axis.getSize());
    }
  mesh = MeshAttr::get(context, names, sizes);
}

int64_t TypeLowering::sizeOf(ArrayRef<StringAttr> meshAxes) const {
  int64_t size = 1;
  for (StringAttr name : meshAxes)
    size *= mesh.sizeOf(name);
  return size;
}

int64_t TypeLowering::sizeOf(ArrayAttr meshAxes) const {
  return sizeOf(llvm::to_vector(meshAxes.getAsRange<StringAttr>()));
}

int64_t TypeLowering::localSize(nn::AxisAttr axis) const {
  return axis.getSize() / sizeOf(axis.getMesh());
}

BufferType TypeLowering::buffer(nn::NamedTensorType type) {
  auto sizes = llvm::map_to_vector(type.getAxes(), [&](nn::AxisAttr axis) { return localSize(axis); });
  return BufferType::dense(type.getElementType(), type.names(), sizes);
}

Type TypeLowering::lower(Type type) {
  if (auto tensor = dyn_cast<nn::NamedTensorType>(type))
    return buffer(tensor);
  if (isa<nn::KeyType>(type))
    return KeyType::get(context);
  auto bundle = cast<nn::BundleType>(type);
  auto fields = llvm::map_to_vector(bundle.getTypes(), [&](Type field) { return lower(field); });
  // Bundles that differ only in what placements left behind are one struct; others of the same name get a
  // number.
  Type &known = structs[StructType::get(context, bundle.getName(), bundle.getFields(), fields)];
  if (known)
    return known;
  int number = namesTaken[bundle.getName()]++;
  StringAttr name = number == 0 ? bundle.getName()
                                : StringAttr::get(context, bundle.getName().getValue() + "_" + Twine(number));
  Type made = StructType::get(context, name, bundle.getFields(), fields);
  structs[StructType::get(context, bundle.getName(), bundle.getFields(), fields)] = made;
  return made;
}

RankAttr TypeLowering::place(ArrayRef<StringAttr> meshAxes, int64_t factor) const {
  SmallVector<StringAttr> names;
  SmallVector<int64_t> factors;
  for (size_t i = 0; i < meshAxes.size(); ++i) {
    names.push_back(meshAxes[i]);
    factors.push_back(factor * sizeOf(meshAxes.drop_front(i + 1)));
  }
  return RankAttr::get(context, names, factors, 0);
}

RankAttr TypeLowering::add(RankAttr a, RankAttr b) const {
  SmallVector<StringAttr> names(a.getMesh());
  SmallVector<int64_t> factors(a.getFactors());
  for (auto [name, factor] : llvm::zip(b.getMesh(), b.getFactors())) {
    StringAttr *known = llvm::find(names, name);
    if (known != names.end())
      factors[known - names.begin()] += factor;
    else {
      names.push_back(name);
      factors.push_back(factor);
    }
  }
  return RankAttr::get(context, names, factors, a.getConstant() + b.getConstant());
}

BufferType exec::numbering(TypeLowering &types, nn::NamedTensorType type, ArrayRef<StringAttr> order,
                           StringRef without, RankAttr &start) {
  MLIRContext *context = type.getContext();
  start = RankAttr::get(context, 0);
  SmallVector<AxisAttr> axes;
  int64_t stride = 1;
  for (StringAttr name : llvm::reverse(order)) {
    nn::AxisAttr axis = type.find(name);
    if (name == without)
      continue;
    axes.insert(axes.begin(), AxisAttr::get(context, name, types.localSize(axis), stride));
    start = types.add(start, types.start(axis, stride));
    stride *= axis.getSize();
  }
  return BufferType::get(context, IntegerType::get(context, 64), axes);
}
