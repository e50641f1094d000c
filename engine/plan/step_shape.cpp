#include <algorithm>

#include "engine/plan/graph.hpp"

namespace nanoflow {

namespace {

/// 1 + 2 + ... + n
std::int64_t triangle(std::int64_t n) {
  return n * (n + 1) / 2;
}

/// Sum of min(i, bound) for i in 1 .. n.
std::int64_t bounded_triangle(std::int64_t n, std::int64_t bound) {
  return n <= bound ? triangle(n) : triangle(bound) + (n - bound) * bound;
}

}  // namespace

StepShape step_shape(const Step& step, int window) {
  StepShape shape;
  for (const auto& sequence : step.sequences) {
    const std::int64_t begin = sequence.position, end = begin + sequence.n_rows;
    shape.n_tokens += sequence.n_rows;
    shape.n_sampled += sequence.n_sampled();
    shape.attended += triangle(end) - triangle(begin);
    shape.context += end;
    if (window == 0) continue;
    shape.windowed_attended += bounded_triangle(end, window) - bounded_triangle(begin, window);
    shape.windowed_context += end - std::max<std::int64_t>(0, begin + 1 - window);
  }
  return shape;
}

}  // namespace nanoflow
