// How fast the kernels are on one core, at the shapes of SmolLM2-135M (dim 576, 9 heads, 3 KV heads
// of 64, ffn 1536) and Llama-3-8B. Each row: the median of repeated runs, the best, the rates by
// the counts in the kernels' headers, and their per cents of this core's measured peaks. What lies
// in a cache may be read faster than memory can.
//
//   bench_kernels [MODEL] [WORD]      only rows with the word in their names, say int4 or M=64
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "bench/machine/peaks.hpp"
#include "engine/device/mapped_memory.hpp"
#include "engine/device/processors.hpp"
#include "kernels/attention.hpp"
#include "kernels/bf16_matmul.hpp"
#include "kernels/matmul.hpp"
#include "kernels/quantized_matmul.hpp"
#include "kernels/weight_groups.hpp"

using namespace nanoflow::kernels;
namespace bench = nanoflow::bench;

namespace {

std::string wanted;  // the word that a row's name must contain

/// Time that this thread has run, so that other programs on the machine disturb the rows less.
double thread_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

bench::Peaks peaks;

double peak_of(Element element) {
  switch (element) {
    case Element::f32:
      return peaks.f32;
    case Element::bf16:
      return peaks.bf16;
    case Element::int8:
      return peaks.int8;
    case Element::int4:
      return peaks.int4;
  }
  return 0;
}

/// Runs at least 5 times, until half a second has passed, and prints a row. peak: of the
/// operations, in Gop/s.
void measure(const std::string& name, double flops, double bytes, double peak,
             const std::function<void()>& run) {
  if (name.find(wanted) == std::string::npos) return;
  run();  // touches the memory
  std::vector<double> seconds;
  const double start = thread_seconds();
  while (seconds.size() < 5 || thread_seconds() - start < 0.5) {
    const double begin = thread_seconds();
    run();
    seconds.push_back(thread_seconds() - begin);
  }
  std::sort(seconds.begin(), seconds.end());
  const double median = seconds[seconds.size() / 2];
  const double rate = flops / median * 1e-9, read = bytes / median * 1e-9;
  std::printf("%-36s %10.1f %10.1f %8.1f %7.0f%% %8.1f %7.0f%%\n", name.c_str(), median * 1e6,
              seconds.front() * 1e6, rate, 100 * rate / peak, read, 100 * read / peaks.read);
}

std::vector<float> random_floats(std::size_t n) {
  std::mt19937 engine(1);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> values(n);
  for (float& value : values) value = uniform(engine);
  return values;
}

struct Aligned {
  explicit Aligned(std::size_t bytes) : data(std::aligned_alloc(64, (bytes + 63) / 64 * 64)) {}
  ~Aligned() { std::free(data); }
  Aligned(const Aligned&) = delete;
  Aligned& operator=(const Aligned&) = delete;
  void* data;
};

const char* name_of(Element element) {
  constexpr const char* names[] = {"f32", "bf16", "int8", "int4"};
  return names[static_cast<int>(element)];
}

struct Layer {
  const char* name;
  int n_outputs, n_inputs;
};

/// Weights that may be anything: the time does not depend on them.
void fill(const PackedMatrix& weights, const std::vector<float>& row) {
  if (!is_quantized(weights.element)) {
    for (int n = 0; n < weights.n_outputs; ++n) pack_rows(weights, n, row.data(), 1);
    return;
  }
  std::vector<WeightGroup> groups(row.size() / group_inputs);
  to_groups(groups.data(), weights.element, reinterpret_cast<const std::byte*>(row.data()),
            nanoflow::DType::f32, 1, weights.n_inputs);
  for (int n = 0; n < weights.n_outputs; ++n) pack_groups(weights, n, groups.data(), 1);
}

/// As the engine lays rows out: not by a power of two.
int stride_of(int m) {
  return m | 1;
}

/// Rows in bf16, with the memory that they lie in.
struct RoundedRows {
  std::vector<std::uint16_t> values;
  Bf16Rows view;

