//===- SchemaTable.cpp - every key there is -------------------------------===//
#include "compiler/frontend/SchemaTable.h"

namespace shardc::frontend {
namespace {

constexpr double maxSize = 1LL << 40; // no size or count a job names is larger

const std::vector<KeySpec> jobKeys = {
    {"model",
     Text | Map,
     "a name in plans/models, a path, a Hugging Face folder, or a model inline",
     {.required = true, .document = Document::Model}},
    {"config", Map, "overrides of the model's config", {.fallback = "{}"}},
    {"config.*", Any, "a number, boolean, null or expression over the model's config keys, or a map or list"},
    {"plan",
     Text | Map,
     "a name in plans, a path, or a plan inline; one device if left out",
     {.fallback = "{}", .document = Document::Plan}},
    {"train",
     Text | Map,
     "the recipe: a name in plans, a path, or inline",
     {.required = true, .document = Document::Train}},
    {"target", Text, "what the trainer runs on", {.fallback = "cpu", .choices = {"cpu", "cuda"}}},
};

const std::vector<KeySpec> trainKeys = {
    {"data", Map, "what is trained on"},
    {"data.text", Text, "a UTF-8 text file, relative to the job's folder"},
    {"data.tokens",
     Text,
     "files of tokens, a pattern like fineweb/*.bin, relative to the job's folder",
     {.unsupported = "use 'text'"}},
    {"data.tokenizer", Text, "of text: its bytes", {.fallback = "bytes", .choices = {"bytes"}}},
    {"seq_len", Integer, "tokens per sequence", {.required = true, .atLeast = 1, .atMost = maxSize}},
    {"global_batch_size",
     Integer,
     "sequences per optimizer step, over all ranks",
     {.required = true, .atLeast = 1, .atMost = maxSize}},
    {"steps", Integer, "optimizer steps to run", {.required = true, .atLeast = 1, .atMost = maxSize}},
    {"optimizer", Map, "how weights are updated", {.fallback = "{}"}},
    {"optimizer.name", Text, "the update rule", {.fallback = "adamw", .choices = {"adamw", "sgd"}}},
    {"optimizer.lr", Number, "learning rate at the end of the warm-up", {.fallback = "1.0e-3", .atLeast = 0}},
    {"optimizer.betas", List, "AdamW's decay of the first and second moment", {.fallback = "[0.9, 0.95]"}},
    {"optimizer.betas[]", Number, "at least 0 and below 1", {.atLeast = 0, .atMost = 0.9999999}},
    {"optimizer.eps", Number, "AdamW's term against division by zero", {.fallback = "1.0e-8", .above = 0}},
    {"optimizer.momentum",
     Number,
     "SGD's decay of the sum of past gradients",
     {.fallback = "0.0", .atLeast = 0, .atMost = 0.9999999}},
    {"optimizer.weight_decay",
     Number,
     "weight decay: AdamW's apart from the gradient, SGD's added to it",
     {.fallback = "0.0", .atLeast = 0}},
    {"lr_schedule", Map, "learning rate over the steps", {.fallback = "{}"}},
    {"lr_schedule.name",
     Text,
     "the curve after the warm-up",
     {.fallback = "constant", .choices = {"constant", "linear", "cosine"}}},
    {"lr_schedule.warmup_steps",
     Integer,
     "steps in which the rate rises from 0",
     {.fallback = "0", .atLeast = 0}},
    {"lr_schedule.min_lr", Number, "learning rate at the last step", {.fallback = "0.0", .atLeast = 0}},
    {"max_grad_norm",
     Number | Null,
     "gradients are scaled down to this global norm; null: never",
     {.fallback = "null", .above = 0}},
    {"ema", Map | Null, "a moving average of the weights, saved beside them", {.fallback = "null"}},
    {"ema.decay",
     Number,
     "what each step leaves of the average",
     {.fallback = "0.999", .atLeast = 0, .atMost = 0.9999999}},
    {"seed",
     Integer,
     "of weights, dropout and the order of samples",
     {.fallback = "0", .atLeast = 0, .atMost = maxSize}},
    {"eval", Map | Null, "evaluation on held-out data", {.fallback = "null"}},
    {"eval.every", Integer, "steps between two evaluations", {.required = true, .atLeast = 1}},
    {"eval.batches", Integer, "global batches per evaluation", {.fallback = "1", .atLeast = 1}},
    {"checkpoint",
     Map | Null,
     "checkpoints to resume from",
     {.fallback = "null", .unsupported = "remove it; --output writes the final weights"}},
    {"checkpoint.every", Integer, "steps between two checkpoints", {.required = true, .atLeast = 1}},
    {"checkpoint.keep", Integer, "how many are kept", {.fallback = "1", .atLeast = 1}},
};

constexpr const char *expansion = "short form; expands to a mesh axis and its rules";

const std::vector<KeySpec> planKeys = {
    {"mesh",
     Map,
     "mesh axes and their sizes, slowest first: ranks of the last one are neighbours",
     {.fallback = "{}"}},
    {"mesh.*", Integer, "ranks along this mesh axis", {.atLeast = 1, .atMost = 1 << 20}},
    {"shard",
     List,
     "levels of rules, in order; each mesh axis goes once to the first that matches",
     {.fallback = "[]"}},
    {"shard[]", Map, "rules that are read together: tensor axis to mesh axis"},
    {"shard[].at", Text | List,
     "the modules that the level is for: their path, or several; * is any one part"},
    {"shard[].at[]", Text, "a path, such as layers.*.mlp"},
    {"shard[].*", Text | List, "the mesh axis, or several in order, major first"},
    {"shard[].*[]", Text, "a mesh axis"},
    {"microbatches", Integer, "micro-batches per step", {.atLeast = 1}},
    {"gradient_accumulation_steps", Integer, "the same as microbatches", {.atLeast = 1}},
    {"micro_batch_size", Integer, "sequences per micro-batch and data rank", {.atLeast = 1}},
    {"precision", Map, "element types", {.fallback = "{}"}},
    {"precision.parameters",
     Text,
     "of weights",
     {.fallback = "f32", .choices = {"f32", "bf16"}, .supported = {"f32"}}},
    {"precision.compute",
     Text,
     "of forward and backward",
     {.fallback = "f32", .choices = {"f32", "bf16", "fp16"}, .supported = {"f32"}}},
    {"precision.reduce",
     Text,
     "of gradients when they are reduced",
     {.fallback = "f32", .choices = {"f32", "bf16"}, .supported = {"f32"}}},
    {"precision.loss_scale", Text | Number, "for fp16", {.unsupported = "remove it"}},
    {"memory", Map, "what is kept and what is computed again", {.fallback = "{}"}},
    {"memory.recompute",
     Text,
     "what backward computes again",
     {.fallback = "none", .choices = {"none", "selective", "full"}, .supported = {"none"}}},
    {"memory.loss_chunks",
     Integer,
     "pieces in which the loss is computed",
     {.fallback = "1", .atLeast = 1, .supported = {"1"}}},
    {"memory.from_layer", Integer, "first layer that is recomputed", {.unsupported = "remove it"}},
    {"memory.offload", List, "what lives outside the device's memory", {.unsupported = "remove it"}},
    {"memory.offload[]", Text, "optimizer_state"},
    {"pipeline", Map, "stages of layers along a mesh axis"},
    {"pipeline.axis", Text, "the mesh axis; no rule places by it", {.required = true}},
    {"pipeline.schedule",
     Text | Map,
     "the order in which a stage takes forwards and backwards of micro-batches: its name, or a table",
     {.fallback = "1f1b",
      .choices = {"gpipe", "1f1b", "interleaved", "zero_bubble_h1", "zero_bubble", "zero_bubble_v"}}},
    {"pipeline.schedule.table",
     List,
     "a row for each stage, its tasks in order, as `shardc schedule` draws them: F0 F1 B0 B1",
     {.required = true}},
    {"pipeline.schedule.table[]", Text | List, "tasks: F0 F1 B0 B1, or with parts of the model 0:F0 2:F0"},
    {"pipeline.schedule.table[][]", Text, "a task: F0, or of a part of the model 2:F0"},
    {"pipeline.stages",
     Text | List | Map,
     "the number of layers of each stage, or of each of its parts in the order of the model; or cut_before; "
     "auto: as even as can be",
     {.fallback = "auto"}},
    {"pipeline.stages[]", Integer, "layers", {.atLeast = 1}},
    {"pipeline.stages.cut_before",
     List,
     "the layers that parts begin with, all but the first",
     {.required = true}},
    {"pipeline.stages.cut_before[]", Text, "a layer's path, such as layers.3"},
    {"pipeline.virtual_stages",
     Integer,
     "parts of the model that a stage of an interleaved pipeline has",
     {.fallback = "2", .atLeast = 2, .atMost = 64}},
    {"zero",
     Integer,
     "ZeRO stage: what is sharded over the data ranks at rest",
     {.fallback = "0", .atLeast = 0, .atMost = 3}},
    {"parameters", Map, "where weights, gradients and optimizer state are at rest", {.fallback = "{}"}},
    {"parameters.at_rest", Map | List,
     "rules at rest, or levels of them in order, read after those of 'shard'; auto: the largest axis that "
     "divides"},
    {"parameters.at_rest[]", Map, "rules that are read together"},
    {"parameters.at_rest[].*", Text | List, "the mesh axis, or several in order, major first"},
    {"parameters.at_rest[].*[]", Text, "a mesh axis"},
    {"parameters.at_rest.*", Text | List, "the mesh axis, or several in order, major first"},
    {"parameters.at_rest.*[]", Text, "a mesh axis"},
    {"parameters.gradients",
     Text,
     "where gradients are while they are summed over micro-batches",
     {.choices = {"at_rest", "in_use"}}},
    {"parameters.optimizer_state", Text, "where the optimizer's moments are", {.choices = {"at_rest"}}},
    {"parameters.reduce_gradients",
     Text,
     "when gradients are reduced: by each micro-batch, or once",
     {.choices = {"each", "last"}}},
    {"parameters.reshard_after_forward", Bool, "whether backward gathers weights at rest again"},
    {"parameters.gather",
     Text,
     "which weights at rest are gathered together: a layer's, or those of each module in it",
     {.choices = {"block", "module"}}},
    {"parameters.prefetch",
     Integer,
     "modules that compute while weights are gathered or gradients reduced; 0: nothing is issued ahead",
     {.fallback = "1", .atLeast = 0, .atMost = 64}},
    {"parameters.bucket",
     Text | Integer,
     "size up to which small tensors are moved together; 0: each alone",
     {.fallback = "25MiB"}},
    {"hardware", Map, "what the plan is judged against: its memory; other keys have no effect yet"},
    {"hardware.device", Text, "such as h100"},
    {"hardware.memory", Text,
     "of a device, which a rank has for itself, such as 80GiB: a plan that needs more is an error"},
    {"hardware.nodes", Integer, "machines", {.atLeast = 1}},
    {"hardware.devices_per_node", Integer, "devices in each machine", {.atLeast = 1}},
    {"data_parallel_replicate_degree", Integer, expansion, {.atLeast = 1, .atMost = 1 << 20}},
    {"data_parallel_shard_degree", Integer, expansion, {.atLeast = 1, .atMost = 1 << 20}},
    {"fsdp_reshard_after_forward",
     Text,
     "whether backward gathers weights at rest again",
     {.choices = {"default", "always", "never"}}},
    {"tensor_parallel_degree", Integer, expansion, {.atLeast = 1, .atMost = 1 << 20}},
    {"enable_sequence_parallel", Bool,
     "whether tensor parallel ranks divide the sequence too; true if left out"},
    {"pipeline_parallel_degree", Integer, expansion, {.atLeast = 1, .atMost = 1 << 20}},
    {"pipeline_parallel_schedule", Text,
     "of pipeline_parallel_degree: GPipe, 1F1B, Interleaved1F1B or ZBVZeroBubble; 1F1B if left out"},
};

constexpr const char *experts = "experts";

const std::vector<KeySpec> modelKeys = {
    {"model", Text, "the architecture's name", {.required = true}},
    {"hf", Map, "how Hugging Face names things", {.fallback = "{}"}},
    {"hf.model_type",
     Text | List | Map,
     "the model types this is, each perhaps with config it implies",
     {.fallback = "[]"}},
    {"hf.model_type[]", Text, "a model type"},
    {"hf.model_type.*", Map, "config that this type implies"},
    {"hf.model_type.*.*", Any, "a config value"},
    {"hf.prefix", Text, "what weight names in the file begin with", {.fallback = ""}},
    {"hf.config", Map, "their config keys, and ours", {.fallback = "{}"}},
    {"hf.config.*", Text, "our config key"},
    {"hf.expect",
     Map,
     "keys of config.json that are not read and must have this value if present",
     {.fallback = "{}"}},
    {"hf.expect.*", Number | Bool | Null | Text, "the only value that this architecture computes"},
    {"hf.ignore", List, "tensors in the file that are no parameters", {.fallback = "[]"}},
    {"hf.ignore[]", Text, "a name, or how one ends"},
    {"config", Map, "sizes and constants, and their defaults", {.fallback = "{}"}},
    {"config.*", Any, "a number, boolean, null or expression over config keys, or a map or list"},
    {"axes", Map, "axes of tensors and their sizes", {.required = true}},
    {"axes.*", Expression | List, "a size, or the axes that this one is the product of"},
    {"axes.*[]", Text, "an axis"},
    {"inputs", Map, "what main is given", {.required = true}},
    {"inputs.*", Map, "an input"},
    {"inputs.*.axes", List, "its axes", {.required = true}},
    {"inputs.*.axes[]", Text, "an axis"},
    {"inputs.*.dtype", Text, "its element type", {.fallback = "i32", .choices = {"i32", "f32"}}},
    {"inputs.*.shift",
     Integer,
     "how many tokens ahead the loader reads it",
     {.fallback = "0", .atLeast = 0, .atMost = 1024}},
    {"inputs.*.ignore", Integer, "the label that counts for nothing", {.atMost = -1}},
    {"losses", Map, "named losses", {.reserved = "several losses"}},
    {"modules", Map, "modules; main is the model", {.required = true}},
    {"modules.*", Map, "a module"},
    {"modules.*.weights", Map, "its weights, in order", {.fallback = "{}"}},
    {"modules.*.weights.*", Map, "a weight"},
    {"modules.*.weights.*.axes", List, "in storage order", {.required = true}},
    {"modules.*.weights.*.axes[]", Text | List,
     "one dimension of the file: an axis, or several, major first"},
    {"modules.*.weights.*.axes[][]", Text, "an axis"},
    {"modules.*.weights.*.init",
     Text,
     "ones, zeros or normal(std)",
     {.fallback = "normal(initializer_range)"}},
    {"modules.*.weights.*.when", Expression, "whether it is there; an absent weight reads as 0"},
    {"modules.*.weights.*.decay", Bool, "whether weight decay applies"},
    {"modules.*.weights.*.tie", Map, "shares another weight of this module"},
    {"modules.*.weights.*.tie.to", Text, "the other weight", {.required = true}},
    {"modules.*.weights.*.tie.when", Expression, "whether it is shared"},
    {"modules.*.weights.*.hf", Text, "its name in the file; with a leading / the whole name"},
    {"modules.*.weights.*.train", Bool, "whether it is trained", {.reserved = experts}},
    {"modules.*.children", Map, "modules it calls, in order", {.fallback = "{}"}},
    {"modules.*.children.*", Text | Map, "a module, or what it is made of"},
    {"modules.*.children.*.module", Text, "a module, or a choice: a if condition else b", {.required = true}},
    {"modules.*.children.*.repeat", Expression, "how many follow each other"},
    {"modules.*.children.*.config", Map, "config for everything below", {.fallback = "{}"}},
    {"modules.*.children.*.config.*", Any, "a value, read in the parent's scope"},
    {"modules.*.children.*.when", Expression, "whether it is there"},
    {"modules.*.children.*.hf", Text, "its part of names in the file; with a leading / the whole"},
    {"modules.*.children.*.per", Text, "one module for each index", {.reserved = experts}},
    {"modules.*.children.*.stacked", Bool, "how the file holds them", {.reserved = experts}},
    {"modules.*.children.*.shared", Bool, "one set of weights", {.reserved = experts}},
    {"modules.*.forward()", Text, "what the module computes: a literal block", {.required = true}},
    {"functions", Map, "functions of this model", {.fallback = "{}"}},
    {"functions.*", Text, "name(parameters): a literal block"},
};

const std::vector<KeySpec> functionKeys = {
    {"functions", Map, "functions written in the language", {.required = true}},
    {"functions.*", Text, "name(parameters): a literal block"},
};

/// `a.*[]` into `a`, `*`, `[]`.
std::vector<std::string> partsOf(std::string_view path) {
  std::vector<std::string> parts(1);
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '.')
      parts.emplace_back();
    else if (path[i] == '[')
      parts.emplace_back("[]"), ++i;
    else
      parts.back() += path[i];
  }
  return parts;
}

