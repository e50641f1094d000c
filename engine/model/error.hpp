#pragma once
#include <stdexcept>
#include <string>
#include <string_view>

namespace nanoflow {

/// A model file that cannot be used. The message says what, where, what was expected and what was
/// found.
struct ModelError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A name or text from a model file, fit for a message: a hostile one has no control characters,
/// broken UTF-8 or megabytes in it.
std::string printable(std::string_view text, std::size_t longest = 100);

}  // namespace nanoflow
