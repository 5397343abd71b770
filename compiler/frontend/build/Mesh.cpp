//===- Mesh.cpp - rules expanded, and asked of every set of axes ----------===//
#include "compiler/frontend/build/Mesh.h"
#include "compiler/frontend/ScopedAxes.h"
#include "compiler/frontend/build/MeshFactors.h"
#include "compiler/frontend/build/Padding.h"

#include "mlir/IR/Builders.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

using namespace mlir;

namespace shardc::frontend::build {
namespace {

/// A rule about single axes: what one written rule comes to, a part of a product at a time.
struct Rule {
  const AxisRule *written;
  std::string axis;
  std::vector<std::string> meshAxes; // as the program sees them: factors, where one is cut

  bool isAuto() const { return axis == autoAxis; } // no model's axis: only rules at rest have it
};
using Rules = std::vector<std::vector<Rule>>; // a level each

/// A use of mesh axes that must divide: what degrees are possible.
struct Constraint {
  const AxisRule *rule;
  std::string axis;
  int64_t size;
  std::vector<std::string> meshAxes;
  bool operator<(const Constraint &other) const {
    return std::tie(rule, axis, size, meshAxes) <
           std::tie(other.rule, other.axis, other.size, other.meshAxes);
  }
};

class PlanBuilder {
public:
  PlanBuilder(ModuleOp module, const Job &job, Diagnostics &diags)
      : module(module), job(job), diags(diags),
        scope(job.model,
              {job.train.globalBatchSize.value / job.plan.microbatches.value, job.train.seqLen.value}),
        padding(job, scope) {
    for (const MeshAxis &axis : job.plan.mesh)
      mesh[axis.name.value] = axis.size.value;
    factors.emplace(mesh);
  }

  dist::PlanAttr run() {
    const size_t before = diags.size();
    factorMesh();
    collectNames();
    for (size_t i = 0; i < job.plan.shard.size(); ++i)
      expandLevel(job.plan.shard[i], i + 1, levels);
    for (const Level &level : job.plan.atRest.levels)
      expandLevel(level, 0, restLevels);
    if (diags.size() != before)
      return {};
    plan = attribute();
    askEverySet();
    checkDivides();
    if (diags.size() == before)
      checkRulesPlace();
    return diags.size() == before ? plan : dist::PlanAttr();
  }

  const WrittenRules &writtenRules() const { return written; }

private:
  int64_t degreeOf(const std::string &meshAxis) const { return mesh.at(meshAxis); }

  //===-- factors of mesh axes ---------------------------------------------===//

  void factorMesh() {
    std::vector<ProductRule> divided;
    for (const Level &level : llvm::concat<const Level>(job.plan.shard, job.plan.atRest.levels))
      for (const AxisRule &rule : level.rules) {
        std::optional<ProductRule> product = productOf(rule);
        if (!product)
          continue;
        if (product->isDividedBy(mesh))
          divided.push_back(std::move(*product));
        else
          undividedProducts.push_back(&rule);
      }
    factors->fit(divided);
  }

  /// The rule as one about the parts of a product; nothing for one about a single axis.
  std::optional<ProductRule> productOf(const AxisRule &rule) const {
    if (rule.axis.value == autoAxis)
      return std::nullopt;
    Diagnostics reported; // the program was built: names and sizes are good
    const auto parts = scope.flatten(rule.axis.value, rule.axis.at, reported);
    if (!parts || parts->size() == 1)
      return std::nullopt;
    ProductRule product;
    for (const std::string &part : *parts)
      product.parts.push_back({part, scope.size(part, rule.axis.at, reported).value_or(1)});
    product.meshAxes = namesOf(rule);
    return product;
  }

  static std::vector<std::string> namesOf(const AxisRule &rule) {
    std::vector<std::string> names;
    for (const Name &meshAxis : rule.meshAxes)
      names.push_back(meshAxis.value);
    return names;
  }

  /// The mesh axes of the plan that these are, or are factors of.
  std::vector<std::string> asWritten(const std::vector<std::string> &names) const {
    std::vector<std::string> written;
    for (const std::string &name : names)
      if (const std::string &meshAxis = factors->meshAxisOf(name); !llvm::is_contained(written, meshAxis))
        written.push_back(meshAxis);
    return written;
  }