SchemaNode &childOf(SchemaNode &parent, const std::string &part) {
  if (part == "*" || part == "[]") {
    std::unique_ptr<SchemaNode> &child = part == "*" ? parent.any : parent.items;
    if (!child)
      child = std::make_unique<SchemaNode>();
    return *child;
  }
  for (SchemaNode &child : parent.fields)
    if (child.key == part)
      return child;
  parent.fields.emplace_back().key = part;
  return parent.fields.back();
}

SchemaNode build(Document kind) {
  SchemaNode root;
  for (const KeySpec &spec : keysOf(kind)) {
    SchemaNode *node = &root;
    for (const std::string &part : partsOf(spec.path))
      node = &childOf(*node, part);
    node->spec = &spec;
  }
  return root;
}

} // namespace

std::span<const KeySpec> keysOf(Document kind) {
  switch (kind) {
  case Document::Job:
    return jobKeys;
  case Document::Plan:
    return planKeys;
  case Document::Train:
    return trainKeys;
  case Document::Model:
    return modelKeys;
  case Document::Functions:
    return functionKeys;
  }
  return {};
}

const SchemaNode *SchemaNode::field(std::string_view wanted) const {
  for (const SchemaNode &child : fields)
    if (child.key == wanted ||
        (child.key.ends_with("()") && wanted.starts_with(child.key.substr(0, child.key.size() - 1))))
      return &child;
  return any.get();
}

const SchemaNode &schemaOf(Document kind) {
  static const SchemaNode trees[] = {build(Document::Job), build(Document::Plan), build(Document::Train),
                                     build(Document::Model), build(Document::Functions)};
  return trees[static_cast<size_t>(kind)];
}

} // namespace shardc::frontend
