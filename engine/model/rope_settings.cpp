// How model files describe their rotary embedding.
#include <algorithm>
#include <array>
#include <cmath>

#include "engine/model/error.hpp"
#include "engine/model/rope.hpp"

namespace nanoflow {

namespace {

constexpr std::array known_scalings = {"default", "linear", "llama3", "yarn", "dynamic"};

/// YaRN's attention temperature for a stretching, as a factor of sine and cosine (Peng et al.,
/// section 3.3).
double yarn_magnitude(double factor, double mscale = 1) {
  return factor <= 1 ? 1 : 0.1 * mscale * std::log(factor) + 1;
}

class Reader {
 public:
  Reader(const ConfigSource& source, std::string_view layer_type)
      : source_(source), hf_prefix_("rope_parameters.") {
    if (!layer_type.empty()) hf_prefix_.append(layer_type).append(".");
  }

  RopeSettings read(int context) {
    RopeSettings out;
    out.base = source_.positive(key("freq_base", "rope_theta"), 10000);
    if (source_.positive(key("", "partial_rotary_factor"), 1) != 1) {
      source_.fail(key("", "partial_rotary_factor"), "expected 1: a part of a head is not turned");
    }
    out.scaling = scaling();
    if (out.scaling == "default") return out;
    out.original_context = source_.positive(
        key("scaling.original_context_length", "original_max_position_embeddings"), context);
    std::optional<double> unsaid;
    if (out.scaling == "yarn") unsaid = context / out.original_context;
    out.factor = source_.positive(key("scaling.factor", "factor"), unsaid);
    if (out.scaling == "llama3") read_llama3(out);
    if (out.scaling == "yarn") read_yarn(out);
    return out;
  }

 private:
  struct FullKey {
    std::string gguf, hf;
    operator Key() const { return {gguf, hf}; }
  };
  FullKey key(std::string_view gguf, std::string_view hf) const {
    FullKey out;
    if (!gguf.empty()) out.gguf.append("rope.").append(gguf);
    if (!hf.empty()) out.hf.append(hf_prefix_).append(hf);
    return out;
  }

  std::string scaling() const {
    std::string name = source_.text(key("scaling.type", "rope_type")).value_or("default");
    if (name == "none") name = "default";  // GGUF's word
    if (std::ranges::find(known_scalings, name) == known_scalings.end()) {
      source_.fail(key("scaling.type", "rope_type"),
                   "expected default, linear, llama3, yarn or dynamic, found " + printable(name));
    }
    return name;
  }

  void read_llama3(RopeSettings& out) const {
    out.low_freq_factor = source_.positive(key("", "low_freq_factor"));
    out.high_freq_factor = source_.positive(key("", "high_freq_factor"));
    if (out.low_freq_factor >= out.high_freq_factor) {
      source_.fail(key("", "high_freq_factor"),
                   "expected more than low_freq_factor, " + std::to_string(out.low_freq_factor));
    }
  }

  void read_yarn(RopeSettings& out) const {
    out.beta_fast = source_.positive(key("scaling.yarn_beta_fast", "beta_fast"), 32);
    out.beta_slow = source_.positive(key("scaling.yarn_beta_slow", "beta_slow"), 1);
    out.truncate = source_.flag(key("", "truncate")).value_or(true);
    const double mscale = source_.number(key("", "mscale")).value_or(0);
    const double mscale_all = source_.number(key("", "mscale_all_dim")).value_or(0);
    double magnitude = yarn_magnitude(out.factor);
    if (mscale != 0 && mscale_all != 0) {
      magnitude = yarn_magnitude(out.factor, mscale) / yarn_magnitude(out.factor, mscale_all);
    }
    // GGUF's attn_factor multiplies that value, config.json's attention_factor replaces it.
    out.magnitude = source_.is_gguf()
                        ? magnitude * source_.positive(key("scaling.attn_factor", ""), 1)
                        : source_.positive(key("", "attention_factor"), magnitude);
  }

  const ConfigSource& source_;
  std::string hf_prefix_;
};

}  // namespace

RopeSettings read_rope(const ConfigSource& source, int context, std::string_view layer_type) {
  return Reader(source, layer_type).read(context);
}

}  // namespace nanoflow
