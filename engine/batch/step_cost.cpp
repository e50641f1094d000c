#include "engine/batch/step_cost.hpp"

#include <algorithm>
#include <limits>

namespace nanoflow {
namespace {

constexpr double keep = 0.95;  // of a step's weight, with each step that follows

}  // namespace

void StepCost::observe(int n_rows, double ms) {
  const double rows = n_rows;
  const auto add = [](double& sum, double value) { sum = keep * sum + value; };
  add(n_, 1);
  add(rows_, rows);
  add(rows_rows_, rows * rows);
  add(ms_, ms);
  add(rows_ms_, rows * ms);
}

std::optional<int> StepCost::rows_within(Clock::duration limit) const {
  if (n_ == 0) return std::nullopt;
  const double mean_rows = rows_ / n_, mean_ms = ms_ / n_;
  const double variance = rows_rows_ / n_ - mean_rows * mean_rows;
  const double covariance = rows_ms_ / n_ - mean_rows * mean_ms;
  // Steps that are all alike tell no slope: then all of their time is taken for that of their rows,
  // which makes more rows look dearer than they are.
  double per_row = mean_ms / mean_rows, base = 0;
  if (variance > 1 && covariance > 0) {
    per_row = std::min(per_row, covariance / variance);
    base = mean_ms - per_row * mean_rows;
  }
  if (per_row <= 0) return std::numeric_limits<int>::max();
  const double rows = (std::chrono::duration<double, std::milli>(limit).count() - base) / per_row;
  return static_cast<int>(std::clamp(rows, 0.0, 1e9));
}

}  // namespace nanoflow
