// Pages that attention reads next, asked for while products run: those are bound by arithmetic, and
// leave most of what memory can deliver unused.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/isa.hpp"
#include "kernels/kv_pages.hpp"

namespace nanoflow::kernels {

/// Lines of one layer's pages in the order in which attention reads them, asked for a few at a
/// time: into the second-level cache, from which those that must give way go on to the third. One
/// for each thread.
class alignas(64) PagesAhead {
 public:
  /// So many sequences may be added without taking memory.
  void reserve(int n_sequences) { runs_.reserve(static_cast<std::size_t>(n_sequences)); }
  /// Nothing yet, of this layer; of what is added at most so many bytes are asked for.
  void restart(const KvPages& layer, std::size_t most_bytes);
  /// Entries `pages` of a sequence's page table.
  void add(const std::int32_t* page_table, Range pages) { runs_.push_back({page_table, pages}); }

  /// The next n lines, or fewer where a page ends. (Inlined always: a copy of its own would be
  /// compiled for whichever instruction set, and run on every processor.)
  [[gnu::always_inline]] void ask(int n) {
    const auto [begin, end] = take(n);
    for (const std::byte* line = begin; line < end; line += line_bytes)
      __builtin_prefetch(line, 0, 2);
  }

  struct Lines {
    const std::byte *begin = nullptr, *end = nullptr;
  };
  /// Those that ask(n) asks for.
  [[gnu::always_inline]] Lines take(int n) {
    if (next_ == end_ && !turn()) return {};
    const std::byte* const begin = next_;
    const std::ptrdiff_t wanted = std::ptrdiff_t{line_bytes} * n;
    next_ = end_ - begin > wanted ? begin + wanted : end_;
    return {begin, next_};
  }

  static constexpr int line_bytes = 64;

 private:
  /// To the next page; false where there is none.
  bool turn();

  struct Run {
    const std::int32_t* page_table;
    Range pages;
  };
  KvPages layer_;
  std::size_t page_bytes_ = 0, bytes_left_ = 0;
  std::vector<Run> runs_;
  std::size_t run_ = 0;  // the present one; of its pages, those not yet turned to are left
  const std::byte *next_ = nullptr, *end_ = nullptr;  // of the present page
};

}  // namespace nanoflow::kernels
