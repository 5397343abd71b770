//===- LoadJob.cpp - a job file and all that it names ---------------------===//
//
//   1. read the job's tree, and apply `--set` to it
//   2. where model, plan or train is a name or a path, read that file's tree,
//      and apply the `--set` that reach into it
//   3. check every tree against the schema, and decode those that are right
//   4. put config.json and the job's config into the model's, and check all parts together
//
//===----------------------------------------------------------------------===//
#include "compiler/frontend/ConfigEval.h"
#include "compiler/frontend/DecodeJob.h"
#include "compiler/frontend/HfConfig.h"
#include "compiler/frontend/Overrides.h"
#include "compiler/frontend/Schema.h"
#include <algorithm>
#include <fmt/format.h>

namespace shardc::frontend {
namespace {

namespace fs = std::filesystem;

/// One of the parts that a job names or holds.
struct Part {
  Node tree;
  Name name;       ///< of its file, or `inline`
  fs::path folder; ///< that its file is in
};

class JobLoader {
public:
  JobLoader(const std::string &path, const LoadOptions &options, Diagnostics &diags)
      : path(path), options(options), diags(diags), folder(this->path.parent_path()) {}

  std::optional<Job> run() {
    const std::vector<Override> sets = parseSets();
    SourceRef file = readSource(path, path.string(), maxJobBytes, {wholeFile(path.string())}, diags);
    std::optional<Node> root = file ? parseYaml(file, diags) : std::nullopt;
    if (!root)
      return std::nullopt;
    for (const Override &set : sets)
      if (!reachesIntoPart(set))
        applyOverride(set, 0, *root, diags);
    Job job{.name = path.stem().string(), .at = root->at, .folder = folder};
    if (root->kind == Node::Kind::Map)
      loadParts(*root, sets);
    checkDocument(Document::Job, *root, diags);
    decodeParts(job);
    if (!diags.empty())
      return std::nullopt;
    job.target = root->find("target")->text == "cuda" ? Target::Cuda : Target::Cpu;
    if (config && !importHfConfig(job.model, *config, diags))
      return std::nullopt;
    for (const Entry &entry : root->find("config")->entries)
      if (std::optional<ConfigEntry> decoded = decodeConfigEntry(entry, diags))
        job.model.setConfig(std::move(*decoded), diags);
    if (diags.empty())
      checkJob(job, *draft, diags);
    return diags.empty() ? std::optional(std::move(job)) : std::nullopt;
  }

private:
  static SourceRef wholeFile(const std::string &name) {
    return std::make_shared<SourceFile>(SourceFile{name, ""});
  }

  std::vector<Override> parseSets() {
    std::vector<Override> sets;
    for (const std::string &argument : options.sets)
      if (std::optional<Override> parsed = parseOverride(argument, diags))
        sets.push_back(std::move(*parsed));
    return sets;
  }

  static bool isPart(std::string_view key) { return key == "model" || key == "plan" || key == "train"; }
  static bool reachesIntoPart(const Override &set) { return set.path.size() > 1 && isPart(set.path[0]); }

  /// Takes the parts' trees out of the job's; a name stays there in their place.
  void loadParts(Node &root, const std::vector<Override> &sets) {
    if (!root.find("plan"))
      root.entries.push_back({"plan", root.at, Node{.kind = Node::Kind::Map, .at = root.at}});
    for (Entry &entry : root.entries) {
      std::optional<Part> *slot = entry.key == "model"   ? &model
                                  : entry.key == "plan"  ? &plan
                                  : entry.key == "train" ? &train
                                                         : nullptr;
      if (!slot)
        continue;
      if (entry.value.kind == Node::Kind::Map) {
        *slot = Part{std::exchange(entry.value, Node{.kind = Node::Kind::Text, .at = entry.value.at}),
                     {"inline", entry.keyAt},
                     folder};
      } else if (entry.value.kind == Node::Kind::Text) {
        *slot = loadPart(entry);
      }
      if (*slot)
        for (const Override &set : sets)
          if (reachesIntoPart(set) && set.path[0] == entry.key)
            applyOverride(set, 1, (*slot)->tree, diags);
    }
  }

  std::optional<Part> loadPart(const Entry &entry) {
    const Node &reference = entry.value;
    std::optional<fs::path> found = locate(entry.key, reference);
    if (!found)
      return std::nullopt;
    std::error_code ignored;
    if (entry.key == "model" && fs::is_directory(*found, ignored))
      return loadHfFolder(*found, reference.at);
    return readPart(*found, entry.key == "model" ? maxModelBytes : maxJobBytes, reference.at);
  }

  std::optional<Part> readPart(const fs::path &file, size_t maxBytes, const Position &at) {
    SourceRef source = readSource(file, nameOf(file), maxBytes, at, diags);
    std::optional<Node> tree = source ? parseYaml(source, diags) : std::nullopt;
    if (!tree)
      return std::nullopt;
    return Part{std::move(*tree), {file.stem().string(), at}, file.parent_path()};
  }

  /// What errors and reports call a file: `plans/models/llama.yaml` for one that comes with shardc.
  std::string nameOf(const fs::path &file) const {
    for (const fs::path &dir : options.searchDirs)
      if (fs::path below = file.lexically_relative(dir); !below.empty() && *below.begin() != "..")
        return (dir.filename() / below).string();
    return file.string();
  }

