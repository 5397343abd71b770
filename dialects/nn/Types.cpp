//===- Types.cpp - axes, partials, tensors, bundles: syntax and verification ===//

#include "dialects/nn/Layout.h"
#include "dialects/nn/NnTypes.h"
#include "dialects/nn/Syntax.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace nn;

#include "dialects/nn/NnEnums.cpp.inc"

//===-- syntax shared by axes, partials and tensors ------------------------===//

/// `@dp@ep`, possibly nothing.
static void parseMesh(AsmParser &parser, SmallVectorImpl<StringAttr> &mesh) {
  StringAttr name;
  while (succeeded(parser.parseOptionalSymbolName(name)))
    mesh.push_back(name);
}

static void printMesh(AsmPrinter &printer, ArrayRef<StringAttr> mesh) {
  for (StringAttr name : mesh)
    printer.printSymbolName(name.getValue());
}

Attribute AxisAttr::parse(AsmParser &parser, Type) {
  StringAttr name;
  int64_t size;
  SmallVector<StringAttr> mesh;
  SMLoc loc = parser.getCurrentLocation();
  if (parseName(parser, name) || parser.parseEqual() || parser.parseInteger(size))
    return {};
  if (size < 1) {
    parser.emitError(loc, "axis '") << name.getValue() << "' has size " << size << ", it must be at least 1";
    return {};
  }
  parseMesh(parser, mesh);
  return AxisAttr::get(parser.getContext(), name, size, mesh);
}

void AxisAttr::print(AsmPrinter &printer) const {
  printer.printKeywordOrString(getName().getValue());
  printer << "=" << getSize();
  printMesh(printer, getMesh());
}

Attribute PartialAttr::parse(AsmParser &parser, Type) {
  StringRef keyword;
  SmallVector<StringAttr> mesh;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return {};
  std::optional<ReductionKind> kind = symbolizeReductionKind(keyword);
  if (!kind) {
    parser.emitError(loc, "expected 'sum' or 'max'");
    return {};
  }
  parseMesh(parser, mesh);
  if (mesh.empty()) {
    parser.emitError(loc, "a partial names the mesh axes it is partial over");
    return {};
  }
  return makePartial(parser.getContext(), *kind, mesh);
}

void PartialAttr::print(AsmPrinter &printer) const {
  printer << stringifyReductionKind(getKind());
  printMesh(printer, getMesh());
}

/// `f32[batch=8@dp, seq=512], sum@tp`: a tensor type without its brackets.
static FailureOr<NamedTensorType> parseTensorBody(AsmParser &parser) {
  Type element;
  SmallVector<AxisAttr> axes;
  PartialAttr partial;
  SMLoc loc = parser.getCurrentLocation();
  auto parseAxis = [&]() -> ParseResult {
    axes.push_back(llvm::dyn_cast_or_null<AxisAttr>(AxisAttr::parse(parser, {})));
    return success(axes.back() != nullptr);
  };
  if (parser.parseType(element) || parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseAxis))
    return failure();
  if (succeeded(parser.parseOptionalComma()) &&
      !(partial = dyn_cast_or_null<PartialAttr>(PartialAttr::parse(parser, {}))))
    return failure();
  auto error = [&] { return parser.emitError(loc); };
  NamedTensorType type = NamedTensorType::getChecked(error, parser.getContext(), element, axes, partial);
  if (!type)
    return failure();
  return type;
}

static void printTensorBody(AsmPrinter &printer, NamedTensorType type, StringRef beforePartial) {
  printer << type.getElementType() << "[";
  llvm::interleaveComma(type.getAxes(), printer, [&](AxisAttr axis) { axis.print(printer); });
  printer << "]";
  if (type.getPartial()) {
    printer << beforePartial;
    type.getPartial().print(printer);
  }
}

//===-- tensor -------------------------------------------------------------===//

Type NamedTensorType::parse(AsmParser &parser) {
  if (parser.parseLess())
    return {};
  FailureOr<NamedTensorType> type = parseTensorBody(parser);
  if (failed(type) || parser.parseGreater())
    return {};
  return *type;
}

void NamedTensorType::print(AsmPrinter &printer) const {
  printer << "<";
  printTensorBody(printer, *this, ", ");
  printer << ">";
}

