// Who may come in: decided before anything is tokenised, so that overload is answered at once.
#pragma once
#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "client/protocol.hpp"

namespace nanoflow {

struct AdmissionLimits {
  int max_sequences = 64;  // requests that run
  int max_waiting = 256;   // requests that wait behind them
};

class Admissions {
 public:
  explicit Admissions(AdmissionLimits limits) : limits_(limits) {}
  const AdmissionLimits& limits() const { return limits_; }
  void set_limits(AdmissionLimits limits) { limits_ = limits; }

  /// Nothing: come in. Else `overloaded` with the time after which a place should be free, or
  /// `too_slow` where the running requests take longer for a token than this one accepts.
  std::optional<wire::Error> refuse(const std::string& model, std::optional<int> max_tpot_ms) const;
  void started(const std::string& model);
  /// `done` is null where the request ended with an error.
  void ended(const std::string& model, const wire::Done* done);
  int retry_after_ms(const std::string& model) const;

  /// Text that waits for a tokenizer takes memory of the client's choosing: the sum is bounded.
  static constexpr std::size_t max_text_bytes = 64 << 20;
  bool has_room_for_text(std::size_t bytes) const { return text_bytes_ + bytes <= max_text_bytes; }
  void add_text(std::size_t bytes) { text_bytes_ += bytes; }
  void remove_text(std::size_t bytes) { text_bytes_ -= bytes; }

 private:
  struct Load {
    int live = 0;
    double total_ms = 1000, tpot_ms = 0;  // moving means of the requests that ended
  };
  Load load_of(const std::string& model) const;

  AdmissionLimits limits_;
  std::map<std::string, Load> loads_;
  std::size_t text_bytes_ = 0;
};

}  // namespace nanoflow
