#include "engine/model/tensor_view.hpp"

namespace nanoflow {

std::int64_t TensorView::elements() const {
  std::int64_t n = 1;
  for (const std::int64_t size : shape) n *= size;
  return n;
}

}  // namespace nanoflow