LogicalResult NamedTensorType::verify(function_ref<InFlightDiagnostic()> error, Type element,
                                      ArrayRef<AxisAttr> axes, PartialAttr partial) {
  if (!element.isIntOrFloat())
    return error() << "element type " << element << " is neither an integer nor a float";
  llvm::SmallDenseSet<StringAttr> names, mesh;
  for (AxisAttr axis : axes) {
    if (!names.insert(axis.getName()).second)
      return error() << "axis '" << axis.getName().getValue()
                     << "' stands twice in one tensor: rename one of the two";
    for (StringAttr meshAxis : axis.getMesh())
      if (!mesh.insert(meshAxis).second)
        return error() << "mesh axis '" << meshAxis.getValue() << "' is used twice in one tensor";
  }
  if (partial)
    for (StringAttr meshAxis : partial.getMesh())
      if (!mesh.insert(meshAxis).second)
        return error() << "mesh axis '" << meshAxis.getValue() << "' is used twice in one tensor";
  return success();
}

AxisAttr NamedTensorType::find(StringAttr name) const {
  for (AxisAttr axis : getAxes())
    if (axis.getName() == name)
      return axis;
  return {};
}

SmallVector<StringAttr> NamedTensorType::names() const {
  return llvm::map_to_vector(getAxes(), [](AxisAttr axis) { return axis.getName(); });
}

int64_t NamedTensorType::getNumElements() const {
  int64_t count = 1;
  for (AxisAttr axis : getAxes())
    count *= axis.getSize();
  return count;
}

NamedTensorType NamedTensorType::stripped() const {
  return place(*this, Placement());
}

//===-- bundle -------------------------------------------------------------===//

Type BundleType::parse(AsmParser &parser) {
  StringAttr name;
  SmallVector<StringAttr> fields;
  SmallVector<Type> types;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() || parseName(parser, name))
    return {};
  while (succeeded(parser.parseOptionalComma())) {
    if (parseName(parser, fields.emplace_back()) || parser.parseColon())
      return {};
    Type other;
    if (succeeded(parser.parseOptionalKeyword("key"))) {
      types.push_back(KeyType::get(parser.getContext()));
      continue;
    }
    OptionalParseResult bundle = parser.parseOptionalType(other);
    if (bundle.has_value() && failed(*bundle))
      return {};
    if (bundle.has_value() && llvm::isa<BundleType>(other)) {
      types.push_back(other);
      continue;
    }
    if (!bundle.has_value())
      return parser.emitError(parser.getCurrentLocation(), "expected a tensor, 'key' or a bundle"), Type();
    // `other` is the element type of a tensor: read its axes.
    SmallVector<AxisAttr> axes;
    auto parseAxis = [&]() -> ParseResult {
      axes.push_back(llvm::dyn_cast_or_null<AxisAttr>(AxisAttr::parse(parser, {})));
      return success(axes.back() != nullptr);
    };
    if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseAxis))
      return {};
    PartialAttr partial;
    if (succeeded(parser.parseOptionalKeyword("partial")) &&
        !(partial = llvm::dyn_cast_or_null<PartialAttr>(PartialAttr::parse(parser, {}))))
      return {};
    auto error = [&] { return parser.emitError(loc); };
    types.push_back(NamedTensorType::getChecked(error, parser.getContext(), other, axes, partial));
    if (!types.back())
      return {};
  }
  if (parser.parseGreater())
    return {};
  auto error = [&] { return parser.emitError(loc); };
  return getChecked(error, parser.getContext(), name, fields, types);
}

void BundleType::print(AsmPrinter &printer) const {
  printer << "<";
  printer.printKeywordOrString(getName().getValue());
  for (auto [field, type] : llvm::zip(getFields(), getTypes())) {
    printer << ", ";
    printer.printKeywordOrString(field.getValue());
    printer << ": ";
    if (auto tensor = llvm::dyn_cast<NamedTensorType>(type))
      printTensorBody(printer, tensor, " partial ");
    else if (llvm::isa<KeyType>(type))
      printer << "key";
    else
      printer << type;
  }
  printer << ">";
}

LogicalResult BundleType::verify(function_ref<InFlightDiagnostic()> error, StringAttr name,
                                 ArrayRef<StringAttr> fields, ArrayRef<Type> types) {
  if (fields.size() != types.size())
    return error() << "bundle '" << name.getValue() << "' has " << fields.size() << " names for "
                   << types.size() << " types";
  llvm::SmallDenseSet<StringAttr> seen;
  for (auto [field, type] : llvm::zip(fields, types)) {
    if (!seen.insert(field).second)
      return error() << "bundle '" << name.getValue() << "' has field '" << field.getValue() << "' twice";
    if (!llvm::isa<NamedTensorType, BundleType, KeyType>(type))
      return error() << "field '" << field.getValue() << "' is neither a tensor, a key nor a bundle";
  }
  return success();
}

#define GET_ATTRDEF_CLASSES
#include "dialects/nn/NnAttrs.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/nn/NnTypes.cpp.inc"

void NnDialect::registerAttrs() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/nn/NnAttrs.cpp.inc"
      >();
}

void NnDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/nn/NnTypes.cpp.inc"
      >();
}
