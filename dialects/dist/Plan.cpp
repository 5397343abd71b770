//===- Plan.cpp - the mesh, the rules and the one function that reads them ===//

#include "dialects/dist/Dist.h"
#include "dialects/nn/Syntax.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace dist;

//===-- the rule -----------------------------------------------------------===//

ArrayRef<LevelAttr> PlanAttr::atRest(StringRef kind) const {
  if (kind == nn::kindParameter)
    return getParameter();
  if (kind == nn::kindGradient)
    return getGradient();
  if (kind == nn::kindOptimizerState)
    return getOptimizerState();
  return {};
}

/// Two rules of `level` that both want `meshAxis` for names of the set: nothing says which goes first.
static LogicalResult reportClaim(nn::EmitError error, StringAttr meshAxis, StringAttr first,
                                 StringAttr second) {
  return nn::fail(error, [&](InFlightDiagnostic &diagnostic) {
    diagnostic << "axes '" << first.getValue() << "' and '" << second.getValue() << "' both claim mesh axis '"
               << meshAxis.getValue() << "' in rules of one level";
    diagnostic.attachNote() << "write the two rules as two levels: the first one wins";
  });
}

StringRef PlanAttr::kindWhileSummed(StringRef kind) const {
  return getReduceLast() && kind == nn::kindGradient ? StringRef() : kind;
}

/// `*@dp`: the axis with the largest part that the mesh axis divides; of equals the first by name.
static StringAttr largestAxis(PlanAttr plan, ArrayRef<nn::AxisAttr> axes, const nn::Placement &placement,
                              StringAttr meshAxis) {
  StringAttr best;
  int64_t largest = 0;
  for (nn::AxisAttr axis : axes) {
    int64_t part = axis.getSize() / plan.sizeOf(placement.lookup(axis.getName()));
    bool isLarger =
        part > largest || (best && part == largest && axis.getName().getValue() < best.getValue());
    if (part % plan.sizeOf(meshAxis) != 0 || !isLarger)
      continue;
    best = axis.getName();
    largest = part;
  }
  return best;
}

FailureOr<nn::Placement> PlanAttr::place(ArrayRef<nn::AxisAttr> axes, StringRef kind, nn::EmitError error,
                                         ArrayRef<StringAttr> taken, PlaceListener listener) const {
  nn::Placement placement;
  llvm::SmallDenseMap<StringAttr, NumberedRule> given; // mesh axis -> the rule that has it
  for (StringAttr meshAxis : taken)
    given[meshAxis] = {0, RuleAttr()};
  auto hasAxis = [&](StringAttr name) {
    return llvm::any_of(axes, [&](nn::AxisAttr axis) { return axis.getName() == name; });
  };
  unsigned number = 0;
  for (ArrayRef<LevelAttr> levels : {getRules(), atRest(kind)})
    for (LevelAttr level : levels) {
      llvm::SmallDenseMap<StringAttr, NumberedRule> claims; // the same, of this level
      for (RuleAttr rule : level.getRules()) {
        if (!rule.isAuto() && !hasAxis(rule.getAxis()))
          continue;
        for (StringAttr meshAxis : rule.getMesh()) {
          StringAttr axis = rule.isAuto() ? largestAxis(*this, axes, placement, meshAxis) : rule.getAxis();
          if (!axis)
            continue;
          auto had = given.find(meshAxis);
          if (listener)
            listener({axis,
                      meshAxis,
                      {number, rule},
                      had == given.end() ? NumberedRule{number, rule} : had->second});
          if (had != given.end())
            continue;
          auto [claim, isFirst] = claims.insert({meshAxis, {number, rule}});
          if (!isFirst)
            return reportClaim(error, meshAxis, claim->second.second.getAxis(), rule.getAxis());
          if (sizeOf(meshAxis) > 1)
            placement[axis].push_back(meshAxis);
        }
      }
      given.insert(claims.begin(), claims.end());
      ++number;
    }
  return placement;
}