  //===-- rules ------------------------------------------------------------===//

  /// By what names the program knows each axis.
  void collectNames() {
    if (llvm::all_of(job.plan.shard, [](const Level &level) { return level.modules.empty(); }))
      return;
    auto collect = [&](Type type) {
      if (auto tensor = dyn_cast<nn::NamedTensorType>(type))
        for (StringAttr name : tensor.names())
          names[nn::plainName(name).str()].insert(name.str());
    };
    module.walk([&](Operation *op) { llvm::for_each(op->getResultTypes(), collect); });
    for (auto func : module.getOps<nn::FuncOp>())
      llvm::for_each(func.getArgumentTypes(), collect);
  }

  /// The rule for each name of its axis that the level speaks of; one that names an axis nowhere stays.
  std::vector<Rule> underAllNames(const Rule &rule, const Level &level, size_t number) const {
    auto known = names.find(rule.axis);
    std::vector<Rule> rules;
    if (level.modules.empty())
      rules.push_back(rule);
    if (known == names.end())
      return rules;
    for (const std::string &name : known->second)
      if (name != rule.axis && speaksOf(number, level, name)) {
        rules.push_back(rule);
        rules.back().axis = name;
      }
    return rules;
  }

  /// `number`: of the level, where names tell (ScopedAxes).
  void expandLevel(const Level &level, size_t number, Rules &levels) {
    std::vector<Rule> rules;
    for (const AxisRule &rule : level.rules) {
      for (Rule &part : expand(rule, level, number)) {
        auto same =
            std::find_if(rules.begin(), rules.end(), [&](const Rule &r) { return r.axis == part.axis; });
        if (same != rules.end())
          diags.error(rule.axis.at, fmt::format("axis '{}' has two rules in one level", plainAxis(part.axis)))
              .note(same->written->axis.at, "the first is here");
        else
          rules.push_back(std::move(part));
      }
    }
    levels.push_back(std::move(rules));
    takenBefore = taken;
  }

  std::vector<Rule> expand(const AxisRule &rule, const Level &level, size_t number) {
    std::vector<Rule> all;
    for (const Rule &part : expand(rule))
      llvm::append_range(all, underAllNames(part, level, number));
    return all;
  }

  /// A product becomes one rule for each part that takes a mesh axis, or a factor of one.
  std::vector<Rule> expand(const AxisRule &rule) {
    std::vector<Rule> expanded;
    if (std::optional<ProductRule> product = productOf(rule)) {
      if (!product->isDividedBy(mesh))
        return {};
      for (const auto &[part, factor] : factors->deal(*product)) {
        const std::string &axis = product->parts[part].axis;
        auto isSame = [&](const Rule &r) { return r.axis == axis; };
        auto same = std::find_if(expanded.begin(), expanded.end(), isSame);
        if (same == expanded.end())
          same = expanded.insert(expanded.end(), {&rule, axis});
        same->meshAxes.push_back(factor.name);
        taken.insert(factor.name);
      }
      return expanded;
    }
    Rule single{&rule, rule.axis.value};
    for (const Name &meshAxis : rule.meshAxes)
      llvm::append_range(single.meshAxes, factorsFor(meshAxis.value));
    return {single};
  }

  /// All factors of a mesh axis, for an axis that takes it whole. Where an earlier level may have given some
  /// to parts of a product, what the first part took is minor-most: what is left of the axis is then gathered
  /// alone.
  std::vector<std::string> factorsFor(const std::string &meshAxis) const {
    std::vector<std::string> names;
    for (const MeshFactor &factor : factors->of(meshAxis))
      names.push_back(factor.name);
    if (llvm::any_of(names, [&](const std::string &name) { return takenBefore.contains(name); }))
      std::reverse(names.begin(), names.end());
    return names;
  }

  //===-- every set of axes ------------------------------------------------===//

  /// Asks for the layout of each tensor and for the place of each op, as dist-place will.
  void askEverySet() {
    module.walk([&](nn::FuncOp func) {
      for (BlockArgument argument : func.getBody().getArguments()) {
        askType(argument.getType(), argument.getLoc());
        const bool isWeight = static_cast<bool>(func.getArgAttr(argument.getArgNumber(), nn::kindAttrName));
        if (isWeight) // what rests with it has its axes
          askType(argument.getType(), argument.getLoc(), nn::kindOptimizerState);
      }
    });
    module.walk([&](nn::LayoutOpInterface op) {
      ask(nn::axesNamed(op, op.getSplitAxes()), op->getLoc());
      for (Type type : op->getResultTypes())
        askType(type, op->getLoc());
    });
  }

