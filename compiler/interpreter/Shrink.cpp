//===- Shrink.cpp - the same job with small sizes -------------------------===//

#include "compiler/interpreter/Shrink.h"

#include "compiler/frontend/ConfigEval.h"
#include "compiler/frontend/Diagnostics.h"
#include "compiler/frontend/build/BuildModule.h"

#include "dialects/dist/Dist.h"
#include "dialects/nn/Nn.h"

#include "mlir/IR/MLIRContext.h"

#include <numeric>
#include <set>

using namespace mlir;
using namespace shardc;
using namespace shardc::frontend;
using namespace shardc::interpreter;

namespace {

/// What must stay of a program: for each function, the axes in it and their sizes; and how often main calls
/// each module.
struct Program {
  std::map<std::pair<std::string, std::string>, int64_t> sizes;
  std::map<std::string, int64_t> calls;

  bool operator==(const Program &) const = default;
};

void collect(Type type, const std::string &function, Program &program) {
  if (auto tensor = dyn_cast<nn::NamedTensorType>(type))
    for (nn::AxisAttr axis : tensor.getAxes())
      program.sizes[{function, axis.getName().str()}] = axis.getSize();
  if (auto bundle = dyn_cast<nn::BundleType>(type))
    for (Type field : bundle.getTypes())
      collect(field, function, program);
}

class Shrinker {
public:
  explicit Shrinker(const Job &original) : job(original) {
    context.loadDialect<nn::NnDialect, dist::DistDialect>();
    for (const Level &level : job.plan.shard)
      for (const AxisRule &rule : level.rules)
        addDegrees(rule);
    for (const Level &level : job.plan.atRest.levels)
      for (const AxisRule &rule : level.rules)
        if (rule.axis.value != autoAxis)
          addDegrees(rule);
        else // any axis may be the largest
          for (const AxisSpec &axis : job.model.axes)
            addDegrees({axis.name, rule.meshAxes});
  }

  std::optional<ShrunkJob> run(Diagnostics &diags) {
    std::optional<Program> built = build(diags);
    if (!built)
      return std::nullopt;
    wanted = current = *built;
    originalSeq = job.train.seqLen.value;
    shrinkBatch();
    shrinkSeq();
    // A size may only become free when another has shrunk (head counts and hidden sizes): until none does.
    bool changed = true;
    for (int round = 0; changed && round < 3; ++round) {
      changed = false;
      for (const std::string &key : numericKeys())
        changed |= shrinkKey(key);
    }
    shrinkLengths();
    raiseEps();
    return ShrunkJob{std::move(job), std::move(changes)};
  }

private:
  std::optional<Program> build(Diagnostics &diags);
  bool isFaithful(const Program &program) const;
  int64_t fewestLayers() const;
  int64_t stages() const;
  enum class Verdict { Taken, Unfaithful, NoSize };
  Verdict judge();
  void addDegrees(const AxisRule &rule);
  bool allowed(const std::string &axis, int64_t size, int64_t original) const;
  void shrinkBatch();
  void shrinkSeq();
  bool shrinkKey(const std::string &key);
  void shrinkLengths();
  void raiseEps() {
    double &eps = job.train.optimizer.eps.value;
    note("eps", eps, std::max(eps, 1e-3));
    eps = std::max(eps, 1e-3);
  }
  int64_t get(const std::string &key) const;
  void set(const std::string &key, int64_t value);
  std::vector<std::string> numericKeys() const;
  void note(const std::string &key, double from, double to);

