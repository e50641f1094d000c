#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/text/regex.hpp"

namespace nanoflow::text {

/// A step that rewrites a stretch of text before it is cut. Immutable.
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual void apply(std::string& text, const TimeBudget& budget) const = 0;
};
using Normalizers = std::vector<std::unique_ptr<const Normalizer>>;

}  // namespace nanoflow::text
