#include "engine/kv/page_pool.hpp"

#include <stdexcept>
#include <string>

namespace nanoflow {

PagePool::PagePool(int n_pages) {
  if (n_pages < 1)
    throw std::invalid_argument("a page pool needs a page, got " + std::to_string(n_pages));
  taken_.resize(static_cast<std::size_t>(n_pages));
  free_.reserve(taken_.size());
  for (PageId page = n_pages - 1; page >= 0; --page) free_.push_back(page);
}

PageId PagePool::take() {
  if (free_.empty()) throw std::logic_error("page pool: no page is free");
  const PageId page = free_.back();
  free_.pop_back();
  taken_[static_cast<std::size_t>(page)] = true;
  return page;
}

void PagePool::give(PageId page) {
  if (page < 0 || page >= total() || !taken_[static_cast<std::size_t>(page)])
    throw std::logic_error("page pool: page " + std::to_string(page) + " was not taken");
  taken_[static_cast<std::size_t>(page)] = false;
  free_.push_back(page);
}

}  // namespace nanoflow