  Job job;
  MLIRContext context{MLIRContext::Threading::DISABLED};
  std::map<std::string, std::vector<int64_t>> degrees; // by tensor axis: of each mesh axis that may divide it
  Program wanted, current;
  int64_t originalSeq = 0;
  std::set<std::string> noSizes; // keys that change nothing's size
  std::vector<Shrunk> changes;
};

std::optional<Program> Shrinker::build(Diagnostics &diags) {
  ScopedDiagnosticHandler quiet(&context, [](mlir::Diagnostic &) { return success(); });
  OwningOpRef<ModuleOp> module = buildModule(context, job, diags);
  if (!module || !diags.empty())
    return std::nullopt;
  Program program;
  for (auto function : module->getOps<nn::FuncOp>()) {
    std::string name = function.getSymName().str();
    for (Type type : function.getArgumentTypes())
      collect(type, name, program);
    function.walk([&](Operation *op) {
      for (Type type : op->getResultTypes())
        collect(type, name, program);
      if (auto call = dyn_cast<nn::CallOp>(op); call && name == "main")
        ++program.calls[call.getCallee().str()];
    });
  }
  return program;
}

void Shrinker::addDegrees(const AxisRule &rule) {
  Diagnostics ignored;
  Scope scope(job.model, {job.train.globalBatchSize.value, job.train.seqLen.value});
  std::vector<std::string> parts =
      scope.flatten(rule.axis.value, rule.axis.at, ignored).value_or(std::vector<std::string>());
  for (const std::string &part : parts) {
    std::vector<int64_t> &list = degrees[part];
    int64_t all = list.empty() ? 1 : list.back(); // of all mesh axes together, after each alone
    for (const Name &name : rule.meshAxes)
      if (const frontend::MeshAxis *axis = job.plan.meshAxis(name.value)) {
        list.push_back(axis->size.value);
        all *= axis->size.value;
      }
    list.push_back(all);
  }
}

/// A size of 1 broadcasts and splits in ways of its own; parts of one element hide errors of order.
bool Shrinker::allowed(const std::string &axis, int64_t size, int64_t original) const {
  if ((size == 1) != (original == 1))
    return false;
  if (plainAxis(axis) != "seq" && original >= originalSeq && size < job.train.seqLen.value)
    return false; // a table of positions
  auto found = degrees.find(std::string(plainAxis(axis)));
  return found == degrees.end() || llvm::all_of(found->second, [&](int64_t degree) {
           int64_t kept = std::gcd(original, degree);
           return std::gcd(size, degree) == kept && size >= std::min(2 * kept, original);
         });
}

/// A repeat is one with two layers; each part of a pipeline needs one, or as many as the plan says.
int64_t Shrinker::fewestLayers() const {
  if (!job.plan.pipeline)
    return 2;
  if (!job.plan.pipeline->layers.empty() || job.plan.pipeline->isCutByNames)
    return std::numeric_limits<int64_t>::max();
  return std::max<int64_t>(2, stages() * job.plan.pipeline->chunksPerStage.value);
}

int64_t Shrinker::stages() const {
  return job.plan.pipeline ? job.plan.meshAxis(job.plan.pipeline->axis.value)->size.value : 1;
}

/// Whether `program` is the program that the job builds at first, but for allowed sizes and repeats beyond
/// the fewest.
bool Shrinker::isFaithful(const Program &program) const {
  if (program.sizes.size() != wanted.sizes.size() || program.calls.size() != wanted.calls.size())
    return false;
  for (auto [now, before] : llvm::zip(program.calls, wanted.calls))
    if (now.first != before.first || now.second < std::min(fewestLayers(), before.second))
      return false;
  return llvm::all_of(llvm::zip(program.sizes, wanted.sizes), [&](auto pair) {
    auto &[now, before] = pair;
    const std::string &axis = now.first.second;
    return now.first == before.first &&
           (plainAxis(axis) == "batch" || allowed(axis, now.second, before.second));
  });
}

/// What became of a smaller number.
Shrinker::Verdict Shrinker::judge() {
  Diagnostics ignored;
  std::optional<Program> program = build(ignored);
  if (program && *program == current)
    return Verdict::NoSize;
  if (!program || !isFaithful(*program))
    return Verdict::Unfaithful;
  current = std::move(*program);
  return Verdict::Taken;
}

void Shrinker::note(const std::string &key, double from, double to) {
  if (from == to)
    return;
  for (Shrunk &change : changes)
    if (change.key == key) {
      change.to = to;
      return;
    }
  changes.push_back({key, from, to});
}

/// At most two micro-batches, for each stage of a pipeline, of at most two samples for each rank that divides
/// the batch.
void Shrinker::shrinkBatch() {
  int64_t &batch = job.train.globalBatchSize.value, &microbatches = job.plan.microbatches.value;
  int64_t oldBatch = batch, oldMicrobatches = microbatches, ranks = job.plan.dataRanks();
  int64_t perRank = std::clamp<int64_t>(batch / microbatches / ranks, 1, 2);
  if (!job.plan.pipeline || job.plan.pipeline->table.empty()) // a table is for as many as there are
    microbatches = std::min(microbatches, 2 * stages());
  batch = microbatches * ranks * perRank;
  note("microbatches", oldMicrobatches, microbatches);
  note("global_batch_size", oldBatch, batch);
}

void Shrinker::shrinkSeq() {
  int64_t old = job.train.seqLen.value;
  for (int64_t candidate = std::min<int64_t>(old, 5); candidate < old; ++candidate) {
    job.train.seqLen.value = candidate;
    if (judge() != Verdict::Taken)
      continue;
    note("seq_len", old, candidate);
    return;
  }
  job.train.seqLen.value = old;
}

std::vector<std::string> Shrinker::numericKeys() const {
  std::vector<std::string> keys;
  for (const ConfigEntry &entry : job.model.config)
    if (entry.value && entry.value->kind == Expr::Kind::Number && entry.value->isInteger &&
        entry.value->number > 1)
      keys.push_back(entry.key.value);
  return keys;
}

int64_t Shrinker::get(const std::string &key) const {
  return static_cast<int64_t>(job.model.configKey(key)->value->number);
}

void Shrinker::set(const std::string &key, int64_t value) {
  ConfigEntry entry = *job.model.configKey(key);
  auto expr = std::make_shared<Expr>(*entry.value);
  expr->number = static_cast<double>(value);
  entry.value = expr;
  Diagnostics ignored;
  job.model.setConfig(entry, ignored);
}

bool Shrinker::shrinkKey(const std::string &key) {
  int64_t old = get(key);
  constexpr int64_t farEnough = 512; // where a size can't be made as small as this, it stays
  for (int64_t candidate = 1; candidate < std::min(old, farEnough) && !noSizes.contains(key); ++candidate) {
    set(key, candidate);
    Verdict verdict = judge();
    if (verdict == Verdict::NoSize)
      noSizes.insert(key);
    if (verdict != Verdict::Taken)
      continue;
    note(key, old, candidate);
    return true;
  }
  set(key, old);
  return false;
}

/// A number that is no size but shorter than the sequence was (a window) stays shorter in proportion, so that
/// it still cuts something.
void Shrinker::shrinkLengths() {
  int64_t seq = job.train.seqLen.value;
  for (const std::string &key : numericKeys())
    if (int64_t old = get(key); noSizes.contains(key) && old > seq && old <= originalSeq) {
      set(key, std::max<int64_t>(2, old * seq / originalSeq));
      note(key, old, get(key));
    }
}

} // namespace

std::optional<ShrunkJob> shardc::interpreter::shrink(const Job &job, Diagnostics &diags) {
  return Shrinker(job).run(diags);
}

std::optional<Plan> shardc::interpreter::withWorld(const Plan &plan, int64_t world, Diagnostics &diags) {
  Plan grown = plan;
  Position at = plan.name.at;
  if (plan.mesh.empty()) {
    diags.error(at, "the plan has no mesh axis that could grow to " + std::to_string(world) + " ranks");
    return std::nullopt;
  }
  std::string axis = plan.mesh.front().name.value;
  for (const Level &level : plan.shard)
    for (const AxisRule &rule : level.rules)
      if (rule.axis.value == "batch" && level.modules.empty())
        axis = rule.meshAxes.front().value;
  for (frontend::MeshAxis &each : grown.mesh)
    if (each.name.value == axis) {
      int64_t others = plan.worldSize() / each.size.value;
      if (world < 1 || world % others != 0) {
        diags.error(each.size.at, std::to_string(world) + " ranks are not a multiple of the " +
                                      std::to_string(others) + " that the mesh has without '" + axis + "'");
        return std::nullopt;
      }
      each.size.value = world / others;
    }
  return grown;
}
