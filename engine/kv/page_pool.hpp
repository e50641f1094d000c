#pragma once
#include <vector>

#include "engine/batch/step.hpp"

namespace nanoflow {

/// Which pages nobody has. The last one given back is the first one taken, and page 0 before page
/// 1, so that memory that was never needed is never touched.
class PagePool {
 public:
  explicit PagePool(int n_pages);

  int total() const { return static_cast<int>(taken_.size()); }
  int free() const { return static_cast<int>(free_.size()); }
  /// Throws std::logic_error where none is free, or the page is not taken.
  PageId take();
  void give(PageId page);

 private:
  std::vector<PageId> free_;
  std::vector<bool> taken_;  // [n_pages]
};

}  // namespace nanoflow
