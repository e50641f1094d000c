// Mixture of experts: which experts a row uses, and the sum of what they return.
#pragma once
#include <cstddef>

#include "kernels/isa.hpp"

namespace nanoflow::kernels {

/// logits [rows.end][n_experts] -> experts, weights [rows.end][n_used], by descending logit, the
/// lower id first on ties (a NaN counts as minus infinity). Weights are the softmax over all
/// experts; with `normalize` they are divided by the sum of the chosen, which makes them the
/// softmax of the chosen (Mixtral). Sums ascend by expert id.
void route(int* experts, float* weights, const float* logits, int n_experts, int n_used,
           bool normalize, Range rows);

/// out[r][i] = sum over u of weights[r][u] * outputs[slots[r][u]][i], u ascending, each product
/// rounded before it is added. So a row's sum does not depend on the order in which experts ran.
/// slots [rows.end][n_used] says which row of outputs [.][dim] holds what the row's expert u
/// returned.
void combine_experts(float* out, std::ptrdiff_t out_stride, const float* outputs, const int* slots,
                     const float* weights, int n_used, int dim, Range rows);

}  // namespace nanoflow::kernels