  void askType(Type type, Location loc, StringRef kind = "") {
    if (!seen.insert({type, kind.empty()}).second)
      return;
    if (auto bundle = dyn_cast<nn::BundleType>(type))
      for (Type field : bundle.getTypes())
        askType(field, loc, kind);
    if (auto tensor = dyn_cast<nn::NamedTensorType>(type))
      ask(tensor.getAxes(), loc, kind);
  }

  /// Places a set and listens: which rules place something, and what must divide.
  void ask(ArrayRef<nn::AxisAttr> axes, Location loc, StringRef kind = "") {
    std::map<std::string, std::vector<std::string>> meshAxes; // by axis
    std::map<std::string, Constraint> placed;
    llvm::SmallDenseMap<StringAttr, dist::NumberedRule> given;
    (void)plan.place(axes, kind, /*error=*/{}, /*taken=*/{}, [&](const dist::PlaceRequest &request) {
      if (!request.isGranted())
        return;
      const AxisRule *rule = written.lookup(request.rule);
      if (auto [first, isFirst] = given.insert({request.meshAxis, request.rule}); !isFirst)
        return reportClaim(request, first->second, loc);
      placing.insert(rule);
      const std::string name(nn::plainName(request.axis)); // a set has each axis by one name
      meshAxes[name].push_back(request.meshAxis.str());
      if (request.rule.second.isAuto())
        return; // it takes what divides
      const nn::AxisAttr *axis =
          llvm::find_if(axes, [&](nn::AxisAttr each) { return each.getName() == request.axis; });
      placed[name] = {rule, name, axis->getSize(), meshAxes[name]};
    });
    for (const auto &[axis, constraint] : placed)
      constraints.insert(constraint);
  }

  void reportClaim(const dist::PlaceRequest &second, const dist::NumberedRule &first, Location loc) {
    const AxisRule *firstRule = written.lookup(first), *secondRule = written.lookup(second.rule);
    if (!clashes.insert({firstRule, secondRule}).second)
      return;
    diags
        .error(secondRule->axis.at,
               fmt::format("axes '{}' and '{}' both claim mesh axis '{}' in rules of one level",
                           std::string_view(nn::plainName(first.second.getAxis())),
                           std::string_view(nn::plainName(second.axis)),
                           factors->meshAxisOf(second.meshAxis.str())))
        .note(placeOf(loc), fmt::format("'{}' has both axes", nn::nameOf(loc).str()))
        .note("write the two rules as two levels: the first one wins");
  }

  static Position placeOf(Location loc) {
    if (auto name = dyn_cast<NameLoc>(loc))
      loc = name.getChildLoc();
    auto place = dyn_cast<FileLineColLoc>(loc);
    if (!place)
      return {};
    auto file = std::make_shared<SourceFile>(SourceFile{place.getFilename().str(), ""});
    return {file, static_cast<int>(place.getLine()), static_cast<int>(place.getColumn())};
  }

  //===-- what divides -----------------------------------------------------===//

  int64_t degreesOf(const std::vector<std::string> &meshAxes) const {
    int64_t product = 1;
    for (const std::string &meshAxis : meshAxes)
      product *= degreeOf(meshAxis);
    return product;
  }

  int64_t sizeOf(const std::string &factor) const {
    for (const MeshFactor &each : factors->of(factors->meshAxisOf(factor)))
      if (each.name == factor)
        return each.size;
    return 1;
  }

