// With AMX. 32 rows x 32 outputs at a time: two tiles of rows and the two halves of a panel, each
// loaded once for two of the four tile products. The second-level cache cannot deliver what these
// read: where more rows follow, a slice of a panel stays in the first-level cache while they pass
// over it, and they are read with a hint not to stay there. Sums wait in memory between slices.
#include "kernels/amx.hpp"
#include "kernels/bf16_matmul.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {
namespace {

constexpr int rows_at_once = 2 * tile_rows_at_most;
constexpr int slice_blocks = 18;               // 36 KiB of a panel
constexpr int part_blocks = 2 * slice_blocks;  // of block_rows: 1.1 MiB in the second-level cache,
constexpr int block_rows = 512;                // beside
constexpr int block_panels = 8;                // 0.5 MiB of sums
constexpr int half_width = panel_width / 2;
constexpr int tile_row_bytes = 64;  // 32 inputs of a row, a pair of 16 outputs' weights, or 16 sums
constexpr int pair_bytes = 2 * tile_row_bytes;  // of a panel: both halves
constexpr int block_weights = block_inputs * panel_width;

// The tile registers: sums of the first and of the second tile of rows, left and right half.
constexpr int left0 = 0, right0 = 1, left1 = 2, right1 = 3, inputs0 = 4, inputs1 = 5, left = 6,
              right = 7;

TileConfiguration configuration_for(int rows0, int rows1) {
  TileConfiguration configuration;
  for (const int tile : {left0, right0, inputs0}) configuration.set(tile, rows0, tile_row_bytes);
  for (const int tile : {left1, right1, inputs1}) configuration.set(tile, rows1, tile_row_bytes);
  for (const int tile : {left, right}) configuration.set(tile, block_inputs / 2, tile_row_bytes);
  return configuration;
}

/// Where the sums of up to 32 rows x 32 outputs come from, nowhere if they begin at 0, and go to.
struct Sums {
  const float* from;
  std::ptrdiff_t from_stride;  // in floats
  float* to;
  std::ptrdiff_t to_stride;

  template <int tile>
  NANOFLOW_INLINE void load(int row, int column) const {
    if (from == nullptr) {
      tile_zero<tile>();
    } else {
      tile_load<tile>(from + row * from_stride + column,
                      from_stride * std::ptrdiff_t{sizeof(float)});
    }
  }
  template <int tile>
  NANOFLOW_INLINE void store(int row, int column) const {
    tile_store<tile>(to + row * to_stride + column, to_stride * std::ptrdiff_t{sizeof(float)});
  }
  /// Lines of `to` that will be written: tile stores wait for each.
  NANOFLOW_INLINE void ask(int row) const {
    __builtin_prefetch(to + row * to_stride, 1);
    __builtin_prefetch(to + row * to_stride + half_width, 1);
  }
};

/// Adds the products of n_blocks blocks to one or two tiles of rows.
template <int row_tiles>
void multiply_tiles(const Sums& sums, const Bf16Rows& in, const std::uint16_t* panel, int n_rows,
                    int n_blocks) {
  sums.load<left0>(0, 0);
  sums.load<right0>(0, half_width);
  if constexpr (row_tiles == 2) {
    sums.load<left1>(tile_rows_at_most, 0);
    sums.load<right1>(tile_rows_at_most, half_width);
  }
  const std::uint16_t* rows = in.values;
  for (int block = 0; block < n_blocks; ++block, rows += in.next_block(), panel += block_weights) {
    for (int row = 2 * block; row < smaller(2 * block + 2, n_rows); ++row) sums.ask(row);
    tile_load_once<inputs0>(rows, tile_row_bytes);
    tile_load<left>(panel, pair_bytes);
    tile_bf16_products<left0, inputs0, left>();
    tile_load<right>(panel + panel_width, pair_bytes);
    tile_bf16_products<right0, inputs0, right>();
    if constexpr (row_tiles == 2) {
      tile_load_once<inputs1>(rows + tile_rows_at_most * block_inputs, tile_row_bytes);
      tile_bf16_products<left1, inputs1, left>();
      tile_bf16_products<right1, inputs1, right>();
    }
  }
  sums.store<left0>(0, 0);
  sums.store<right0>(0, half_width);
  if constexpr (row_tiles == 2) {
    sums.store<left1>(tile_rows_at_most, 0);
    sums.store<right1>(tile_rows_at_most, half_width);
  }
}

/// Up to block_rows x block_panels of the outputs.
struct Block {
  float* out;
  std::ptrdiff_t out_stride;
  const Bf16Rows& in;
  const PackedMatrix& weights;
  Range rows, panels;
  float* waiting;  // [panels][rows][32], sums between slices

