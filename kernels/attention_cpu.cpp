// The queries of a tile, up to 16 rows with all heads that share a KV head, read K and V together:
// a page's K is a panel that the queries are multiplied with, its V panels are multiplied with the
// weights that the softmax makes of the scores.
#include "kernels/attention_softmax.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {
namespace {

/// What float products multiply: [n][value_stride] and [n][128].
template <class T>
PanelInput<T>* queries_of(const Tile& tile) {
  if constexpr (in_bf16<T>)
    return tile.paired.queries;
  else
    return tile.queries;
}
template <class T>
PanelInput<T>* weights_of(const Tile& tile) {
  if constexpr (in_bf16<T>)
    return tile.paired.weights;
  else
    return tile.scores;
}

template <class T>
void begin(const Tile& tile, const float* q, std::ptrdiff_t q_stride) {
  tile.each_query(q_stride, [&](int i, std::ptrdiff_t place) {
    const float* query = q + place;
    if constexpr (in_int8<T>) {
      quantize_query(tile, query, i);
    } else if constexpr (in_bf16<T>) {
      round_query(tile, query, i);
    } else {
      for (int d = 0; d < tile.pages.head_dim; ++d)
        tile.queries[i * tile.value_stride + d] = query[d];
    }
    for (int d = 0; d < tile.value_stride; d += 16)
      store(tile.values + i * tile.value_stride + d, F32x16());
    tile.maximums[i] = -__builtin_inff();
    store(tile.sums + i * 16, F32x16());
  });
}

// A head's part of a page is a few KiB, too short for the processor to recognise a stream, so what
// is read next is asked for. Beside products of 8 bits these are as many lines as those read, in
// their order: V of the block, then K of the next one; beside the softmax, during which nothing is
// read, what is left. Float products, in which a queue would cost registers, ask for V of the same
// page, then for the K that follows it; the softmax for that of the first page.

/// The K that follows a page after a block: of this head or the next one.
const std::byte* following_keys(const Tile& tile, const TileBlock& block, int page) {
  int kv_head = tile.kv_head;
  int next = block.first + attention_block + page * kv_page_tokens;
  if (next / kv_page_tokens > tile.last_position() / kv_page_tokens) {
    if (kv_head + 1 < tile.end_kv_head) ++kv_head;
    const int first = tile.first_visible(0);
    next = larger(first, first / attention_block * attention_block + page * kv_page_tokens);
  }
  return tile.page(next) + k_offset(tile.pages, kv_head);
}
NANOFLOW_INLINE Ahead lines_from(const std::byte* data) {
  return {reinterpret_cast<const char*>(data)};
}

// Of the first block K is queued, too.
static_assert(LinesAhead::most_parts >= 3 * block_pages);

void queue_keys(LinesAhead& ahead, const Tile& tile, const TileBlock& block) {
  for (int page = block.first_page(); page < block.end_page(); ++page)
    ahead.add(block.k[page], k_bytes(tile.pages.element, tile.pages.head_dim));
}
void queue_values(LinesAhead& ahead, const Tile& tile, const TileBlock& block) {
  for (int page = block.first_page(); page < block.end_page(); ++page)
    ahead.add(block.v[page], v_bytes(tile.pages.element, tile.pages.head_dim));
}
/// Lines to ask for in each of n parts of the softmax.
template <class T>
int lines_beside_softmax(const LinesAhead& ahead, const Tile& tile, const TileBlock& block, int n) {
  const auto read = v_bytes(tile.pages.element, tile.pages.head_dim) / 64;
  const int beside_values =
      in_int8<T> ? (block.end_page() - block.first_page()) * static_cast<int>(read) : 0;
  return larger(0, ahead.left() - beside_values) / n + 1;
}

/// Products of whole pages, in the scores' place; invisible positions included.
template <class T>
void multiply_keys(const Tile& tile, const TileBlock& block) {
  constexpr int inputs = PanelRow<T>::inputs;
  const int n_k = (tile.pages.head_dim + inputs - 1) / inputs * inputs;
  for (int page = block.first_page(); page < block.end_page(); ++page) {
    float* out = tile.scores + page * kv_page_tokens;
    for (int i = 0; i < tile.n(); ++i) {
      store(out + i * attention_block, F32x16());
      store(out + i * attention_block + 16, F32x16());
    }
    accumulate_panel(out, attention_block, queries_of<T>(tile), tile.value_stride,
                     reinterpret_cast<const T*>(block.k[page]), n_k, tile.n(),
                     lines_from(block.v[page]));
  }
}

void correct_values(const Tile& tile, int i) {
  float* values = tile.values + i * tile.value_stride;
  const F32x16 correction(tile.corrections[i]);
  for (int d = 0; d < tile.value_stride; d += 16) store(values + d, load(values + d) * correction);
}

/// Weighted values are added; invisible positions weigh 0.
template <class T>
void add_values(const Tile& tile, const TileBlock& block) {
  constexpr int inputs = PanelRow<T>::inputs;
  for (int page = block.first_page(); page < block.end_page(); ++page) {
    const auto [first, end] = block.in_page(page);
    const int begin = first / inputs * inputs, whole = (end - begin) / inputs * inputs;
    const T* v = reinterpret_cast<const T*>(block.v[page]) + begin * panel_width;
    const auto* weights = weights_of<T>(tile) + page * kv_page_tokens + begin;
    Ahead ahead = lines_from(following_keys(tile, block, page));
    for (int d = 0; d < tile.value_stride; d += panel_width, v += kv_page_tokens * panel_width) {
      accumulate_panel(tile.values + d, tile.value_stride, weights, attention_block, v, whole,
                       tile.n(), ahead);
      ahead.data += whole * 64;
      if constexpr (in_bf16<T>) {
        if (begin + whole == end) continue;
        const LastPair last(v + whole * panel_width);
        accumulate_panel(tile.values + d, tile.value_stride, weights + whole, attention_block,
                         last.values, kv_pair, tile.n());
      }
    }
  }
}

template <class T>
void fold_block(const Tile& tile, const TileBlock& block, LinesAhead& ahead) {
  const int n = tile.n();
  if constexpr (in_int8<T>) {
    multiply_keys_int8(tile, block, ahead);
  } else {
    multiply_keys<T>(tile, block);
  }
  const int lines = lines_beside_softmax<T>(ahead, tile, block, 2 * n);
  const auto each_query = [&](const auto& use) {
    for (int row = 0, i = 0; row < tile.n_rows; ++row) {
      const Range visible = block.visible(tile, row);
      for (int head = 0; head < tile.group; ++head, ++i) {
        ahead.ask(lines);
        use(i, visible);
      }
    }
  };
  if constexpr (in_int8<T>) prepare_scales(tile, block);
  each_query([&](int i, Range visible) { find_maximum<T>(tile, i, visible); });
  for (int i = 0; i < n; i += 16)
    store(tile.corrections + i, softmax_exponential(load(tile.corrections + i)));
  each_query([&](int i, Range visible) { weigh<T>(tile, block, i, visible); });
  if constexpr (in_int8<T>) {
    add_values_int8(tile, block, ahead);
  } else {
    for (int i = 0; i < n; ++i) correct_values(tile, i);
    add_values<T>(tile, block);
  }
  ahead.finish();
}

void finish(const Tile& tile, float* out, std::ptrdiff_t out_stride) {
  const int head_dim = tile.pages.head_dim;
  tile.each_query(out_stride, [&](int i, std::ptrdiff_t place) {
    const float* values = tile.values + i * tile.value_stride;
    const float sum = sum_of_lanes(load(tile.sums + i * 16));
    for (int d = 0; d < head_dim; ++d) out[place + d] = values[d] / sum;
  });
}

/// Whether a block follows in this head or the next one, to which `block` is set.
bool advance(const Tile& tile, TileBlock& block, int first_block) {
  const int next = block.first + attention_block;
  if (next <= tile.last_position()) {
    block = TileBlock(tile, tile.kv_head, next);
  } else if (tile.kv_head + 1 < tile.end_kv_head) {
    block = TileBlock(tile, tile.kv_head + 1, first_block);
  } else {
    return false;
  }
  return true;
}

/// One tile, the heads [tile.kv_head, tile.end_kv_head).
template <class T>
void attend(Tile& tile, float* out, std::ptrdiff_t out_stride, const float* q,
            std::ptrdiff_t q_stride) {
  const int first_block = tile.first_visible(0) / attention_block * attention_block;
  TileBlock block(tile, tile.kv_head, first_block);
  LinesAhead ahead;
  if constexpr (in_int8<T>) {
    queue_keys(ahead, tile, block);
    ahead.ask(static_cast<int>(k_bytes(tile.pages.element, tile.pages.head_dim) / 64));
  }
  for (; tile.kv_head < tile.end_kv_head; ++tile.kv_head) {
    begin<T>(tile, q, q_stride);
    for (int first = first_block; first <= tile.last_position(); first += attention_block) {
      TileBlock next = block;
      const bool follows = advance(tile, next, first_block);
      if constexpr (in_int8<T>) {
        queue_values(ahead, tile, block);
        if (follows) queue_keys(ahead, tile, next);
      } else if (follows) {
        ahead.add(following_keys(tile, block, block.first_page()),
                  k_bytes(tile.pages.element, tile.pages.head_dim));
      }
      fold_block<T>(tile, block, ahead);
      block = next;
    }
    finish(tile, out, out_stride);
  }
}

/// The tile's arrays in the scratch, as attention_scratch_floats counts them.
Tile place(const KvPages& pages, const KvRows& sequence, const AttentionShape& shape,
           float* scratch) {
  Tile tile(pages, sequence, shape);
  tile.group = shape.n_heads / pages.n_kv_heads;
  tile.value_stride = n_panels(pages.head_dim) * panel_width;
  const auto take = [&, n = attention_tile_rows * tile.group](int floats) {
    float* taken = scratch;
    scratch += n * floats;
    return taken;
  };
  tile.scores = take(attention_block);
  tile.values = take(tile.value_stride);
  tile.queries = take(tile.value_stride);
  tile.quantized.queries = reinterpret_cast<QueryNumber*>(tile.queries);
  tile.quantized.weights = reinterpret_cast<std::int16_t*>(take(attention_block / 2));
  tile.paired.queries = reinterpret_cast<PairInput*>(tile.queries);
  if constexpr (std::is_same_v<PairInput, float>)
    tile.paired.weights = reinterpret_cast<PairInput*>(tile.scores);
  else
    tile.paired.weights = reinterpret_cast<PairInput*>(tile.quantized.weights);
  tile.sums = take(16);
  tile.maximums = take(1);
  tile.corrections = take(1);
  tile.quantized.query_scales = take(1);
  tile.quantized.query_starts = reinterpret_cast<std::int32_t*>(take(1));
  tile.quantized.key_scales = scratch;
  tile.quantized.value_logarithms = scratch + attention_block;
  tile.quantized.value_factors = scratch + 2 * attention_block;
  return tile;
}

}  // namespace

void attention(float* out, std::ptrdiff_t out_stride, const float* q, std::ptrdiff_t q_stride,
               const KvPages& pages, const KvRows& sequence, const AttentionShape& shape,
               float* scratch, Range rows, Range kv_heads) {
  Tile tile = place(pages, sequence, shape, scratch);
  for (int row = rows.begin; row < rows.end; row += attention_tile_rows) {
    tile.first_row = row;
    tile.n_rows = smaller(attention_tile_rows, rows.end - row);
    tile.kv_head = kv_heads.begin;
    tile.end_kv_head = kv_heads.end;
    if (pages.element == Element::f32) {
      attend<float>(tile, out, out_stride, q, q_stride);
    } else if (pages.element == Element::bf16) {
      attend<std::uint16_t>(tile, out, out_stride, q, q_stride);
    } else {
      attend<std::int8_t>(tile, out, out_stride, q, q_stride);
    }
  }
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