int64_t PlanAttr::sizeOf(StringAttr meshAxis) const {
  for (MeshAxisAttr axis : getMesh())
    if (axis.getName() == meshAxis)
      return axis.getSize();
  return 0;
}

int64_t PlanAttr::sizeOf(ArrayRef<StringAttr> meshAxes) const {
  int64_t parts = 1;
  for (StringAttr axis : meshAxes)
    parts *= sizeOf(axis);
  return parts;
}

int64_t PlanAttr::worldSize() const {
  int64_t ranks = 1;
  for (MeshAxisAttr axis : getMesh())
    ranks *= axis.getSize();
  return ranks;
}

PlanAttr dist::planOf(Operation *op) {
  while (op && !op->hasAttr(DistDialect::planAttrName))
    op = op->getParentOp();
  return op ? op->getAttrOfType<PlanAttr>(DistDialect::planAttrName) : PlanAttr();
}

//===-- verification -------------------------------------------------------===//

LogicalResult PlanAttr::verify(function_ref<InFlightDiagnostic()> error, ArrayRef<MeshAxisAttr> mesh,
                               ArrayRef<LevelAttr> rules, ArrayRef<LevelAttr> parameter,
                               ArrayRef<LevelAttr> gradient, ArrayRef<LevelAttr> optimizerState, bool, bool,
                               bool) {
  llvm::SmallDenseSet<StringAttr> known;
  for (MeshAxisAttr axis : mesh) {
    if (axis.getSize() < 1)
      return error() << "mesh axis '" << axis.getName().getValue() << "' has size " << axis.getSize()
                     << ", it must be at least 1";
    if (!known.insert(axis.getName()).second)
      return error() << "mesh axis '" << axis.getName().getValue() << "' stands twice in the mesh";
  }
  for (ArrayRef<LevelAttr> levels : {rules, parameter, gradient, optimizerState})
    for (LevelAttr level : levels) {
      llvm::SmallDenseSet<StringAttr> axes;
      for (RuleAttr rule : level.getRules()) {
        if (rule.isAuto() && levels.data() == rules.data())
          return error() << "a rule for whichever axis is the largest holds at rest only";
        if (rule.isAuto() && level.getRules().size() > 1)
          return error() << "a rule for whichever axis is the largest must be a level of its own";
        if (!axes.insert(rule.getAxis()).second)
          return error() << "axis '" << rule.getAxis().getValue() << "' stands twice in one level";
        llvm::SmallDenseSet<StringAttr> seen;
        for (StringAttr meshAxis : rule.getMesh()) {
          if (!known.contains(meshAxis))
            return error() << "rule '" << rule.getAxis().getValue() << "' names mesh axis '"
                           << meshAxis.getValue() << "', which the mesh lacks";
          if (!seen.insert(meshAxis).second)
            return error() << "rule '" << rule.getAxis().getValue() << "' names mesh axis '"
                           << meshAxis.getValue() << "' twice";
        }
      }
    }
  return success();
}

//===-- syntax -------------------------------------------------------------===//

Attribute MeshAxisAttr::parse(AsmParser &parser, Type) {
  StringAttr name;
  int64_t size;
  if (nn::parseName(parser, name) || parser.parseEqual() || parser.parseInteger(size))
    return {};
  return get(parser.getContext(), name, size);
}
void MeshAxisAttr::print(AsmPrinter &printer) const {
  printer.printKeywordOrString(getName().getValue());
  printer << " = " << getSize();
}

Attribute RuleAttr::parse(AsmParser &parser, Type) {
  StringAttr axis, meshAxis;
  SmallVector<StringAttr> mesh;
  SMLoc loc = parser.getCurrentLocation();
  if (succeeded(parser.parseOptionalStar()))
    axis = StringAttr::get(parser.getContext());
  else if (nn::parseName(parser, axis))
    return {};
  while (succeeded(parser.parseOptionalSymbolName(meshAxis)))
    mesh.push_back(meshAxis);
  if (mesh.empty()) {
    parser.emitError(loc, "rule '") << axis.getValue() << "' names no mesh axis";
    return {};
  }
  return get(parser.getContext(), axis, mesh);
}
void RuleAttr::print(AsmPrinter &printer) const {
  if (isAuto())
    printer << "*";
  else
    printer.printKeywordOrString(getAxis().getValue());
  for (StringAttr meshAxis : getMesh())
    printer.printSymbolName(meshAxis.getValue());
}

