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

StepCost::Line StepCost::fit() const {
  const double mean_rows = rows_ / n_, mean_ms = ms_ / n_;
  const double variance = rows_rows_ / n_ - mean_rows * mean_rows;
  const double covariance = rows_ms_ / n_ - mean_rows * mean_ms;
  // Steps that are all alike tell no slope: then all of their time is taken for that of their rows,
  // which makes more rows look dearer than they are.
  Line line{.row_ms = mean_ms / mean_rows};
  if (variance > 1 && covariance > 0) {
    line.row_ms = std::min(line.row_ms, covariance / variance);
    line.base_ms = mean_ms - line.row_ms * mean_rows;
  }
  return line;
}

std::optional<double> StepCost::row_ms() const {
  if (n_ == 0) return std::nullopt;
  return fit().row_ms;
}

std::optional<int> StepCost::rows_within(Clock::duration limit) const {
  if (n_ == 0) return std::nullopt;
  const Line line = fit();
  if (line.row_ms <= 0) return std::numeric_limits<int>::max();
  const double limit_ms = std::chrono::duration<double, std::milli>(limit).count();
  return static_cast<int>(std::clamp((limit_ms - line.base_ms) / line.row_ms, 0.0, 1e9));
}

}  // namespace nanoflow
