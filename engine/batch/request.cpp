#include "engine/batch/request.hpp"

#include <stdexcept>

namespace nanoflow {

const char* to_string(FinishReason reason) {
  switch (reason) {
    case FinishReason::stop:
      return "stop";
    case FinishReason::length:
      return "length";
    case FinishReason::cancelled:
      return "cancelled";
    case FinishReason::timeout:
      return "timeout";
    case FinishReason::aborted:
      return "aborted";
    case FinishReason::failed:
      return "failed";
  }
  throw std::logic_error("finish reason: " + std::to_string(static_cast<int>(reason)) +
                         " is not one");
}

}  // namespace nanoflow