/// `[a, b]` of attributes that parse themselves.
template <typename Attr> static ParseResult parseList(AsmParser &parser, SmallVectorImpl<Attr> &list) {
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&]() -> ParseResult {
    auto attr = llvm::dyn_cast_or_null<Attr>(Attr::parse(parser, {}));
    list.push_back(attr);
    return success(attr != nullptr);
  });
}
template <typename Attr> static void printList(AsmPrinter &printer, ArrayRef<Attr> list) {
  printer << "[";
  llvm::interleaveComma(list, printer, [&](Attr attr) { attr.print(printer); });
  printer << "]";
}

Attribute LevelAttr::parse(AsmParser &parser, Type) {
  SmallVector<RuleAttr> rules;
  if (parseList(parser, rules))
    return {};
  return get(parser.getContext(), rules);
}
void LevelAttr::print(AsmPrinter &printer) const {
  printList(printer, getRules());
}

Attribute PlanAttr::parse(AsmParser &parser, Type) {
  SmallVector<MeshAxisAttr> mesh;
  SmallVector<LevelAttr> rules, parameter, gradient, optimizerState;
  bool reduceLast = false, keepGathered = false, gatherModules = false;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() || parser.parseKeyword("mesh") || parser.parseEqual() || parseList(parser, mesh) ||
      parser.parseComma() || parser.parseKeyword("rules") || parser.parseEqual() || parseList(parser, rules))
    return {};
  while (succeeded(parser.parseOptionalComma())) {
    StringRef kind;
    SMLoc kindLoc = parser.getCurrentLocation();
    if (parser.parseKeyword(&kind))
      return {};
    if (kind == "keep_gathered") {
      keepGathered = true;
      continue;
    }
    if (parser.parseEqual())
      return {};
    if (kind == "reduce_gradients") {
      if (parser.parseKeyword("last"))
        return {};
      reduceLast = true;
      continue;
    }
    if (kind == "gather") {
      if (parser.parseKeyword("module"))
        return {};
      gatherModules = true;
      continue;
    }
    SmallVector<LevelAttr> *levels = llvm::StringSwitch<SmallVector<LevelAttr> *>(kind)
                                         .Case(nn::kindParameter, &parameter)
                                         .Case(nn::kindGradient, &gradient)
                                         .Case(nn::kindOptimizerState, &optimizerState)
                                         .Default(nullptr);
    if (!levels) {
      parser.emitError(kindLoc, "'") << kind << "' is not a kind that rests: expected 'parameter', "
                                     << "'gradient' or 'optimizer_state'";
      return {};
    }
    if (parseList(parser, *levels))
      return {};
  }
  if (parser.parseGreater())
    return {};
  return PlanAttr::getChecked([&] { return parser.emitError(loc); }, parser.getContext(), mesh, rules,
                              parameter, gradient, optimizerState, reduceLast, keepGathered, gatherModules);
}

void PlanAttr::print(AsmPrinter &printer) const {
  printer << "<mesh = ";
  printList(printer, getMesh());
  printer << ", rules = ";
  printList(printer, getRules());
  auto printKind = [&](StringRef kind) {
    if (atRest(kind).empty())
      return;
    printer << ", " << kind << " = ";
    printList(printer, atRest(kind));
  };
  printKind(nn::kindParameter);
  printKind(nn::kindGradient);
  printKind(nn::kindOptimizerState);
  if (getReduceLast())
    printer << ", reduce_gradients = last";
  if (getKeepGathered())
    printer << ", keep_gathered";
  if (getGatherModules())
    printer << ", gather = module";
  printer << ">";
}

#define GET_ATTRDEF_CLASSES
#include "dialects/dist/DistAttrs.cpp.inc"

void DistDialect::registerAttrs() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/dist/DistAttrs.cpp.inc"
      >();
}