  RoundedRows(const std::vector<float>& in, int m, int n_inputs)  // a multiple of 32
      : values(static_cast<std::size_t>(stride_of(m)) * static_cast<std::size_t>(n_inputs)),
        view{stride_of(m), values.data()} {
    round_rows(view, in.data(), n_inputs, {0, m}, {0, n_inputs});
  }
};

/// Rows in 8 bits.
struct Rows {
  std::vector<std::int8_t> values;
  std::vector<float> sums, scales;
  std::vector<std::int32_t> starts;
  QuantizedRows view;

  Rows(const std::vector<float>& in, int m, int n_inputs)
      : values(static_cast<std::size_t>(stride_of(m)) * static_cast<std::size_t>(n_inputs)),
        sums(values.size() / group_inputs),
        scales(static_cast<std::size_t>(stride_of(m)) *
               static_cast<std::size_t>(n_spans(n_inputs))),
        starts(scales.size()),
        view{stride_of(m), values.data(), sums.data(), scales.data(), starts.data()} {
    quantize_rows(view, in.data(), n_inputs, {0, m}, {0, n_inputs});
  }
};

void bench_matmul(Element element, const Layer& layer, int largest_m) {
  const auto [layer_name, n_outputs, n_inputs] = layer;
  const std::string kind = std::string("matmul ") + name_of(element) + " " + layer_name;
  if (kind.find(wanted) == std::string::npos && !wanted.starts_with("M=")) return;
  const std::size_t bytes = packed_bytes(element, n_outputs, n_inputs);
  const Aligned memory(bytes);
  const PackedMatrix weights{element, n_outputs, n_inputs, memory.data};
  fill(weights, random_floats(static_cast<std::size_t>(n_inputs)));
  for (int m = 1; m <= largest_m; m = m < 8 || m >= 128 ? 4 * m : 2 * m) {
    const auto in = random_floats(static_cast<std::size_t>(m) * static_cast<std::size_t>(n_inputs));
    std::vector<float> out(static_cast<std::size_t>(m) * static_cast<std::size_t>(n_outputs));
    const Range rows{0, m}, panels{0, n_panels(n_outputs)};
    const std::string name = kind + " M=" + std::to_string(m);
    const double flops = 2.0 * m * n_outputs * n_inputs;
    if (is_quantized(element)) {
      const Rows quantized(in, m, n_inputs);
      measure(name, flops, static_cast<double>(bytes), peak_of(element), [&] {
        quantized_matmul(out.data(), n_outputs, quantized.view, weights, nullptr, rows, panels,
                         nullptr);
      });
    } else if (element == Element::bf16) {
      const RoundedRows rounded(in, m, n_inputs);
      measure(name, flops, static_cast<double>(bytes), peak_of(element), [&] {
        bf16_matmul(out.data(), n_outputs, rounded.view, weights, nullptr, rows, panels, nullptr);
      });
    } else {
      measure(name, flops, static_cast<double>(bytes), peak_of(element), [&] {
        matmul(out.data(), n_outputs, in.data(), n_inputs, weights, nullptr, rows, panels);
      });
    }
  }
}

/// n_rows newest rows of each of n_sequences sequences attend to `context` tokens. As in a model a
/// page has all layers, of which every call reads the next one: nothing is in a cache that would
/// not be.
void bench_attention(Element element, const char* what, int n_sequences, int context, int n_rows) {
  const std::string name = std::string("attention ") + name_of(element) + " " + what;
  if (name.find(wanted) == std::string::npos) return;
  const int n_heads = 9, n_kv_heads = 3, head_dim = 64, stride = n_heads * head_dim, n_layers = 30;
  const int n_pages = (context + kv_page_tokens - 1) / kv_page_tokens;
  const std::size_t layer_stride = kv_page_bytes(element, n_kv_heads, head_dim);
  const std::size_t page_stride = layer_stride * n_layers;
  const nanoflow::MappedMemory memory(page_stride *
                                      static_cast<std::size_t>(n_pages * n_sequences));
  const auto layer = [&](int i) {
    auto* data = memory.data() + static_cast<std::size_t>(i) * layer_stride;
    return KvPages{element, n_kv_heads, head_dim, page_stride, data};
  };
  std::vector<std::int32_t> table(static_cast<std::size_t>(n_pages * n_sequences));
  std::iota(table.begin(), table.end(), 0);
  std::shuffle(table.begin(), table.end(), std::mt19937(1));
  const int kv_stride = n_kv_heads * head_dim;
  const auto kv =
      random_floats(static_cast<std::size_t>(context) * static_cast<std::size_t>(kv_stride));
  for (int i = 0; i < n_layers; ++i) {
    for (int s = 0; s < n_sequences; ++s) {
      store_kv(layer(i), {table.data() + s * n_pages, 0}, kv.data(), kv_stride, kv.data(),
               kv_stride, {0, context});
    }
  }
  const auto q = random_floats(static_cast<std::size_t>(n_rows) * static_cast<std::size_t>(stride));
  std::vector<float> out(q.size()),
      scratch(attention_scratch_floats(n_heads, n_kv_heads, head_dim));
  const double pairs = static_cast<double>(n_rows) * (context - 0.5 * (n_rows - 1));
  const double bytes = context * static_cast<double>(layer_stride) / kv_page_tokens;
  int next = 0;
  measure(name, n_sequences * pairs * 4 * stride, n_sequences * bytes, peaks.f32, [&] {
    const KvPages pages = layer(next++ % n_layers);
    for (int s = 0; s < n_sequences; ++s) {
      attention(out.data(), stride, q.data(), stride, pages,
                {table.data() + s * n_pages, context - n_rows}, {n_heads, 0.125F, 0},
                scratch.data(), {0, n_rows}, {0, n_kv_heads});
    }
  });
}

}  // namespace