  void multiply() const {
    const int n_blocks = n_input_blocks(weights.n_inputs);
    const int part = rows.size() <= rows_at_once ? n_blocks : part_blocks;
    for (int first = 0; first < n_blocks; first += part)
      multiply_part({first, smaller(first + part, n_blocks)});
  }

 private:
  /// All tiles are as high as can be, but for those of the last rows.
  void multiply_part(Range blocks) const {
    const int whole = rows.size() / rows_at_once * rows_at_once, rest = rows.size() - whole;
    if (whole > 0) {
      const TilesInUse in_use(configuration_for(tile_rows_at_most, tile_rows_at_most));
      multiply_rows<2>({0, whole}, blocks);
    }
    if (rest > tile_rows_at_most) {
      const TilesInUse in_use(configuration_for(tile_rows_at_most, rest - tile_rows_at_most));
      multiply_rows<2>({whole, rows.size()}, blocks);
    } else if (rest > 0) {
      const TilesInUse in_use(configuration_for(rest, rest));
      multiply_rows<1>({whole, rows.size()}, blocks);
    }
  }

  template <int row_tiles>
  void multiply_rows(Range part, Range blocks) const {
    const int slice = part.size() <= rows_at_once ? blocks.size() : slice_blocks;
    for (int p = panels.begin; p < panels.end; ++p) {
      for (int first = blocks.begin; first < blocks.end; first += slice) {
        const Range here{first, smaller(first + slice, blocks.end)};
        for (int row = part.begin; row < part.end; row += rows_at_once)
          multiply_here<row_tiles>(p, row, smaller(rows_at_once, part.end - row), here);
      }
    }
  }

  /// From row `row` of the block on.
  template <int row_tiles>
  void multiply_here(int panel, int row, int n_rows, Range blocks) const {
    const std::ptrdiff_t place =
        (static_cast<std::ptrdiff_t>(panel - panels.begin) * rows.size() + row) * panel_width;
    const int column = panel * panel_width, n = weights.n_outputs - column;
    const bool first = blocks.begin == 0, last = blocks.end == n_input_blocks(weights.n_inputs);
    float* to = out + (rows.begin + row) * out_stride + column;
    const bool direct = last && n >= panel_width;
    const Sums sums{first ? nullptr : waiting + place, panel_width, direct ? to : waiting + place,
                    direct ? out_stride : panel_width};
    multiply_tiles<row_tiles>(sums, in.from(rows.begin + row, blocks.begin),
                              bf16_panel(weights, panel, blocks.begin), n_rows, blocks.size());
    if (!last || direct) return;
    for (int r = 0; r < n_rows; ++r, to += out_stride)
      for (int j = 0; j < n; ++j) to[j] = waiting[place + r * panel_width + j];
  }
};

void add_bias(float* out, std::ptrdiff_t out_stride, const float* bias, Range rows, Range columns) {
  for (int r = rows.begin; r < rows.end; ++r) {
    for (int n = columns.begin; n < columns.end; ++n) out[r * out_stride + n] += bias[n];
  }
}

}  // namespace

void bf16_matmul(float* out, std::ptrdiff_t out_stride, const Bf16Rows& in,
                 const PackedMatrix& weights, const float* bias, Range rows, Range panels,
                 PagesAhead*) {
  alignas(64) float waiting[block_rows * block_panels * panel_width];
  for (int r = rows.begin; r < rows.end; r += block_rows) {
    const Range block_r{r, smaller(r + block_rows, rows.end)};
    for (int p = panels.begin; p < panels.end; p += block_panels) {
      const Range block_p{p, smaller(p + block_panels, panels.end)};
      Block{out, out_stride, in, weights, block_r, block_p, waiting}.multiply();
    }
  }
  if (bias == nullptr) return;
  add_bias(out, out_stride, bias, rows,
           {panels.begin * panel_width, smaller(panels.end * panel_width, weights.n_outputs)});
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
