#pragma once
#include <algorithm>

#include "engine/device/team.hpp"
#include "kernels/isa.hpp"

namespace nanoflow {

/// What one worker of a team sees of it while a program runs.
struct Crew {
  Team& team;
  int worker = 0;  // among the workers of all streams: whose scratch memory it uses
  int stream = 0;

  template <class Task>
  void for_each(int n, const Task& task) const {
    team.for_each(n, task);
  }

  /// task(Range) for parts of the range: a few a worker, so that one that is held up does not hold
  /// up the others.
  template <class Task>
  void split(kernels::Range range, const Task& task) const {
    const int n = std::min(range.size(), tasks_a_worker * team.n_running());
    for_each(n, [&](int i) { task(part(range, i, n)); });
  }

  /// task(rows, columns) for parts of a matrix. Columns are split first, since each column's
  /// weights are then read by one worker only.
  template <class Task>
  void split(kernels::Range rows, kernels::Range columns, const Task& task) const {
    const int wanted = tasks_a_worker * team.n_running();
    const int across = std::min(columns.size(), wanted);
    const int down =
        std::min((rows.size() + rows_a_task - 1) / rows_a_task, (wanted + across - 1) / across);
    for_each(across * down,
             [&](int i) { task(part(rows, i % down, down), part(columns, i / down, across)); });
  }

 private:
  static constexpr int tasks_a_worker = 4;
  static constexpr int rows_a_task = 96;  // fewer would read the weights more often

  static kernels::Range part(kernels::Range range, int i, int n) {
    return {range.begin + static_cast<int>(static_cast<long>(range.size()) * i / n),
            range.begin + static_cast<int>(static_cast<long>(range.size()) * (i + 1) / n)};
  }
};

}  // namespace nanoflow