int main(int argc, char** argv) {
  // ./dev bench hands every bench the demo model, which this one does not need.
  for (int i = 1; i < argc; ++i) {
    if (!std::string(argv[i]).ends_with(".gguf")) wanted = argv[i];
  }
  set_float_mode();
  peaks = bench::measure_peaks(1);
  std::printf(
      "%s, %s kernels, one thread; peaks: f32 %.0f and bf16 %.0f GFLOP/s, int8 %.0f and int4 %.0f "
      "Gop/s, memory %.1f GB/s\n",
      nanoflow::processor_name().c_str(), std::string(to_string(current_isa())).c_str(), peaks.f32,
      peaks.bf16, peaks.int8, peaks.int4, peaks.read);
  std::printf("%-36s %10s %10s %8s %8s %8s %8s\n", "", "median us", "min us", "Gop/s", "of peak",
              "GB/s", "of peak");
  for (const Element element : {Element::int4, Element::int8, Element::bf16, Element::f32}) {
    for (const Layer& layer : {Layer{"smollm2 qkv 960x576", 960, 576},
                               {"smollm2 gate_up 3072x576", 3072, 576},
                               {"smollm2 down 576x1536", 576, 1536},
                               {"smollm2 lm_head 49152x576", 49152, 576}})
      bench_matmul(element, layer, 512);
    if (element == Element::f32) continue;
    for (const Layer& layer : {Layer{"llama3 qkv 6144x4096", 6144, 4096},
                               {"llama3 gate_up 28672x4096", 28672, 4096},
                               {"llama3 down 4096x14336", 4096, 14336}})
      bench_matmul(element, layer, 64);
  }
  for (const Element element : {Element::int8, Element::bf16, Element::f32}) {
    bench_attention(element, "decode 64 x 160", 64, 160, 1);
    bench_attention(element, "decode 64 x 300", 64, 300, 1);
    bench_attention(element, "prefill 16 x 128", 16, 128, 128);
    bench_attention(element, "decode 1 x 4096", 1, 4096, 1);
    bench_attention(element, "prefill 512", 1, 512, 512);
    bench_attention(element, "prefill 512 at 4096", 1, 4096, 512);
  }
}
