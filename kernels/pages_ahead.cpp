#include "kernels/pages_ahead.hpp"

namespace nanoflow::kernels {

void PagesAhead::restart(const KvPages& layer, std::size_t most_bytes) {
  layer_ = layer;
  page_bytes_ = kv_page_bytes(layer.element, layer.n_kv_heads, layer.head_dim);
  bytes_left_ = most_bytes;
  runs_.clear();
  run_ = 0;
  next_ = end_ = nullptr;
}

bool PagesAhead::turn() {
  for (; run_ < runs_.size(); ++run_) {
    auto& [page_table, pages] = runs_[run_];
    if (pages.begin == pages.end) continue;
    if (bytes_left_ < page_bytes_) return false;
    bytes_left_ -= page_bytes_;
    const auto page = static_cast<std::size_t>(page_table[pages.begin++]);
    next_ = static_cast<const std::byte*>(layer_.data) + page * layer_.page_stride;
    end_ = next_ + page_bytes_;
    return true;
  }
  return false;
}

}  // namespace nanoflow::kernels
