// How fast the kernels are on one core, at the shapes of SmolLM2-135M (dim 576, 9 heads, 3 KV heads
// of 64, ffn 1536). Each row: the median of repeated runs, their spread, and the rates by the
// counts in the kernels' headers.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <functional>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "kernels/attention.hpp"
#include "kernels/matmul.hpp"

using namespace nanoflow::kernels;

namespace {

std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown processor";
}

std::string wanted;  // the word that a row's name must contain

/// Time that this thread has run, so that other programs on the machine disturb the rows less.
double thread_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// Runs at least 5 times, until half a second has passed, and prints a row.
void measure(const std::string& name, double flops, double bytes,
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
  std::printf("%-36s %10.1f %10.1f %8.1f %8.1f\n", name.c_str(), median * 1e6,
              seconds.front() * 1e6, flops / median * 1e-9, bytes / median * 1e-9);
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
  return element == Element::f32 ? "f32" : "bf16";
}

void bench_matmul(Element element, const char* layer, int n_outputs, int n_inputs) {
  const std::size_t bytes = packed_bytes(element, n_outputs, n_inputs);
  const Aligned memory(bytes);
  const PackedMatrix weights{element, n_outputs, n_inputs, memory.data};
  const auto row = random_floats(static_cast<std::size_t>(n_inputs));
  for (int n = 0; n < n_outputs; ++n) pack_rows(weights, n, row.data(), 1);
  for (const int m : {1, 2, 4, 8, 16, 32, 64, 128, 512}) {
    const auto in = random_floats(static_cast<std::size_t>(m) * static_cast<std::size_t>(n_inputs));
    std::vector<float> out(static_cast<std::size_t>(m) * static_cast<std::size_t>(n_outputs));
    const std::string name =
        std::string("matmul ") + name_of(element) + " " + layer + " M=" + std::to_string(m);
    measure(name, 2.0 * m * n_outputs * n_inputs, static_cast<double>(bytes), [&] {
      matmul(out.data(), n_outputs, in.data(), n_inputs, weights, nullptr, {0, m},
             {0, n_panels(n_outputs)});
    });
  }
}

/// n_rows newest rows of each of n_sequences sequences attend to `context` tokens.
void bench_attention(Element element, const char* what, int n_sequences, int context, int n_rows) {
  const int n_heads = 9, n_kv_heads = 3, head_dim = 64, stride = n_heads * head_dim;
  const int n_pages = (context + kv_page_tokens - 1) / kv_page_tokens;
  const std::size_t page = kv_page_elements(n_kv_heads, head_dim);
  const Aligned memory(page * element_bytes(element) *
                       static_cast<std::size_t>(n_pages * n_sequences));
  const KvPages pages{element, n_kv_heads, head_dim, page, memory.data};
  std::vector<std::int32_t> table(static_cast<std::size_t>(n_pages * n_sequences));
  std::iota(table.begin(), table.end(), 0);
  const int kv_stride = n_kv_heads * head_dim;
  const auto kv =
      random_floats(static_cast<std::size_t>(context) * static_cast<std::size_t>(kv_stride));
  for (int s = 0; s < n_sequences; ++s) {
    store_kv(pages, {table.data() + s * n_pages, 0}, kv.data(), kv_stride, kv.data(), kv_stride,
             {0, context});
  }
  const auto q = random_floats(static_cast<std::size_t>(n_rows) * static_cast<std::size_t>(stride));
  std::vector<float> out(q.size()),
      scratch(attention_scratch_floats(n_heads, n_kv_heads, head_dim));
  const double pairs = static_cast<double>(n_rows) * (context - 0.5 * (n_rows - 1));
  const double bytes = 2.0 * context * kv_stride * static_cast<double>(element_bytes(element));
  measure(std::string("attention ") + name_of(element) + " " + what,
          n_sequences * pairs * 4 * stride, n_sequences * bytes, [&] {
            for (int s = 0; s < n_sequences; ++s) {
              attention(out.data(), stride, q.data(), stride, pages,
                        {table.data() + s * n_pages, context - n_rows}, {n_heads, 0.125F, 0},
                        scratch.data(), {0, n_rows}, {0, n_kv_heads});
            }
          });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) wanted = argv[1];
  set_float_mode();
  std::printf("%s, %s kernels, one thread\n", processor().c_str(),
              std::string(to_string(current_isa())).c_str());
  std::printf("%-36s %10s %10s %8s %8s\n", "", "median us", "min us", "GFLOP/s", "GB/s");
  for (const Element element : {Element::bf16, Element::f32}) {
    bench_matmul(element, "qkv 960x576", 960, 576);
    bench_matmul(element, "gate_up 3072x576", 3072, 576);
    bench_matmul(element, "down 576x1536", 576, 1536);
    bench_matmul(element, "lm_head 49152x576", 49152, 576);
    bench_attention(element, "decode 64 x 300", 64, 300, 1);
    bench_attention(element, "decode 1 x 4096", 1, 4096, 1);
    bench_attention(element, "prefill 512", 1, 512, 512);
    bench_attention(element, "prefill 512 at 4096", 1, 4096, 512);
  }
}
