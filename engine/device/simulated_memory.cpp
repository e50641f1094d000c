#include "engine/device/simulated_memory.hpp"

#include <cstring>
#include <stdexcept>
#include <string>

namespace nanoflow {

std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15U;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}

SimulatedPages::SimulatedPages(int n_pages)
    : cells_(static_cast<std::size_t>(n_pages) * page_size) {}

std::size_t SimulatedPages::index(std::span<const PageId> table, int position) const {
  const auto entry = static_cast<std::size_t>(position / page_size);
  if (entry >= table.size())
    throw std::logic_error("simulated device: position " + std::to_string(position) +
                           " lies past a table of " + std::to_string(table.size()) + " pages");
  const PageId page = table[entry];
  if (page < 0 || page >= n_pages())
    throw std::logic_error("simulated device: page " + std::to_string(page) + " of position " +
                           std::to_string(position) + ", expected one of " +
                           std::to_string(n_pages()));
  return static_cast<std::size_t>(page) * page_size +
         static_cast<std::size_t>(position % page_size);
}

const SimulatedPages::Cell& SimulatedPages::read(std::span<const PageId> table,
                                                 int position) const {
  const Cell& cell = cells_[index(table, position)];
  if (cell.position != position)
    throw std::logic_error("simulated device: position " + std::to_string(position) +
                           " is read and was never written; its page holds position " +
                           std::to_string(cell.position));
  return cell;
}

void SimulatedPages::write(std::span<const PageId> table, int position, TokenId token) {
  const std::uint64_t before = position == 0 ? 0 : read(table, position - 1).prefix;
  cells_[index(table, position)] = {position, token,
                                    mix(before, static_cast<std::uint64_t>(token) + 1)};
}

std::uint64_t SimulatedPages::digest(std::span<const PageId> table, int n_positions) const {
  std::uint64_t result = 0;
  for (int position = 0; position < n_positions; ++position) {
    const Cell& cell = read(table, position);
    result = mix(result ^ static_cast<std::uint64_t>(cell.token), cell.prefix);
  }
  return result;
}

std::size_t SimulatedPages::first_cell(PageId page) const {
  if (page < 0 || page >= n_pages())
    throw std::logic_error("simulated device: page " + std::to_string(page) + " of " +
                           std::to_string(n_pages()) + " is copied");
  return static_cast<std::size_t>(page) * page_size;
}

void SimulatedPages::copy_out(PageId page, std::span<std::byte> bytes) const {
  const std::lock_guard lock(copying_);
  std::memcpy(bytes.data(), &cells_[first_cell(page)], bytes.size());
}

void SimulatedPages::copy_in(PageId page, std::span<const std::byte> bytes) {
  const std::lock_guard lock(copying_);
  std::memcpy(&cells_[first_cell(page)], bytes.data(), bytes.size());
}

void SimulatedPages::clear() {
  const std::lock_guard lock(copying_);
  cells_.assign(cells_.size(), Cell{});
}

}  // namespace nanoflow
