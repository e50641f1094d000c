#include "engine/device/pack_jobs.hpp"

#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

#include "kernels/dequantize.hpp"
#include "kernels/weight_groups.hpp"

namespace nanoflow {

namespace {

/// What one thread packs through.
struct Buffers {
  std::vector<float> rows;
  std::vector<kernels::WeightGroup> groups;
};

void pack(const PackJob& job, Buffers& buffers) {
  const auto& tensor = *job.tensor;
  const std::size_t blocks_before =
      static_cast<std::size_t>(job.row_begin) * job.row_elements / block_elements(tensor.dtype);
  const std::byte* data = tensor.data.data() + blocks_before * block_bytes(tensor.dtype);
  if (job.plain) {
    kernels::dequantize(job.plain, data, tensor.dtype, job.elements());
    return;
  }
  const int n_rows = job.row_end - job.row_begin;
  if (is_quantized(job.matrix.element)) {
    buffers.groups.resize(job.elements() / kernels::group_inputs);
    kernels::to_groups(buffers.groups.data(), job.matrix.element, data, tensor.dtype, n_rows,
                       job.row_elements);
    kernels::pack_groups(job.matrix, job.first_output, buffers.groups.data(), n_rows);
    return;
  }
  buffers.rows.resize(job.elements());
  kernels::dequantize(buffers.rows.data(), data, tensor.dtype, job.elements());
  kernels::pack_rows(job.matrix, job.first_output, buffers.rows.data(), n_rows);
}

/// Jobs are claimed one after the other; the first exception ends the claiming.
class PackRun {
 public:
  explicit PackRun(const std::vector<PackJob>& jobs) : jobs_(jobs) {}

  template <class AfterEach>
  void work(AfterEach after_each) noexcept {
    try {
      Buffers buffers;
      for (std::size_t i = next_++; i < jobs_.size(); i = next_++) {
        pack(jobs_[i], buffers);
        after_each(done_ += jobs_[i].elements());
      }
    } catch (...) {
      next_ = jobs_.size();
      const std::lock_guard lock(failure_lock_);
      if (!failure_) failure_ = std::current_exception();
    }
  }
  void rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  const std::vector<PackJob>& jobs_;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<std::size_t> done_ = 0;
  std::mutex failure_lock_;
  std::exception_ptr failure_;
};

}  // namespace

void run_pack_jobs(const std::vector<PackJob>& jobs, int n_threads,
                   const std::function<void(std::size_t done_elements)>& report) {
  PackRun run(jobs);
  {
    std::vector<std::jthread> others;
    for (int thread = 1; thread < n_threads; ++thread)
      others.emplace_back([&] { run.work([](std::size_t) {}); });
    run.work(report);
  }
  run.rethrow();
}

}  // namespace nanoflow