  void checkDivides() {
    for (const AxisRule *rule : undividedProducts)
      reportProduct(*rule);
    std::set<const AxisRule *> reported;
    for (const Constraint &constraint : constraints) {
      int64_t parts = 1;
      for (const std::string &factor : constraint.meshAxes)
        parts *= sizeOf(factor);
      if (constraint.size % parts == 0 || !reported.insert(constraint.rule).second)
        continue;
      const std::vector<std::string> meshAxes = asWritten(constraint.meshAxes);
      const bool one = meshAxes.size() == 1;
      Diagnostic &error =
          diags.error(constraint.rule->axis.at,
                      fmt::format("axis '{}' has size {}, which mesh {} {} ({}) {} not divide",
                                  constraint.axis, constraint.size, one ? "axis" : "axes",
                                  listed(meshAxes, "and"), degreesOf(meshAxes), one ? "does" : "do"));
      noteSize(error, constraint.axis);
      noteDegrees(error, *constraint.rule);
    }
  }

  void reportProduct(const AxisRule &rule) {
    const ProductRule product = *productOf(rule);
    int64_t size = 1;
    for (const ProductRule::Part &part : product.parts)
      size *= part.size;
    Diagnostic &error = diags.error(
        rule.axis.at,
        fmt::format("axis '{}' has size {}, which mesh axis {} ({}) does not divide", rule.axis.value, size,
                    listed(product.meshAxes, "and"), degreesOf(product.meshAxes)));
    for (const ProductRule::Part &part : product.parts)
      noteSize(error, part.axis);
    noteDegrees(error, rule);
  }

  /// Where the user set what the axis' size comes from.
  void noteSize(Diagnostic &error, const std::string &axis) {
    if (axis == "batch") {
      error.note(job.train.globalBatchSize.at,
                 fmt::format("it is global_batch_size ({}) / microbatches ({})",
                             job.train.globalBatchSize.value, job.plan.microbatches.value));
      return;
    }
    if (axis == "seq") {
      error.note(job.train.seqLen.at, "'seq_len' is set here");
      return;
    }
    std::vector<std::string> keys;
    if (const AxisSpec *spec = job.model.axis(axis); spec && spec->size)
      collectKeys(*spec->size, keys);
    for (const std::string &key : keys) {
      const ConfigEntry &entry = *job.model.configKey(key);
      const std::string text = fmt::format("'{}' is set here", key);
      auto isSame = [&](const auto &note) { return note.second == text; };
      if (std::none_of(error.notes.begin(), error.notes.end(), isSame))
        error.note(entry.key.at, text);
    }
  }

  /// Config keys with a value of their own that an expression depends on.
  void collectKeys(const Expr &expr, std::vector<std::string> &keys) {
    if (expr.kind == Expr::Kind::Name)
      if (const ConfigEntry *entry = job.model.configKey(expr.name); entry && entry->value) {
        std::vector<std::string> below;
        collectKeys(*entry->value, below);
        if (below.empty())
          below.push_back(expr.name);
        for (const std::string &key : below)
          if (std::find(keys.begin(), keys.end(), key) == keys.end())
            keys.push_back(key);
      }
    for (const ExprPtr &operand : expr.operands)
      collectKeys(*operand, keys);
  }

  /// Whether the plan would divide everything with another size of one mesh axis.
  bool works(const std::string &meshAxis, int64_t degree) {
    std::map<std::string, int64_t> degrees = mesh;
    degrees[meshAxis] = degree;
    for (const Constraint &constraint : constraints) {
      int64_t parts = 1;
      const std::vector<std::string> meshAxes = asWritten(constraint.meshAxes);
      for (const std::string &used : meshAxes)
        parts *= degrees[used];
      if (padding.find(constraint.axis))
        continue;                                                         // padded to what divides
      const bool isPart = constraint.rule->axis.value != constraint.axis; // of a product: asked below
      if (!isPart && llvm::is_contained(meshAxes, meshAxis) && constraint.size % parts)
        return false;
    }
    for (const Level &level : llvm::concat<const Level>(job.plan.shard, job.plan.atRest.levels))
      for (const AxisRule &rule : level.rules)
        if (std::optional<ProductRule> product = productOf(rule))
          if (llvm::is_contained(product->meshAxes, meshAxis) && !product->isDividedBy(degrees))
            return false;
    return true;
  }

