#include "engine/device/cpu_step.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace nanoflow {

namespace {

/// A step that breaks its rules is the scheduler's bug: whatever it says is not computed.
class StepCheck {
 public:
  /// slots_seen: memory that is used again.
  StepCheck(const Step& step, const StepLimits& limits, std::vector<bool>& slots_seen)
      : step_(step), limits_(limits), slots_seen_(slots_seen) {
    slots_seen.assign(static_cast<std::size_t>(limits.n_slots), false);
  }

  void run() {
    for (const auto& sequence : step_.sequences) check(sequence);
    within("rows", step_.n_tokens(), 1, limits_.max_step_tokens + 1);
    within("number of rows that sample", n_sampled_, 0, limits_.max_sampled + 1);
  }

 private:
  void check(const StepSequence& sequence) {
    within("slot", sequence.slot, 0, limits_.n_slots);
    if (slots_seen_[sequence.slot]) fail("slot " + std::to_string(sequence.slot) + " occurs twice");
    slots_seen_[sequence.slot] = true;
    within("n_rows", sequence.n_rows, 1, limits_.max_step_tokens + 1);
    within("position", sequence.position, 0, limits_.n_pages * page_size - sequence.n_rows + 1);
    check_tokens(sequence);
    const int end = sequence.position + sequence.n_rows;
    const int n_pages = (end + page_size - 1) / page_size;
    within("number of pages", static_cast<int>(sequence.pages.size()), n_pages,
           limits_.n_pages + 1);
    for (const PageId page : sequence.pages) within("page", page, 0, limits_.n_pages);
    n_sampled_ += sequence.n_sampled();
    if (sequence.samples && !sequence.sampling)
      fail("slot " + std::to_string(sequence.slot) + " samples without parameters");
    if (sequence.start)
      within("n_prompt", sequence.start->n_prompt, 0,
             static_cast<int>(sequence.start->tokens.size()) + 1);
  }

  void check_tokens(const StepSequence& sequence) {
    const int expected = sequence.tokens.empty() ? 1 : static_cast<int>(sequence.tokens.size());
    within("n_rows", sequence.n_rows, expected, expected + 1);
    for (const TokenId token : sequence.tokens) within("token", token, 0, limits_.vocab_size);
    within("n_draft", sequence.n_draft, 0, expected);  // never the first row
  }

  void within(const char* what, int value, int low, int end) const {
    if (low <= value && value < end) return;
    fail(std::string(what) + " is " + std::to_string(value) + ", expected " + std::to_string(low) +
         " to " + std::to_string(end - 1));
  }
  [[noreturn]] void fail(const std::string& what) const {
    throw std::logic_error("step " + std::to_string(step_.number) + ": " + what);
  }

  const Step& step_;
  const StepLimits& limits_;
  std::vector<bool>& slots_seen_;  // [n_slots]
  int n_sampled_ = 0;
};

}  // namespace

void CpuStep::assign(const Step& step, const StepLimits& limits) {
  StepCheck(step, limits, slots_seen_).run();
  number = step.number;
  sequences.clear();
  tokens.clear();
  positions.clear();
  page_table.clear();
  tiles.clear();
  sampled.clear();
  samplers.clear();
  for (const auto& sequence : step.sequences) add(sequence);
  chosen.assign(sampled.size(), {});
}

void CpuStep::restart(std::size_t n_streams) {
  failed = false;
  n_followed = 0;
  timelines.assign(n_streams, {});
  launches.resize(n_streams);  // each stream clears its own, and keeps the memory
}

void CpuStep::add(const StepSequence& from) {
  Sequence to;
  to.slot = from.slot;
  to.position = from.position;
  to.row_begin = static_cast<int>(tokens.size());
  to.row_end = to.row_begin + from.n_rows;
  to.page_begin = static_cast<int>(page_table.size());
  to.newest = from.tokens.empty();
  to.start = from.start;
  page_table.insert(page_table.end(), from.pages.begin(), from.pages.end());
  tokens.insert(tokens.end(), from.tokens.begin(), from.tokens.end());
  tokens.resize(to.row_end);
  for (int row = 0; row < from.n_rows; ++row) positions.push_back(from.position + row);
  const int index = static_cast<int>(sequences.size());
  for (int row = to.row_begin; row < to.row_end; row += tile_rows)
    tiles.push_back({index, row, std::min(row + tile_rows, to.row_end)});
  const int first = static_cast<int>(sampled.size());
  for (int row = to.row_end - from.n_sampled(); row < to.row_end; ++row)
    sampled.push_back({row, from.slot, from.choice, positions[row] + 1, from.sampling,
                       from.sampling && from.sampling->takes_largest()});
  if (from.samples) samplers.push_back({first, static_cast<int>(sampled.size()), 0});
  sequences.push_back(std::move(to));
}

std::pair<int, int> CpuStep::tiles_within(int row_begin, int row_end) const {
  const auto first = std::partition_point(
      tiles.begin(), tiles.end(), [&](const Tile& tile) { return tile.row_end <= row_begin; });
  const auto last = std::partition_point(
      first, tiles.end(), [&](const Tile& tile) { return tile.row_begin < row_end; });
  return {static_cast<int>(first - tiles.begin()), static_cast<int>(last - tiles.begin())};
}

std::pair<int, int> CpuStep::samplers_within(int begin, int end) const {
  const auto first =
      std::partition_point(samplers.begin(), samplers.end(),
                           [&](const Sampler& sampler) { return sampler.end <= begin; });
  const auto last = std::partition_point(
      first, samplers.end(), [&](const Sampler& sampler) { return sampler.begin < end; });
  return {static_cast<int>(first - samplers.begin()), static_cast<int>(last - samplers.begin())};
}

StepResult CpuStep::result() const {
  StepResult result{.number = number, .sampled = {}};
  result.sampled.reserve(chosen.size());
  for (const auto& sampler : samplers)
    result.sampled.insert(result.sampled.end(), chosen.begin() + sampler.begin,
                          chosen.begin() + sampler.begin + sampler.n_sampled);
  return result;
}

}  // namespace nanoflow
