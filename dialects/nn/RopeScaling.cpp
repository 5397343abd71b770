//===- RopeScaling.cpp - read rope's map of scaling -----------------------===//

#include "dialects/nn/RopeScaling.h"

using namespace mlir;
using namespace nn;

namespace {

/// Hugging Face's map of scaling, as the frontend leaves it in the op.
struct ScalingReader {
  DictionaryAttr map;

  double number(StringRef key, double otherwise) const {
    Attribute value = map.get(key);
    if (auto real = dyn_cast_or_null<FloatAttr>(value))
      return real.getValueAsDouble();
    if (auto whole = dyn_cast_or_null<IntegerAttr>(value))
      return static_cast<double>(whole.getInt());
    return otherwise;
  }
  bool flag(StringRef key, bool otherwise) const {
    auto value = map.getAs<BoolAttr>(key);
    return value ? value.getValue() : otherwise;
  }
  StringRef kind() const {
    for (StringRef key : {"rope_type", "type"})
      if (auto name = map.getAs<StringAttr>(key))
        return name.getValue();
    return "default";
  }
};

} // namespace

FailureOr<rt::RopeScaling> nn::readRopeScaling(Operation *op, std::optional<DictionaryAttr> map) {
  rt::RopeScaling scaling;
  if (!map)
    return scaling;
  ScalingReader reader{*map};
  StringRef kind = reader.kind();
  if (kind == "linear")
    scaling.kind = rt::RopeScaling::Linear;
  else if (kind == "llama3")
    scaling.kind = rt::RopeScaling::Llama3;
  else if (kind == "yarn")
    scaling.kind = rt::RopeScaling::Yarn;
  else if (kind != "default")
    return op->emitOpError() << "scaling has rope_type '" << kind << "', known are linear, llama3 and yarn";
  scaling.factor = reader.number("factor", scaling.factor);
  scaling.originalMaxPosition =
      reader.number("original_max_position_embeddings", scaling.originalMaxPosition);
  scaling.lowFreqFactor = reader.number("low_freq_factor", scaling.lowFreqFactor);
  scaling.highFreqFactor = reader.number("high_freq_factor", scaling.highFreqFactor);
  scaling.betaFast = reader.number("beta_fast", scaling.betaFast);
  scaling.betaSlow = reader.number("beta_slow", scaling.betaSlow);
  scaling.attentionFactor = reader.number("attention_factor", scaling.attentionFactor);
  scaling.mscale = reader.number("mscale", scaling.mscale);
  scaling.mscaleAllDim = reader.number("mscale_all_dim", scaling.mscaleAllDim);
  scaling.truncate = reader.flag("truncate", scaling.truncate);
  return scaling;
}
