//===- Types.cpp - loops, rank numbers, buffers, structs: syntax and verification ===//

#include "dialects/exec/Syntax.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace exec;
using nn::parseName;

#include "dialects/exec/ExecEnums.cpp.inc"

//===-- loop ---------------------------------------------------------------===//

/// `seq*batch=4096: 768, 0, 1024` or `1: 0, 0`
LoopAttr exec::parseLoopBody(AsmParser &parser) {
  SmallVector<StringAttr> names;
  SmallVector<int64_t> strides;
  int64_t size;
  OptionalParseResult bare = parser.parseOptionalInteger(size);
  if (bare.has_value() && failed(*bare))
    return {};
  if (!bare.has_value()) {
    do {
      if (parseName(parser, names.emplace_back()))
        return {};
    } while (succeeded(parser.parseOptionalStar()));
    if (parser.parseEqual() || parser.parseInteger(size))
      return {};
  }
  if (parser.parseColon() ||
      parser.parseCommaSeparatedList([&] { return parser.parseInteger(strides.emplace_back()); }))
    return {};
  return LoopAttr::get(parser.getContext(), names, size, strides);
}

void exec::printLoopBody(AsmPrinter &printer, LoopAttr loop) {
  llvm::interleave(
      loop.getNames(), printer, [&](StringAttr name) { printer.printKeywordOrString(name.getValue()); }, "*");
  printer << (loop.getNames().empty() ? "" : "=") << loop.getSize() << ": ";
  llvm::interleaveComma(loop.getStrides(), printer);
}

Attribute LoopAttr::parse(AsmParser &parser, Type) {
  LoopAttr loop;
  if (parser.parseLess() || !(loop = parseLoopBody(parser)) || parser.parseGreater())
    return {};
  return loop;
}

void LoopAttr::print(AsmPrinter &printer) const {
  printer << "<";
  printLoopBody(printer, *this);
  printer << ">";
}

//===-- rank ---------------------------------------------------------------===//

/// `dp * 256 + tp * 128 + 5`
RankAttr exec::parseRankBody(AsmParser &parser) {
  SmallVector<StringAttr> mesh;
  SmallVector<int64_t> factors;
  int64_t constant = 0;
  do {
    int64_t number;
    OptionalParseResult isNumber = parser.parseOptionalInteger(number);
    if (isNumber.has_value() && failed(*isNumber))
      return {};
    if (isNumber.has_value()) {
      constant += number;
      continue;
    }
    SMLoc loc = parser.getCurrentLocation();
    StringAttr name;
    if (parseName(parser, name) || parser.parseStar() || parser.parseInteger(number))
      return {};
    if (llvm::is_contained(mesh, name))
      return parser.emitError(loc, "mesh axis '") << name.getValue() << "' stands twice in one sum",
             RankAttr();
    mesh.push_back(name);
    factors.push_back(number);
  } while (succeeded(parser.parseOptionalPlus()));
  return RankAttr::get(parser.getContext(), mesh, factors, constant);
}

void exec::printRankBody(AsmPrinter &printer, RankAttr rank) {
  for (auto [name, factor] : llvm::zip(rank.getMesh(), rank.getFactors())) {
    printer.printKeywordOrString(name.getValue());
    printer << " * " << factor << (name == rank.getMesh().back() && rank.getConstant() == 0 ? "" : " + ");
  }
  if (rank.isConstant() || rank.getConstant() != 0)
    printer << rank.getConstant();
}

Attribute RankAttr::parse(AsmParser &parser, Type) {
  RankAttr rank;
  if (parser.parseLess() || !(rank = parseRankBody(parser)) || parser.parseGreater())
    return {};
  return rank;
}

void RankAttr::print(AsmPrinter &printer) const {
  printer << "<";
  printRankBody(printer, *this);
  printer << ">";
}

//===-- mesh ---------------------------------------------------------------===//

Attribute MeshAttr::parse(AsmParser &parser, Type) {
  SmallVector<StringAttr> names;
  SmallVector<int64_t> sizes;
  auto parseOne = [&]() -> ParseResult {
    return failure(parseName(parser, names.emplace_back()) || parser.parseEqual() ||
                   parser.parseInteger(sizes.emplace_back()));
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::LessGreater, parseOne))
    return {};
  return MeshAttr::get(parser.getContext(), names, sizes);
}

void MeshAttr::print(AsmPrinter &printer) const {
  printer << "<";
  llvm::interleaveComma(llvm::zip(getNames(), getSizes()), printer, [&](auto axis) {
    printer.printKeywordOrString(std::get<0>(axis).getValue());
    printer << "=" << std::get<1>(axis);
  });
  printer << ">";
}

int64_t MeshAttr::sizeOf(StringAttr name) const {
  for (auto [known, size] : llvm::zip(getNames(), getSizes()))
    if (known == name)
      return size;
  return 0;
}

int64_t MeshAttr::getNumRanks() const {
  int64_t ranks = 1;
  for (int64_t size : getSizes())
    ranks *= size;
  return ranks;
}

//===-- buffer -------------------------------------------------------------===//

/// `f32[seq=512, batch=8]`, row-major, or `f32[seq=512:8, batch=8:1]`
static Type parseBuffer(AsmParser &parser, Type element) {
  SmallVector<StringAttr> names;
  SmallVector<int64_t> sizes, strides;
  SMLoc loc = parser.getCurrentLocation();
  auto parseAxis = [&]() -> ParseResult {
    if (parseName(parser, names.emplace_back()) || parser.parseEqual() ||
        parser.parseInteger(sizes.emplace_back()))
      return failure();
    return succeeded(parser.parseOptionalColon()) ? parser.parseInteger(strides.emplace_back()) : success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseAxis))
    return {};
  if (strides.empty())
    return BufferType::dense(element, names, sizes);
  if (strides.size() != names.size())
    return parser.emitError(loc, "either every axis has a stride or none"), Type();
  SmallVector<AxisAttr> axes;
  for (auto [name, size, stride] : llvm::zip(names, sizes, strides))
    axes.push_back(AxisAttr::get(parser.getContext(), name, size, stride));
  return BufferType::getChecked([&] { return parser.emitError(loc); }, parser.getContext(), element, axes);
}

