#include "client/sampling_fields.hpp"

#include <array>
#include <cmath>

namespace nanoflow::wire {
namespace {

std::string number(double value) {
  return Json(value == std::floor(value) ? Json(std::int64_t(value)) : Json(value)).dump();
}

constexpr Range any = {0, 0};
constexpr Range count = {0, max_int};
constexpr Range at_least_one = {1, max_int};

const std::array fields = {
    SamplingField{"max_tokens", &Sampling::max_tokens, at_least_one, 1,
                  "end after this many tokens (512, or what is left of the context)"},
    SamplingField{"min_tokens", &Sampling::min_tokens, count, 1,
                  "do not end before this many tokens (0)"},
    SamplingField{"temperature",
                  &Sampling::temperature,
                  {0, 100},
                  1,
                  "flatten (above 1) or sharpen the choice; 0 takes the likeliest (1.0)"},
    SamplingField{"top_k", &Sampling::top_k, count, 1,
                  "choose among the k likeliest; 0 is off (0)"},
    SamplingField{"top_p",
                  &Sampling::top_p,
                  {0, 1, true},
                  1,
                  "choose among the likeliest that together reach p (1.0)"},
    SamplingField{"min_p",
                  &Sampling::min_p,
                  {0, 1},
                  1,
                  "drop what is less likely than this share of the likeliest (0.0)"},
    SamplingField{"presence_penalty",
                  &Sampling::presence_penalty,
                  {-2, 2},
                  1,
                  "make what was already said less likely, once (0)"},
    SamplingField{"frequency_penalty",
                  &Sampling::frequency_penalty,
                  {-2, 2},
                  1,
                  "make what was already said less likely, each time (0)"},
    SamplingField{"repetition_penalty",
                  &Sampling::repetition_penalty,
                  {0, 10, true},
                  1,
                  "divide the logits of what was already seen (1.0)"},
    SamplingField{"seed", &Sampling::seed, any, 1, "the same seed draws the same answer"},
    SamplingField{"stop", &Sampling::stop, any, 16, "end before this text; may be repeated"},
    SamplingField{"stop_token_ids", &Sampling::stop_token_ids, count, 64,
                  "end at this token id; may be repeated"},
    SamplingField{"include_stop_str_in_output", &Sampling::include_stop_str_in_output, any, 1,
                  "keep the stop text in the answer (false)"},
    SamplingField{"ignore_eos", &Sampling::ignore_eos, any, 1,
                  "go on where the model would end (false)"},
    SamplingField{"skip_special_tokens", &Sampling::skip_special_tokens, any, 1,
                  "leave special tokens out of the text (true)"},
    SamplingField{"logit_bias",
                  &Sampling::logit_bias,
                  {-100, 100},
                  1024,
                  "ID=BIAS: add to a token's logit; may be repeated"},
    SamplingField{"logprobs",
                  &Sampling::logprobs,
                  {0, 20},
                  1,
                  "give each token's log probability and this many alternatives"},
    SamplingField{"n", &Sampling::n, {1, 16}, 1, "answer this many times (1)"},
};

}  // namespace

std::string describe(const Range& range) {
  const std::string low = (range.above_min ? "above " : "at least ") + number(range.min);
  if (range.max >= max_int) return "must be " + low;
  if (range.above_min) return "must be " + low + " and at most " + number(range.max);
  return "must be from " + number(range.min) + " to " + number(range.max);
}

std::span<const SamplingField> sampling_fields() {
  return fields;
}

}  // namespace nanoflow::wire