  void noteDegrees(Diagnostic &error, const AxisRule &rule) {
    constexpr int64_t most = 1024;
    constexpr size_t shown = 10;
    const std::string &meshAxis = rule.meshAxes.back().value;
    std::vector<std::string> degrees;
    for (int64_t degree = 1; degree <= most && degrees.size() <= shown; ++degree)
      if (works(meshAxis, degree))
        degrees.push_back(std::to_string(degree));
    if (degrees.empty())
      return;
    const bool cut = degrees.size() > shown;
    std::string last = degrees.back();
    degrees.pop_back();
    std::string text = fmt::format("{}", fmt::join(degrees, ", "));
    if (cut)
      text += ", ...";
    else
      text += degrees.empty() ? last : " or " + last;
    error.note(fmt::format("{} can be {} for this model", meshAxis, text));
  }

  //===-- rules that do nothing --------------------------------------------===//

  void checkRulesPlace() {
    for (const Level &level : llvm::concat<const Level>(job.plan.shard, job.plan.atRest.levels))
      for (const AxisRule &rule : level.rules)
        if (!placing.contains(&rule))
          diags
              .error(rule.axis.at, fmt::format("the rule that gives axis '{}' mesh axis {} places nothing",
                                               rule.axis.value, listed(namesOf(rule), "and")))
              .note(
                  rule.axis.value == autoAxis
                      ? "it divides no axis of a weight, or other rules take it wherever it would"
                      : fmt::format("no tensor{} has the axis, or earlier levels take the mesh axis wherever "
                                    "it is",
                                    level.modules.empty() ? "" : " in these modules"));
  }

  dist::PlanAttr attribute() {
    MLIRContext *context = module.getContext();
    SmallVector<dist::MeshAxisAttr> axes;
    for (const MeshAxis &axis : job.plan.mesh)
      for (const MeshFactor &factor : factors->of(axis.name.value))
        axes.push_back(dist::MeshAxisAttr::get(context, StringAttr::get(context, factor.name), factor.size));
    const AtRest &rest = job.plan.atRest;
    const SmallVector<dist::LevelAttr> inUse = attributes(levels, 0);
    const SmallVector<dist::LevelAttr> atRest = attributes(restLevels, inUse.size()), none;
    const SmallVector<dist::LevelAttr> &others = rest.stage >= 1 ? atRest : none;
    return dist::PlanAttr::get(context, axes, inUse, rest.stage == 3 ? atRest : none, others, others,
                               rest.stage >= 1 && rest.reduceLast, !rest.reshardAfterForward,
                               rest.gatherModules);
  }

  /// `first`: the number of the first level.
  SmallVector<dist::LevelAttr> attributes(const Rules &levels, size_t first) {
    MLIRContext *context = module.getContext();
    auto str = [&](const std::string &text) { return StringAttr::get(context, text); };
    SmallVector<dist::LevelAttr> attrs;
    for (const std::vector<Rule> &level : levels) {
      SmallVector<dist::RuleAttr> rules;
      for (const Rule &rule : level) {
        rules.push_back(dist::RuleAttr::get(
            context, str(rule.isAuto() ? "" : rule.axis),
            llvm::map_to_vector(rule.meshAxes, [&](const std::string &m) { return str(m); })));
        written.insert({{static_cast<unsigned>(first + attrs.size()), rules.back()}, rule.written});
      }
      if (!rules.empty())
        attrs.push_back(dist::LevelAttr::get(context, rules));
    }
    return attrs;
  }

  ModuleOp module;
  const Job &job;
  Diagnostics &diags;
  WrittenRules written;
  dist::PlanAttr plan;
  const Scope scope;
  const Padding padding;
  std::map<std::string, int64_t> mesh; // degrees as written
  std::optional<MeshFactors> factors;
  std::set<std::string> taken,
      takenBefore; // factors that products have: in all levels so far, in earlier ones
  std::map<std::string, std::set<std::string>> names; // by axis: where scoped rules give it others
  Rules levels, restLevels;
  std::vector<const AxisRule *> undividedProducts;
  llvm::DenseSet<std::pair<Type, int>> seen; // and whether it was asked about at rest
  std::set<const AxisRule *> placing;
  std::set<Constraint> constraints;
  std::set<std::pair<const AxisRule *, const AxisRule *>> clashes;
};

} // namespace

dist::PlanAttr buildPlan(ModuleOp module, const Job &job, Diagnostics &diags, WrittenRules *written) {
  PlanBuilder builder(module, job, diags);
  dist::PlanAttr plan = builder.run();
  if (written)
    *written = builder.writtenRules();
  return plan;
}

} // namespace shardc::frontend::build
