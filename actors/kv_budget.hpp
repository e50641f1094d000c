// How much memory each model's KV pages get.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "client/protocol.hpp"

namespace nanoflow {

/// "4GiB", "512MB", "1000000" (bytes), or "50%" of what there is.
class MemoryAmount {
 public:
  static std::optional<MemoryAmount> parse(std::string_view text);
  std::uint64_t of(std::uint64_t whole) const;

 private:
  double number_ = 0;  // bytes, or per cent
  bool per_cent_ = false;
};
/// "5.7 GiB".
std::string format_bytes(std::uint64_t bytes);

/// What is known of a model before its pages are sized.
struct PoolNeeds {
  std::string model;  // its name, for errors
  std::uint64_t page_bytes = 0, weight_bytes = 0;
  int model_context = 0;  // the longest that the model was made for
  std::optional<int> context;
  std::optional<MemoryAmount> memory;
};
struct PoolSize {
  int context = 0;
  int n_pages = 0;
};

/// The rule. All models' pages together take at most a quarter of the memory that the daemon may
/// use when it starts, or what the configuration says instead. A model gets an equal share of it
/// for each configured model; one that is loaded later gets at most such a share of what is left.
/// No model gets more than 64 full contexts. A load that names its own amount gets that, outside
/// the rule. In any case weights and pages must fit into what is free when the model is loaded.
///
/// Where nobody names a context it is the model's own, cut to what the pool holds; a named one
/// has to fit.
class KvBudget {
 public:
  KvBudget(std::uint64_t total_bytes, int n_configured)
      : total_bytes_(total_bytes), n_configured_(n_configured) {}

  /// bad_field or load_failed where it does not fit.
  std::variant<PoolSize, wire::Error> size(const PoolNeeds& needs, std::uint64_t free_bytes) const;
  void take(const std::string& model, std::uint64_t bytes) { taken_[model] = bytes; }
  void give_back(const std::string& model) { taken_.erase(model); }

  /// What the next model gets, bytes.
  std::uint64_t share() const;

 private:
  std::uint64_t total_bytes_;
  int n_configured_;
  std::map<std::string, std::uint64_t> taken_;  // bytes of pages, by model
};

}  // namespace nanoflow
