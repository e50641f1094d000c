// Attention and what goes into it.
#include "engine/device/cpu_forward.hpp"
#include "kernels/attention.hpp"
#include "kernels/rope.hpp"

namespace nanoflow {

kernels::KvPages CpuForward::layer_pages(int layer) const {
  auto pages = pages_;
  const std::size_t before =
      kernels::kv_page_bytes(pages.element, pages.n_kv_heads, pages.head_dim) *
      static_cast<std::size_t>(layer);
  pages.data = static_cast<std::byte*>(pages.data) + before;
  return pages;
}

kernels::KvRows CpuForward::kv_rows(const CpuStep& step, const CpuStep::Sequence& sequence) {
  return {step.page_table.data() + sequence.page_begin, sequence.position};
}

void CpuForward::rope_store(const Crew& crew, Range rows, int layer, const CpuStep& step) const {
  const auto& weights = weights_.layers[layer];
  const auto& table = work_.ropes[config_.layers[layer].rope];
  const auto pages = layer_pages(layer);
  const std::ptrdiff_t stride = qkv_stride();
  float* q = work_.qkv;
  float* k = q + config_.q_dim();
  float* v = k + config_.kv_dim();
  each_tile(crew, rows, step, [&](const CpuStep::Sequence& sequence, Range tile) {
    if (config_.qk_norm) {
      kernels::rms_norm(q, stride, q, stride, norm_weights(weights.q_norm, config_.head_dim),
                        config_.n_heads, tile);
      kernels::rms_norm(k, stride, k, stride, norm_weights(weights.k_norm, config_.head_dim),
                        config_.n_kv_heads, tile);
    }
    kernels::apply_rope(q, stride, config_.n_heads, table, tile);
    kernels::apply_rope(k, stride, config_.n_kv_heads, table, tile);
    const std::ptrdiff_t first = sequence.row_begin * stride;
    kernels::store_kv(pages, kv_rows(step, sequence), k + first, stride, v + first, stride,
                      {tile.begin - sequence.row_begin, tile.end - sequence.row_begin});
  });
}

void CpuForward::attention(const Crew& crew, Range rows, int layer, const PreparedRows& prepared,
                           const CpuStep& step) const {
  const auto pages = layer_pages(layer);
  const auto& output = weights_.layers[layer].output;  // reads the result
  const kernels::AttentionShape shape{config_.n_heads, config_.attention_scale,
                                      config_.layers[layer].window};
  const std::ptrdiff_t stride = qkv_stride();
  const auto [first, last] = step.tiles_within(rows.begin, rows.end);
  const int n_heads = config_.n_kv_heads, end = last;
  // Heads that one task has follow each other in memory; a few tiles are cut by heads, to share.
  const int heads = last - first >= 4 * crew.team.n_running() ? n_heads : 1,
            parts = n_heads / heads;
  // Each task prepares what its heads give, where that can be done apart.
  const int columns = output.n_inputs / n_heads;
  const bool apart = parts == 1 || columns % prepared_apart(output.element) == 0;
  crew.for_each((last - first) * parts, [&](int i) {
    // From the last rows of a prompt, which see most, to the first: the short tasks come last.
    const auto& tile = step.tiles[end - 1 - i / parts];
    const auto& sequence = step.sequences[tile.sequence];
    const Range part{std::max(tile.row_begin, rows.begin) - sequence.row_begin,
                     std::min(tile.row_end, rows.end) - sequence.row_begin};
    float* q = work_.qkv + sequence.row_begin * stride;
    const int head = i % parts * heads;
    kernels::attention(q, stride, q, stride, pages, kv_rows(step, sequence), shape,
                       work_.attention_scratch(crew.worker), part, {head, head + heads});
    if (apart) {
      prepare(prepared, work_.qkv, stride, output,
              {sequence.row_begin + part.begin, sequence.row_begin + part.end},
              {head * columns, (head + heads) * columns});
    }
  });
  if (apart) return;
  crew.split(rows, [&](Range part) { prepare(prepared, work_.qkv, stride, output, part); });
}

void CpuForward::ask_ahead(const Crew& crew, Range rows, int layer, const CpuStep& step) const {
  auto& ahead = work_.pages_ahead[crew.worker];
  if (layer == config_.n_layers) return ahead.restart({}, 0);
  const int n_workers = crew.team.n_running();
  ahead.restart(layer_pages(layer), work_.most_bytes_ahead / static_cast<std::size_t>(n_workers));
  const int window = config_.layers[layer].window;
  const auto [first, last] = step.tiles_within(rows.begin, rows.end);
  // As attention takes them; of a sequence's tiles the last one, which sees most.
  for (int i = last - 1 - crew.worker % n_workers; i >= first; i -= n_workers) {
    const auto& tile = step.tiles[i];
    if (i + 1 < last && step.tiles[i + 1].sequence == tile.sequence) continue;
    const auto& sequence = step.sequences[tile.sequence];
    const int position = sequence.position + tile.row_end - 1 - sequence.row_begin;
    const int seen = window == 0 ? 0 : std::max(0, position - window + 1);
    ahead.add(kv_rows(step, sequence).page_table,
              {seen / kernels::kv_page_tokens, position / kernels::kv_page_tokens + 1});
  }
}

}  // namespace nanoflow