static void printBuffer(AsmPrinter &printer, BufferType type) {
  bool dense = type.isDense();
  printer << type.getElementType() << "[";
  llvm::interleaveComma(type.getAxes(), printer, [&](AxisAttr axis) {
    printer.printKeywordOrString(axis.getName().getValue());
    printer << "=" << axis.getSize();
    if (!dense)
      printer << ":" << axis.getStride();
  });
  printer << "]";
}

Type BufferType::parse(AsmParser &parser) {
  Type element, type;
  if (parser.parseLess() || parser.parseType(element) || !(type = parseBuffer(parser, element)) ||
      parser.parseGreater())
    return {};
  return type;
}

void BufferType::print(AsmPrinter &printer) const {
  printer << "<";
  printBuffer(printer, *this);
  printer << ">";
}

LogicalResult BufferType::verify(function_ref<InFlightDiagnostic()> error, Type element,
                                 ArrayRef<AxisAttr> axes) {
  if (!element.isIntOrFloat())
    return error() << "element type " << element << " is neither an integer nor a float";
  llvm::SmallDenseSet<StringAttr> names;
  for (AxisAttr axis : axes) {
    if (!names.insert(axis.getName()).second)
      return error() << "axis '" << axis.getName().getValue() << "' stands twice in one buffer";
    if (axis.getSize() < 1 || axis.getStride() < 0)
      return error() << "axis '" << axis.getName().getValue() << "' has size " << axis.getSize()
                     << " and stride " << axis.getStride();
  }
  return success();
}

BufferType BufferType::dense(Type element, ArrayRef<StringAttr> names, ArrayRef<int64_t> sizes) {
  SmallVector<AxisAttr> axes(names.size());
  int64_t stride = 1;
  for (size_t i = names.size(); i-- > 0; stride *= sizes[i])
    axes[i] = AxisAttr::get(element.getContext(), names[i], sizes[i], stride);
  return BufferType::get(element.getContext(), element, axes);
}

AxisAttr BufferType::find(StringAttr name) const {
  for (AxisAttr axis : getAxes())
    if (axis.getName() == name)
      return axis;
  return {};
}

int64_t BufferType::getNumElements() const {
  int64_t count = 1;
  for (AxisAttr axis : getAxes())
    count *= axis.getSize();
  return count;
}

int64_t BufferType::getExtent() const {
  int64_t last = 0;
  for (AxisAttr axis : getAxes())
    last += (axis.getSize() - 1) * axis.getStride();
  return last + 1;
}

bool BufferType::isDense() const {
  int64_t stride = 1;
  for (AxisAttr axis : llvm::reverse(getAxes())) {
    if (axis.getStride() != stride)
      return false;
    stride *= axis.getSize();
  }
  return true;
}

int64_t BufferType::getElementBytes() const {
  return (getElementType().getIntOrFloatBitWidth() + 7) / 8;
}

//===-- struct -------------------------------------------------------------===//

Type StructType::parse(AsmParser &parser) {
  StringAttr name;
  SmallVector<StringAttr> fields;
  SmallVector<Type> types;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() || parseName(parser, name))
    return {};
  while (succeeded(parser.parseOptionalComma())) {
    Type type;
    if (parseName(parser, fields.emplace_back()) || parser.parseColon() || parser.parseType(type))
      return {};
    if (type.isIntOrFloat() && !(type = parseBuffer(parser, type)))
      return {};
    types.push_back(type);
  }
  if (parser.parseGreater())
    return {};
  return getChecked([&] { return parser.emitError(loc); }, parser.getContext(), name, fields, types);
}

void StructType::print(AsmPrinter &printer) const {
  printer << "<";
  printer.printKeywordOrString(getName().getValue());
  for (auto [field, type] : llvm::zip(getFields(), getTypes())) {
    printer << ", ";
    printer.printKeywordOrString(field.getValue());
    printer << ": ";
    if (auto buffer = llvm::dyn_cast<BufferType>(type))
      printBuffer(printer, buffer);
    else
      printer << type;
  }
  printer << ">";
}

LogicalResult StructType::verify(function_ref<InFlightDiagnostic()> error, StringAttr name,
                                 ArrayRef<StringAttr> fields, ArrayRef<Type> types) {
  if (fields.size() != types.size())
    return error() << "struct '" << name.getValue() << "' has " << fields.size() << " names for "
                   << types.size() << " types";
  llvm::SmallDenseSet<StringAttr> seen;
  for (auto [field, type] : llvm::zip(fields, types)) {
    if (!seen.insert(field).second)
      return error() << "struct '" << name.getValue() << "' has field '" << field.getValue() << "' twice";
    if (!llvm::isa<BufferType, StructType>(type))
      return error() << "field '" << field.getValue() << "' is neither a buffer nor a struct";
  }
  return success();
}

int StructType::indexOf(StringAttr name) const {
  const StringAttr *found = llvm::find(getFields(), name);
  return found == getFields().end() ? -1 : int(found - getFields().begin());
}

#define GET_ATTRDEF_CLASSES
#include "dialects/exec/ExecAttrs.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/exec/ExecTypes.cpp.inc"

void ExecDialect::registerAttrs() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/exec/ExecAttrs.cpp.inc"
      >();
}

void ExecDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/exec/ExecTypes.cpp.inc"
      >();
}