  /// A path as written, from the job's folder; or a name's file there (not the job's own) or in the search
  /// folders.
  std::optional<fs::path> locate(const std::string &key, const Node &reference) {
    const std::string &text = reference.text;
    std::error_code ignored;
    if (text.empty() || std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20; })) {
      diags.error(reference.at, fmt::format("'{}' must be a name or a path", key));
      return std::nullopt;
    }
    const bool isPath =
        text.find('/') != std::string::npos || text.ends_with(".yaml") || text.ends_with(".yml");
    if (isPath || (key == "model" && fs::is_directory(folder / text, ignored)))
      return folder / text;
    std::vector<fs::path> places{folder};
    for (const fs::path &dir : options.searchDirs)
      places.push_back(key == "model" ? dir / "models" : dir);
    for (const fs::path &place : places) {
      const fs::path file = place / (text + ".yaml");
      const bool isThisJob = fs::equivalent(file, path, ignored); // a job may have its model's name
      if (fs::exists(file, ignored) && !isThisJob)
        return file;
    }
    places.erase(places.begin()); // the job's own folder holds jobs and data too
    diags.error(reference.at, fmt::format("there is no {} named '{}'", key == "train" ? "recipe" : key, text))
        .suggest(text, namesIn(places))
        .note("a path has a '/' or ends in .yaml");
    return std::nullopt;
  }

  static std::vector<std::string> namesIn(const std::vector<fs::path> &folders) {
    std::vector<std::string> names;
    for (const fs::path &file : yamlFilesIn(folders))
      names.push_back(file.stem().string());
    return names;
  }

  static std::vector<fs::path> yamlFilesIn(const std::vector<fs::path> &folders) {
    std::vector<fs::path> files;
    for (const fs::path &dir : folders) {
      std::error_code error;
      for (fs::directory_iterator it(dir, error), end; !error && it != end; it.increment(error))
        if (it->path().extension() == ".yaml" && it->path().stem() != "functions")
          files.push_back(it->path());
    }
    std::sort(files.begin(), files.end()); // whatever order the folder lists them in
    return files;
  }

  /// A Hugging Face folder: its config.json names the architecture.
  std::optional<Part> loadHfFolder(const fs::path &dir, const Position &at) {
    const fs::path file = dir / "config.json";
    SourceRef source = readSource(file, file.string(), maxModelBytes, at, diags);
    config = source ? parseJson(source, diags) : std::nullopt;
    if (!config)
      return std::nullopt;
    const Entry *type = config->entry("model_type");
    if (!type || type->value.kind != Node::Kind::Text) {
      diags.error(type ? type->keyAt : config->at, "'model_type' must name the architecture")
          .note(at, "the folder is named here");
      return std::nullopt;
    }
    std::vector<fs::path> folders;
    for (const fs::path &searched : options.searchDirs)
      folders.push_back(searched / "models");
    for (const fs::path &candidate : yamlFilesIn(folders)) {
      Diagnostics candidateErrors; // of files that the user did not name
      const Position nowhere{wholeFile(candidate.string())};
      SourceRef text = readSource(candidate, candidate.string(), maxModelBytes, nowhere, candidateErrors);
      std::optional<Node> tree = text ? parseYaml(text, candidateErrors) : std::nullopt;
      if (tree && checkDocument(Document::Model, *tree, candidateErrors) &&
          coversType(*tree, type->value.text))
        return readPart(candidate, maxModelBytes, at);
    }
    diags.error(type->keyAt, fmt::format("no architecture here covers model_type '{}'", type->value.text))
        .note(at, fmt::format("the architectures are {}", listed(namesIn(folders), "and")));
    return std::nullopt;
  }

  /// `functions.yaml` beside the model, or else the one that comes with shardc.
  std::optional<Node> loadLibrary() {
    std::vector<fs::path> places{model->folder};
    for (const fs::path &dir : options.searchDirs)
      places.push_back(dir / "models");
    std::error_code ignored;
    for (const fs::path &place : places) {
      const fs::path file = place / "functions.yaml";
      if (!fs::exists(file, ignored))
        continue;
      std::optional<Part> part = readPart(file, maxModelBytes, model->name.at);
      if (!part || !checkDocument(Document::Functions, part->tree, diags))
        return std::nullopt;
      return std::move(part->tree);
    }
    return std::nullopt;
  }

  void decodeParts(Job &job) {
    if (train && checkDocument(Document::Train, train->tree, diags))
      if (std::optional<Train> decoded = decodeTrain(train->tree, diags)) {
        job.train = std::move(*decoded);
        job.train.name = train->name;
      }
    if (plan && checkDocument(Document::Plan, plan->tree, diags)) {
      draft = decodePlan(plan->tree, diags);
      if (draft) {
        job.plan = draft->plan;
        job.plan.name = plan->name;
      }
    }
    if (!model || !checkDocument(Document::Model, model->tree, diags))
      return;
    const std::optional<Node> library = loadLibrary();
    if (std::optional<ModelSpec> decoded = decodeModel(model->tree, library ? &*library : nullptr, diags))
      job.model = std::move(*decoded);
  }

  fs::path path;
  const LoadOptions &options;
  Diagnostics &diags;
  fs::path folder;
  std::optional<Part> model, plan, train;
  std::optional<Node> config; ///< of a Hugging Face folder
  std::optional<PlanDraft> draft;
};

} // namespace

std::optional<Job> loadJob(const std::string &path, const LoadOptions &options, Diagnostics &diags) {
  return JobLoader(path, options, diags).run();
}

} // namespace shardc::frontend
