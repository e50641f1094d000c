#include "engine/text/stop_matcher.hpp"

#include <utility>

namespace nanoflow::text {

StopMatcher::StopMatcher(std::string wanted)
    : wanted_(std::move(wanted)), border_(wanted_.size() + 1, 0) {
  for (std::size_t i = 1, border = 0; i < wanted_.size(); ++i) {
    while (border > 0 && wanted_[i] != wanted_[border]) border = border_[border];
    if (wanted_[i] == wanted_[border]) ++border;
    border_[i + 1] = static_cast<std::uint32_t>(border);
  }
}

bool StopMatcher::push(char byte) {
  if (matched_ == wanted_.size()) matched_ = border_[matched_];
  while (matched_ > 0 && wanted_[matched_] != byte) matched_ = border_[matched_];
  if (matched_ < wanted_.size() && wanted_[matched_] == byte) ++matched_;
  return matched_ == wanted_.size();
}

}  // namespace nanoflow::text
