#include "actors/kv_budget.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <utility>

#include "engine/batch/step.hpp"

namespace nanoflow {
namespace {

constexpr int most_contexts = 64;   // in one model's pool
constexpr int short_context = 512;  // no context is cut below this

constexpr std::array<std::pair<std::string_view, double>, 14> units{{{"", 1},
                                                                     {"B", 1},
                                                                     {"K", 0x1p10},
                                                                     {"KiB", 0x1p10},
                                                                     {"KB", 1e3},
                                                                     {"M", 0x1p20},
                                                                     {"MiB", 0x1p20},
                                                                     {"MB", 1e6},
                                                                     {"G", 0x1p30},
                                                                     {"GiB", 0x1p30},
                                                                     {"GB", 1e9},
                                                                     {"T", 0x1p40},
                                                                     {"TiB", 0x1p40},
                                                                     {"TB", 1e12}}};

int pages_for(int n_tokens) {
  return (n_tokens + page_size - 1) / page_size;
}

wire::Error error(wire::ErrorCode code, std::string message) {
  return {code, std::move(message), {}, {}};
}

/// Why a pool of so many bytes will not do.
wire::Error too_small(const PoolNeeds& needs, int context, std::uint64_t bytes) {
  const auto needed = static_cast<std::uint64_t>(pages_for(context)) * needs.page_bytes;
  return error(
      needs.memory || needs.context ? wire::ErrorCode::bad_field : wire::ErrorCode::load_failed,
      (needs.memory    ? "kv_memory: "
       : needs.context ? "context: "
                       : "") +
          std::string("'") + needs.model + "' needs " + format_bytes(needed) +
          " for the pages of one context of " + std::to_string(context) + " tokens, and may take " +
          format_bytes(bytes) + " (weights " + format_bytes(needs.weight_bytes) + ")");
}

}  // namespace

std::optional<MemoryAmount> MemoryAmount::parse(std::string_view text) {
  MemoryAmount amount;
  const char* end = text.data() + text.size();
  const auto [rest, failed] =
      std::from_chars(text.data(), end, amount.number_, std::chars_format::fixed);
  if (failed != std::errc() || !(amount.number_ > 0)) return std::nullopt;
  std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  if (unit == "%") {
    amount.per_cent_ = true;
    return amount.number_ <= 100 ? std::optional(amount) : std::nullopt;
  }
  const auto found = std::find_if(units.begin(), units.end(),
                                  [&](const auto& known) { return known.first == unit; });
  if (found == units.end()) return std::nullopt;
  amount.number_ *= found->second;
  return amount.number_ >= 1 && amount.number_ < 0x1p62 ? std::optional(amount) : std::nullopt;
}

std::uint64_t MemoryAmount::of(std::uint64_t whole) const {
  return static_cast<std::uint64_t>(per_cent_ ? static_cast<double>(whole) * number_ / 100
                                              : number_);
}

std::string format_bytes(std::uint64_t bytes) {
  constexpr std::array names{"bytes", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < names.size()) {
    value /= 1024;
    ++unit;
  }
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", value, names[unit]);
  return text.data();
}

std::uint64_t KvBudget::share() const {
  std::uint64_t taken = 0;
  for (const auto& [model, bytes] : taken_) taken += bytes;
  return std::min(total_bytes_ / static_cast<std::uint64_t>(std::max(n_configured_, 1)),
                  total_bytes_ - std::min(total_bytes_, taken));
}

std::variant<PoolSize, wire::Error> KvBudget::size(const PoolNeeds& needs,
                                                   std::uint64_t free_bytes) const {
  if (needs.context && (*needs.context < 1 || *needs.context > needs.model_context))
    return error(wire::ErrorCode::bad_field, "context: " + std::to_string(*needs.context) +
                                                 " is not between 1 and the " +
                                                 std::to_string(needs.model_context) +
                                                 " tokens that '" + needs.model + "' was made for");
  const auto room = free_bytes - std::min(free_bytes, needs.weight_bytes);
  auto bytes = needs.memory ? needs.memory->of(free_bytes) : std::min(share(), room);
  if (bytes > room)
    return error(wire::ErrorCode::bad_field, "kv_memory: " + format_bytes(bytes) +
                                                 " is more than the " + format_bytes(room) +
                                                 " that the weights of '" + needs.model + "' (" +
                                                 format_bytes(needs.weight_bytes) + ") leave free");

  PoolSize pool{.context = needs.context.value_or(needs.model_context)};
  auto n_pages =
      std::min<std::uint64_t>(bytes / std::max<std::uint64_t>(needs.page_bytes, 1), 1 << 30);
  const auto all_contexts = static_cast<std::uint64_t>(pages_for(pool.context)) * most_contexts;
  if (!needs.memory) n_pages = std::min(n_pages, all_contexts);
  pool.n_pages = static_cast<int>(n_pages);
  if (!needs.context)
    pool.context =
        std::clamp<int>(std::min<std::uint64_t>(n_pages * page_size, 1 << 30),
                        std::min(short_context, needs.model_context), needs.model_context);
  if (pool.n_pages < pages_for(pool.context)) return too_small(needs, pool.context, bytes);
  return pool;
}

}  // namespace nanoflow
