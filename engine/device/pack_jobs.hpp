#pragma once
#include <cstddef>
#include <functional>
#include <vector>

#include "engine/model/tensor_view.hpp"
#include "kernels/matmul.hpp"

namespace nanoflow {

/// Some rows of a checkpoint's tensor on their way into the weights: into a packed matrix, or as
/// they are.
struct PackJob {
  const TensorView* tensor = nullptr;
  int row_begin = 0, row_end = 0;  // of the tensor
  int row_elements = 0;
  kernels::PackedMatrix matrix;  // where it goes, unless `plain` is set
  int first_output = 0;          // where row_begin goes
  float* plain = nullptr;

  std::size_t elements() const {
    return static_cast<std::size_t>(row_end - row_begin) * static_cast<std::size_t>(row_elements);
  }
};

/// Runs the jobs on n_threads threads, of which the caller is one. Only the caller reports, now and
/// then, how many elements are done; what it throws ends the work.
void run_pack_jobs(const std::vector<PackJob>& jobs, int n_threads,
                   const std::function<void(std::size_t done_elements)>& report);

}  // namespace nanoflow
