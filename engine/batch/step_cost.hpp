#pragma once
#include <optional>

#include "engine/batch/request.hpp"

namespace nanoflow {

/// What steps take, as their own durations tell: base + rows * per_row, fitted by least squares to
/// the latest steps, the newest counting most.
class StepCost {
 public:
  void observe(int n_rows, double ms);
  /// The most rows of a step that ends within `limit`, at least 0. nullopt: no step was seen yet.
  std::optional<int> rows_within(Clock::duration limit) const;
  /// What a row more takes. nullopt: no step was seen yet.
  std::optional<double> row_ms() const;

 private:
  struct Line {
    double base_ms = 0, row_ms = 0;
  };
  Line fit() const;

  // Weighted sums over the steps: of 1, rows, rows squared, milliseconds, rows times milliseconds.
  double n_ = 0, rows_ = 0, rows_rows_ = 0, ms_ = 0, rows_ms_ = 0;
};

}  // namespace nanoflow
