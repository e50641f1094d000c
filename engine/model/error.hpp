#pragma once
#include <stdexcept>
#include <string>

namespace nanoflow {

/// A model file that cannot be used. The message says what, where, what was expected and what was
/// found.
struct ModelError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace nanoflow
