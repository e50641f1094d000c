// Chooses once, by what the processor can do, which version of each kernel runs.
#include <asm/prctl.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "kernels/attention.hpp"
#include "kernels/bf16_matmul.hpp"
#include "kernels/cpu_features.hpp"
#include "kernels/elementwise.hpp"
#include "kernels/isa.hpp"
#include "kernels/matmul.hpp"
#include "kernels/quantize_rows.hpp"
#include "kernels/quantized_matmul.hpp"
#include "kernels/rms_norm.hpp"
#include "kernels/rope.hpp"
#include "kernels/round_rows.hpp"
#include "kernels/scaled_exp.hpp"

namespace nanoflow::kernels {
namespace {

struct Table {
  Isa isa;
  Matmul* matmul;
  RmsNorm* rms_norm;
  ApplyRope* apply_rope;
  Attention* attention;
  Activate* activate;
  ScaledExp* scaled_exp;
  QuantizeRows* quantize_rows;
  QuantizedMatmul* quantized_matmul;
  RoundRows* round_rows;
  Bf16Matmul* bf16_matmul;
};

constexpr Table avx512_table{Isa::avx512,        avx512::matmul,        avx512::rms_norm,
                             avx512::apply_rope, avx512::attention,     avx512::activate,
                             avx512::scaled_exp, avx512::quantize_rows, avx512::quantized_matmul,
                             avx512::round_rows, avx512::bf16_matmul};

/// What other instructions do better.
constexpr Table with(Isa isa, Attention* attention, QuantizedMatmul* quantized_matmul,
                     Bf16Matmul* bf16_matmul) {
  Table table = avx512_table;
  table.isa = isa;
  table.attention = attention;
  table.quantized_matmul = quantized_matmul;
  table.bf16_matmul = bf16_matmul;
  return table;
}

constexpr std::array<Table, 5> tables{{
    {Isa::reference, ref::matmul, ref::rms_norm, ref::apply_rope, ref::attention, ref::activate,
     ref::scaled_exp, ref::quantize_rows, ref::quantized_matmul, ref::round_rows, ref::bf16_matmul},
    {Isa::avx2, avx2::matmul, avx2::rms_norm, avx2::apply_rope, avx2::attention, avx2::activate,
     avx2::scaled_exp, avx2::quantize_rows, avx2::quantized_matmul, avx2::round_rows,
     avx2::bf16_matmul},
    avx512_table,
    with(Isa::avx512_bf16, avx512_bf16::attention, avx512::quantized_matmul,
         avx512_bf16::bf16_matmul),
    with(Isa::amx, avx512::attention, amx::quantized_matmul, amx::bf16_matmul),
}};

/// Linux gives the tile registers, 8 KiB of every thread's state, to a process that asks for them.
bool may_use_tiles() {
  constexpr long tile_data = 18;  // the number of the state, as in XCR0
  static const bool granted = syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, tile_data) == 0;
  return granted;
}

const Table* require(Isa isa) {
  if (!supported(isa)) {
    throw std::runtime_error("this processor does not support the " + std::string(to_string(isa)) +
                             " kernels");
  }
  return &tables[static_cast<std::size_t>(isa)];
}

Isa fastest() {
  if (supported(Isa::amx)) return Isa::amx;
  if (supported(Isa::avx512_bf16) && cpu_features().amd) return Isa::avx512_bf16;
  for (const Isa isa : {Isa::avx512, Isa::avx2}) {
    if (supported(isa)) return isa;
  }
  return Isa::reference;
}

const Table* initial_table() {
  const char* wanted = std::getenv("NANOFLOW_ISA");
  if (wanted == nullptr) return require(fastest());
  for (const Table& table : tables) {
    if (to_string(table.isa) == wanted) return require(table.isa);
  }
  throw std::runtime_error(
      "environment variable NANOFLOW_ISA: expected reference, avx2, avx512, avx512_bf16 or amx, "
      "found '" +
      std::string(wanted) + "'");
}

const Table*& active() {
  static const Table* table = initial_table();
  return table;
}

}  // namespace

std::string_view to_string(Isa isa) {
  constexpr std::array<std::string_view, tables.size()> names{"reference", "avx2", "avx512",
                                                              "avx512_bf16", "amx"};
  return names[static_cast<std::size_t>(isa)];
}

bool supported(Isa isa) {
  static const CpuFeatures features = cpu_features();
  switch (isa) {
    case Isa::reference:
      return true;
    case Isa::avx2:
      return features.avx2;
    case Isa::avx512:
      return features.avx512;
    case Isa::avx512_bf16:
      return features.avx512_bf16;
    case Isa::amx:
      return features.amx && may_use_tiles();
  }
  return false;
}

Isa current_isa() {
  return active()->isa;
}
void use_isa(Isa isa) {
  active() = require(isa);
}

void set_float_mode() {
  // Every exception masked, round to nearest (0), FTZ and DAZ.
  _mm_setcsr(0x1f80U | 0x8000U | 0x0040U);
}

void matmul(float* out, std::ptrdiff_t out_stride, const float* in, std::ptrdiff_t in_stride,
            const PackedMatrix& weights, const float* bias, Range rows, Range panels) {
  active()->matmul(out, out_stride, in, in_stride, weights, bias, rows, panels);
}

void rms_norm(float* out, std::ptrdiff_t out_stride, const float* in, std::ptrdiff_t in_stride,
              const NormWeights& weights, int n_groups, Range rows) {
  active()->rms_norm(out, out_stride, in, in_stride, weights, n_groups, rows);
}

void apply_rope(float* x, std::ptrdiff_t stride, int n_heads, const RopeTable& table, Range rows) {
  active()->apply_rope(x, stride, n_heads, table, rows);
}

void attention(float* out, std::ptrdiff_t out_stride, const float* q, std::ptrdiff_t q_stride,
               const KvPages& pages, const KvRows& sequence, const AttentionShape& shape,
               float* scratch, Range rows, Range kv_heads) {
  active()->attention(out, out_stride, q, q_stride, pages, sequence, shape, scratch, rows,
                      kv_heads);
}

void activate(float* out, std::ptrdiff_t out_stride, const float* gate, const float* up,
              std::ptrdiff_t in_stride, ActivationKind kind, Range rows, Range columns) {
  active()->activate(out, out_stride, gate, up, in_stride, kind, rows, columns);
}

void scaled_exp(float* out, const float* in, int n, float maximum, float temperature) {
  active()->scaled_exp(out, in, n, maximum, temperature);
}

void quantize_rows(const QuantizedRows& out, const float* in, std::ptrdiff_t in_stride, Range rows,
                   Range groups) {
  active()->quantize_rows(out, in, in_stride, rows, groups);
}

void quantized_matmul(float* out, std::ptrdiff_t out_stride, const QuantizedRows& in,
                      const PackedMatrix& weights, const float* bias, Range rows, Range panels,
                      PagesAhead* ahead) {
  active()->quantized_matmul(out, out_stride, in, weights, bias, rows, panels, ahead);
}

void round_rows(const Bf16Rows& out, const float* in, std::ptrdiff_t in_stride, Range rows,
                Range columns) {
  active()->round_rows(out, in, in_stride, rows, columns);
}

void bf16_matmul(float* out, std::ptrdiff_t out_stride, const Bf16Rows& in,
                 const PackedMatrix& weights, const float* bias, Range rows, Range panels,
                 PagesAhead* ahead) {
  active()->bf16_matmul(out, out_stride, in, weights, bias, rows, panels, ahead);
}

}  // namespace nanoflow::kernels
