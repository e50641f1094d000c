#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/kv/page_pool.hpp"
#include "engine/kv/prefix_tree.hpp"

namespace nanoflow {

/// What the spill file holds: a prefix tree whose pages are the file's slots. A page in memory may
/// have a copy here; then it can be evicted at no cost. Whatever is in the file has all pages
/// before it in the file, too, so that the way to it can be walked from the root.
class SpilledPages {
 public:
  using Slot = PageId;  // 0 .. n_slots-1

  SpilledPages(int n_slots, int n_pages);

  /// The slots of the prompt's first pages, as far as they are in the file, at most so many.
  std::vector<Slot> find(const std::string& salt, const std::vector<TokenId>& prompt,
                         int most) const;
  /// A page in memory has its copy here, or it is being written.
  bool has(PageId page) const { return slot_of_[static_cast<std::size_t>(page)].has_value(); }

  enum class Added {
    known,    // the file holds what the page holds: now they are known to be the same
    written,  // the page is to be written to the slot
    full,     // all slots hold copies of pages in memory
  };
  struct Place {
    Added added;
    Slot slot = 0;
  };
  /// Gives a page of the memory's tree, whose parent has a copy here or is a root, one as well.
  /// Where the file is full, the least recently used slot goes whose page has left memory.
  Place add(const PrefixTree& memory, PageId page);
  /// The write of a slot has ended.
  void written(Slot slot);
  /// A page came into memory from a slot.
  void came(PageId page, Slot slot);
  /// A page that has a copy here or has none leaves memory.
  void left(PageId page);

  /// Keeps a slot from being overwritten while it is read.
  void hold(Slot slot) { tree_.hold(slot); }
  void drop(Slot slot) { tree_.drop(slot); }

  /// Forgets all. Slots that are being written are free when that has ended.
  void clear();

  int total() const { return slots_.total(); }
  int size() const { return tree_.size() - n_writing(); }  // slots that can be read

 private:
  int n_writing() const;
  std::optional<Slot> take_slot();

  PrefixTree tree_;  // of slots. Held: by a page in memory, a write or a read
  PagePool slots_;
  std::vector<std::optional<Slot>> slot_of_;  // [n_pages], of pages in memory
  std::map<Slot, bool> writing_;              // true: and still in the tree
};

/// A full page's tokens; a prompt's page number n.
PrefixTree::PageTokens page_tokens(const std::vector<TokenId>& tokens, int page);

}  // namespace nanoflow
