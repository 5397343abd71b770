//===- HfConfig.cpp - which key of a config.json means what ---------------===//
#include "compiler/frontend/HfConfig.h"
#include <algorithm>
#include <fmt/format.h>

namespace shardc::frontend {
namespace {

/// Keys that say nothing about what the model computes: bookkeeping, the tokenizer, text generation,
/// heads that are not trained here, and how Hugging Face's own code runs. `max_position_embeddings`
/// is a size only in models with learned positions, which declare it.
constexpr std::string_view harmless[] = {
    "_name_or_path", "architectures", "auto_map", "model_type", "transformers_version", "torch_dtype",
    "dtype", "tokenizer_class", "prefix", "language", "license",
    // token numbers and text generation
    "bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id", "unk_token_id", "mask_token_id",
    "decoder_start_token_id", "forced_bos_token_id", "forced_eos_token_id", "bad_words_ids", "do_sample",
    "early_stopping", "max_length", "min_length", "num_beams", "num_beam_groups", "num_return_sequences",
    "no_repeat_ngram_size", "encoder_no_repeat_ngram_size", "repetition_penalty", "length_penalty",
    "diversity_penalty", "temperature", "top_k", "top_p", "typical_p", "begin_suppress_tokens",
    "suppress_tokens", "exponential_decay_length_penalty", "remove_invalid_values", "output_scores",
    "return_dict_in_generate", "task_specific_params", "use_cache", "cache_implementation",
    // other heads
    "id2label", "label2id", "num_labels", "problem_type", "finetuning_task", "classifier_dropout",
    "summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type",
    "summary_use_proj",
    // how Hugging Face runs it
    "_attn_implementation", "_attn_implementation_autoset", "attn_implementation", "output_attentions",
    "output_hidden_states", "return_dict", "torchscript", "tf_legacy_loss", "use_bfloat16",
    "gradient_checkpointing", "chunk_size_feed_forward", "pretraining_tp", "reorder_and_upcast_attn",
    // sizes that bound the context and enter no formula, or only one of sliding windows, whose
    // `use_sliding_window` a model reads or expects to be false
    "n_ctx", "max_position_embeddings", "max_window_layers"};

/// Keys that change what any model computes unless they are false or empty.
constexpr std::string_view neverTrue[] = {"is_encoder_decoder", "add_cross_attention", "tie_encoder_decoder",
                                          "is_decoder", "pruned_heads"};

bool isNeverTrue(std::string_view key) {
  return std::find(std::begin(neverTrue), std::end(neverTrue), key) != std::end(neverTrue);
}

bool isHarmless(std::string_view key) {
  return std::find(std::begin(harmless), std::end(harmless), key) != std::end(harmless);
}

bool sameScalar(const Node &a, const Node &b) {
  if (a.isNumber() && b.isNumber())
    return a.number == b.number;
  if (a.kind == Node::Kind::Bool && b.kind == Node::Kind::Bool)
    return a.boolean == b.boolean;
  return a.kind == b.kind && a.isScalar() && a.text == b.text;
}

/// A list (`layer_types`) is what is expected if each of its items is.
bool isExpected(const Node &value, const Node &wanted) {
  if (value.kind == Node::Kind::List)
    return std::ranges::all_of(value.items, [&](const Node &item) { return sameScalar(item, wanted); });
  return sameScalar(value, wanted);
}

class Importer {
public:
  Importer(ModelSpec &model, Diagnostics &diags) : model(model), diags(diags) {}

  void run(const Node &json) {
    applyType(json);
    for (const Entry &entry : json.entries)
      if (entry.value.kind != Node::Kind::Null) // null means the default here
        import(entry);
  }

private:
  void applyType(const Node &json) {
    const Entry *type = json.entry("model_type");
    if (!type) {
      diags.error(json.at, "'model_type' is missing").note(model.name.at, "this model expects " + types());
      return;
    }
    for (const HfType &known : model.hf.types) {
      if (known.name.value != type->value.text)
        continue;
      for (const ConfigEntry &entry : known.config)
        model.setConfig(entry, diags);
      return;
    }
    diags
        .error(type->keyAt, fmt::format("model '{}' does not cover model_type {}", model.name.value,
                                        type->value.describe()))
        .note(model.name.at, "it covers " + types());
  }

  std::string types() const {
    std::vector<std::string> names;
    for (const HfType &type : model.hf.types)
      names.push_back(type.name.value);
    return names.empty() ? "no model_type" : listed(names, "and");
  }

  void import(const Entry &entry) {
    const std::string &key = ourKey(entry.key);
    if (model.configKey(key))
      return set(key, entry);
    for (const auto &[name, wanted] : model.hf.expect) {
      if (name.value != entry.key)
        continue;
      if (!isExpected(entry.value, wanted))
        diags
            .error(entry.keyAt, fmt::format("'{}' is {}, but model '{}' computes only {}", entry.key,
                                            entry.value.describe(), model.name.value, wanted.describe()))
            .note(name.at, "it is expected here");
      return;
    }
    if (isNeverTrue(entry.key))
      expectNothing(entry);
    else if (!isHarmless(entry.key))
      unread(entry);
  }

  void expectNothing(const Entry &entry) {
    const Node &value = entry.value;
    if (value.boolean || value.number != 0 || !value.entries.empty() || !value.items.empty())
      diags.error(entry.keyAt,
                  fmt::format("'{}' is {}, which no model here computes", entry.key, value.describe()));
  }

  /// What the model calls a key of theirs.
  const std::string &ourKey(const std::string &theirs) const {
    for (const auto &[from, to] : model.hf.renames)
      if (from.value == theirs)
        return to.value;
    return theirs;
  }

  void set(const std::string &key, const Entry &entry) {
    if (entry.value.kind == Node::Kind::Text) {
      diags.error(entry.keyAt, fmt::format("'{}' is {}, where a number or a boolean is expected", entry.key,
                                           entry.value.describe()));
      return;
    }
    if (std::optional<ConfigEntry> decoded = decodeConfigEntry({key, entry.keyAt, entry.value}, diags))
      model.setConfig(std::move(*decoded), diags);
  }

  void unread(const Entry &entry) {
    std::vector<std::string> read;
    for (const ConfigEntry &known : model.config)
      read.push_back(theirKey(known.key.value));
    for (const auto &[name, wanted] : model.hf.expect)
      read.push_back(name.value);
    Diagnostic &error = diags.error(
        entry.keyAt, fmt::format("model '{}' does not read '{}', which may change what it computes",
                                 model.name.value, entry.key));
    error.suggest(entry.key, read).note(fmt::format("it reads {}", listed(read, "and")));
  }

  std::string theirKey(const std::string &ours) const {
    for (const auto &[from, to] : model.hf.renames)
      if (to.value == ours)
        return from.value;
    return ours;
  }

  ModelSpec &model;
  Diagnostics &diags;
};

} // namespace

bool coversType(const Node &model, std::string_view modelType) {
  const Node &types = *model.find("hf")->find("model_type");
  auto isType = [&](const Node &item) { return item.text == modelType; };
  return types.text == modelType || types.entry(modelType) ||
         std::any_of(types.items.begin(), types.items.end(), isType);
}

bool importHfConfig(ModelSpec &model, const Node &json, Diagnostics &diags) {
  const size_t before = diags.size();
  if (json.kind != Node::Kind::Map)
    diags.error(json.at, fmt::format("expected an object, got {}", json.describe()));
  else
    Importer(model, diags).run(json);
  return diags.size() == before;
}

} // namespace shardc::frontend
