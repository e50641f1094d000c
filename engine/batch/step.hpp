// What one iteration computes: the only thing that the scheduler tells a device.
#pragma once
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "engine/token.hpp"

namespace nanoflow {

using PageId = std::int32_t;
using SlotId = std::int32_t;

inline constexpr int page_size = 32;       // tokens in a KV page
inline constexpr int max_draft_rows = 16;  // of all drafts of a step together

/// How one choice's next token is picked from its logits. Immutable, shared by all steps of a
/// sequence.
struct SamplingParams {
  float temperature = 1.0F;  // 0: greedy
  int top_k = 0;             // 0: off
  float top_p = 1.0F;
  float min_p = 0.0F;
  float presence_penalty = 0.0F;    // of generated tokens only
  float frequency_penalty = 0.0F;   // of generated tokens only
  float repetition_penalty = 1.0F;  // of prompt and generated tokens (Keskar et al., CTRL, 2019)
  std::uint64_t seed = 0;
  int logprobs = -1;  // alternatives to report; -1: none, not even the chosen token's
  std::vector<std::pair<TokenId, float>> logit_bias;
  int min_tokens = 0;  // until then, end_tokens cannot be chosen
  std::vector<TokenId> end_tokens;

  bool needs_history() const {
    return presence_penalty != 0 || frequency_penalty != 0 || repetition_penalty != 1;
  }
  /// The largest raw logit's token is chosen, and nobody asks about others.
  bool takes_largest() const {
    return temperature < std::numeric_limits<float>::min() && !needs_history() &&
           logit_bias.empty() && min_tokens == 0 && logprobs < 0;
  }
};

/// A sequence's pages in order of position. Never changed: copies of it, and of its beginnings,
/// share the numbers.
class PageTable {
 public:
  PageTable() = default;
  PageTable(std::vector<PageId> pages) : n_(pages.size()) {
    if (n_ > 0) pages_ = std::make_shared<const std::vector<PageId>>(std::move(pages));
  }
  PageTable(std::initializer_list<PageId> pages) : PageTable(std::vector<PageId>(pages)) {}
  /// Its first n pages, n <= size().
  PageTable first(std::size_t n) const {
    PageTable table = *this;
    table.n_ = n;
    return table;
  }
  PageTable with(const std::vector<PageId>& new_pages) const {
    std::vector<PageId> pages(begin(), end());
    pages.insert(pages.end(), new_pages.begin(), new_pages.end());
    return pages;
  }
  const PageId* begin() const { return pages_ ? pages_->data() : nullptr; }
  const PageId* end() const { return begin() + n_; }
  std::size_t size() const { return n_; }
  PageId operator[](std::size_t i) const { return begin()[i]; }

 private:
  std::shared_ptr<const std::vector<PageId>> pages_;
  std::size_t n_ = 0;
};

/// What a sequence starts its slot with: the tokens so far, of which the first n_prompt are the
/// prompt.
struct SlotStart {
  std::vector<TokenId> tokens;
  int n_prompt = 0;
};

struct StepSequence {
  SlotId slot =
      0;  // holds the newest token, the tokens' counts and the number generated on the device
  int position = 0;  // of its first row, 0-based
  int n_rows = 0;    // tokens computed in this step: positions [position, position + n_rows)
  std::vector<TokenId> tokens;  // [n_rows], or empty: one row, the slot's newest token
  PageTable pages;              // [ceil((position + n_rows) / page_size)]
  bool samples = false;         // the last row's logits choose the sequence's next token
  /// Its last rows are guesses of what comes next. Where it samples, the row before the first guess
  /// chooses a token; and as long as that is what was guessed, the guess's own row the token after
  /// it, exactly as rows of later steps would.
  int n_draft = 0;
  int choice = 0;                                  // 0 .. n-1
  std::shared_ptr<const SamplingParams> sampling;  // set where samples
  std::shared_ptr<const SlotStart> start;          // set where the slot begins (again) in this step

  /// Rows that go through the LM head: its last ones.
  int n_sampled() const { return samples ? 1 + n_draft : 0; }
};

struct Step {
  std::uint64_t number = 0;             // 1, 2, 3, ...
  std::vector<StepSequence> sequences;  // who decodes, then who reads, each in rank order

  int n_tokens() const {
    int sum = 0;
    for (const auto& sequence : sequences) sum += sequence.n_rows;
    return sum;
  }
};

/// Log probabilities from the raw logits, before temperature, bias and penalties.
struct TokenLogprobs {
  float logprob = 0;                           // of the chosen token
  std::vector<std::pair<TokenId, float>> top;  // descending
};

struct StepResult {
  std::uint64_t number = 0;
  struct Sampled {
    SlotId slot = 0;
    TokenId token = 0;  // -1: no logit was finite
    std::optional<TokenLogprobs> logprobs;
  };
  /// For each sequence that samples, in the step's order: one, and one more for each guess that was
  /// right.
  std::vector<Sampled> sampled;
  double ms = 0;  // that the device took; 0: nobody measured it
};

}  // namespace nanoflow
