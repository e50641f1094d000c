// What a simulated device remembers between steps.
#pragma once
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "engine/batch/step.hpp"

namespace nanoflow {

/// KV pages that hold tokens instead of keys and values.
class SimulatedPages {
 public:
  explicit SimulatedPages(int n_pages);

  /// Throws std::logic_error where the position before was never written for this sequence.
  void write(std::span<const PageId> table, int position, TokenId token);
  /// A hash of positions [0, n_positions), read through the page table. Throws std::logic_error
  /// where one of them was not written.
  std::uint64_t digest(std::span<const PageId> table, int n_positions) const;
  void clear();
  void copy_out(PageId page, std::span<std::byte> bytes) const;
  void copy_in(PageId page, std::span<const std::byte> bytes);
  int n_pages() const { return static_cast<int>(cells_.size()) / page_size; }
  std::uint64_t bytes() const { return cells_.size() * sizeof(Cell); }

 private:
  struct Cell {
    int position = -1;  // -1: never written
    TokenId token = 0;
    std::uint64_t prefix = 0;  // digest of the tokens at this position and before
  };
  std::size_t first_cell(PageId page) const;
  const Cell& read(std::span<const PageId> table, int position) const;
  std::size_t index(std::span<const PageId> table, int position) const;

  mutable std::mutex copying_;  // a failing device clears pages while one is copied
  std::vector<Cell> cells_;     // [n_pages, page_size]

 public:
  static constexpr std::size_t page_bytes = page_size * sizeof(Cell);
};

/// A sequence's sampling state.
struct SimulatedSlot {
  bool started = false;
  int next_position = 0;  // of the row that must come next
  int n_prompt = 0;
  std::vector<TokenId> history;  // prompt and generated: its last one is the newest token
  int n_generated() const { return static_cast<int>(history.size()) - n_prompt; }
};

/// Avalanches 64 bits: the finaliser of splitmix64 (Steele, Lea, Flood, "Fast splittable
/// pseudorandom number generators", 2014).
std::uint64_t mix(std::uint64_t x);
inline std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  return mix(a ^ mix(b));
}

}  // namespace nanoflow
