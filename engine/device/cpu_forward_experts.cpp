// Mixture of experts: rows are grouped by expert, each expert runs once over its rows, and each row
// sums what its experts return in the order of their rank, so that its bits do not depend on who
// else is in the batch.
#include <cstring>

#include "engine/device/cpu_forward.hpp"
#include "kernels/elementwise.hpp"
#include "kernels/experts.hpp"

namespace nanoflow {

void CpuForward::route(const Crew& crew, Range rows, const CpuLayer& layer) const {
  const auto& experts = config_.experts;
  matmul(crew, rows, work_.router_logits, experts.n_experts, work_.normed, config_.dim, {},
         layer.router);
  crew.split(rows, [&](Range part) {
    kernels::route(work_.chosen, work_.chosen_weights, work_.router_logits, experts.n_experts,
                   experts.n_used, experts.normalize_weights, part);
  });
}

/// Counting sort of the (row, choice) pairs by expert. The pairs of a launch keep to the places
/// that are theirs whatever the grouping: [rows.begin * n_used, rows.end * n_used).
void CpuForward::group_pairs(Range rows, ExpertGroups& groups) const {
  const int n_used = config_.experts.n_used, n_experts = config_.experts.n_experts;
  const int pair_begin = rows.begin * n_used, pair_end = rows.end * n_used;
  groups.begin.assign(n_experts + 1, 0);
  for (int pair = pair_begin; pair < pair_end; ++pair) ++groups.begin[work_.chosen[pair] + 1];
  groups.begin[0] = pair_begin;
  for (int expert = 0; expert < n_experts; ++expert)
    groups.begin[expert + 1] += groups.begin[expert];
  groups.next.assign(groups.begin.begin(), groups.begin.end() - 1);
  for (int pair = pair_begin; pair < pair_end; ++pair) {
    const int slot = groups.next[work_.chosen[pair]]++;
    work_.pair_slots[pair] = slot;
    work_.pair_rows[slot] = pair / n_used;
  }
}

void CpuForward::experts(const Crew& crew, Range rows, const CpuLayer& layer,
                         const CpuStep& step) const {
  const int dim = config_.dim, ffn_dim = config_.experts.ffn_dim;
  const int n_used = config_.experts.n_used, n_experts = config_.experts.n_experts;
  const Range pairs{rows.begin * n_used, rows.end * n_used};
  auto& groups = work_.groups[crew.stream];
  const auto prepared = work_.prepared_pairs.for_rows(step.tokens.size() * n_used);
  crew.for_each(1, [&](int) { group_pairs(rows, groups); });

  // Experts of one layer have one format.
  crew.split(pairs, [&](Range part) {
    for (int pair = part.begin; pair < part.end; ++pair)
      std::memcpy(work_.pair_inputs + static_cast<std::ptrdiff_t>(pair) * dim,
                  work_.normed + static_cast<std::ptrdiff_t>(work_.pair_rows[pair]) * dim,
                  dim * sizeof(float));
    prepare(prepared, work_.pair_inputs, dim, layer.experts[0].gate_up, part);
  });
  // Expert and columns are one task; experts without a row are none.
  const auto each_expert = [&](auto matrix, float* out, std::ptrdiff_t out_stride, const float* in,
                               std::ptrdiff_t in_stride) {
    const int n_columns = kernels::n_panels(matrix(0).n_outputs);
    crew.split({0, n_experts * n_columns}, [&](Range part) {
      for (int expert = part.begin / n_columns; expert * n_columns < part.end; ++expert) {
        const Range own{groups.begin[expert], groups.begin[expert + 1]};
        const Range columns{std::max(0, part.begin - expert * n_columns),
                            std::min(n_columns, part.end - expert * n_columns)};
        if (own.size() == 0) continue;
        multiply(crew.worker, out, out_stride, in, in_stride, prepared, matrix(expert), nullptr,
                 own, columns);
      }
    });
  };
  const std::ptrdiff_t wide = 2 * static_cast<std::ptrdiff_t>(ffn_dim);
  each_expert([&](int expert) { return layer.experts[expert].gate_up; }, work_.pair_gate_up, wide,
              work_.pair_inputs, dim);
  crew.split(pairs, [&](Range part) {
    activate(work_.pair_gate_up, ffn_dim, prepared, layer.experts[0].down, part);
  });
  each_expert([&](int expert) { return layer.experts[expert].down; }, work_.pair_outputs, dim,
              work_.pair_gate_up, wide);
  crew.split(rows, [&](Range part) {
    kernels::combine_experts(work_.projection, dim, work_.pair_outputs, work_.pair_slots,
                             work_.chosen_weights, n_used, dim, part);
  });
}

}  // namespace nanoflow
