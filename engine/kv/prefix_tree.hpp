#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/batch/step.hpp"

namespace nanoflow {

/// Finds pages by what they hold. A node is one full page; the path from a salt's root to it spells
/// the tokens that its keys and values were computed from. Tokens are compared, not only their
/// hashes, so no prompt can collide with another's. Whoever holds a node holds all nodes above it:
/// a node that nobody holds has only such nodes below it, and every one of them can be evicted,
/// leaves first.
class PrefixTree {
 public:
  using PageTokens = std::array<TokenId, page_size>;
  using Parent = std::optional<PageId>;  // none: the salt's root

  explicit PrefixTree(int n_pages);

  std::optional<PageId> find(const std::string& salt, Parent parent,
                             const PageTokens& tokens) const;
  /// The child must not be there yet, nor the page be in the tree.
  void insert(const std::string& salt, Parent parent, const PageTokens& tokens, PageId page,
              std::uint64_t ready_after);
  /// What the page holds is computed by this step: later steps may read it.
  std::uint64_t ready_after(PageId page) const { return node(page).ready_after; }

  /// Where a page is in the tree.
  Parent parent(PageId page) const { return node(page).parent; }
  const PageTokens& tokens(PageId page) const { return node(page).self->first; }
  const std::string& salt(PageId page) const { return node(page).root->first; }

  void hold(PageId page);
  void drop(PageId page);  // as the most recently used
  int holders(PageId page) const { return node(page).holders; }
  int cached() const { return n_cached_; }  // nodes that nobody holds

  /// Takes the least recently used leaf that nobody holds out of the tree.
  std::optional<PageId> evict();
  /// The leaves that would be evicted next, at most so many.
  std::vector<PageId> next_evicted(int most) const;
  /// Takes a node and all below it out of the tree, whoever holds them.
  std::vector<PageId> remove(PageId page);
  void clear();

  int size() const { return n_nodes_; }
  int salts() const { return static_cast<int>(roots_.size()); }

 private:
  using Children = std::map<PageTokens, PageId>;
  using Roots = std::map<std::string, Children>;
  struct Node {
    bool in_tree = false;
    int holders = 0;
    std::uint64_t ready_after = 0;
    std::uint64_t last_used = 0;
    Parent parent;
    Roots::iterator root;
    Children::iterator self;  // in the parent's children
    Children children;
  };
  const Node& node(PageId page) const { return nodes_[static_cast<std::size_t>(page)]; }
  Node& node(PageId page) { return nodes_[static_cast<std::size_t>(page)]; }
  Children& siblings(Node& node);
  void update_evictable(PageId page);
  void unlink(PageId page);

  std::vector<Node> nodes_;  // [n_pages], by page: a page is in the tree at most once
  Roots roots_;
  std::set<std::pair<std::uint64_t, PageId>> evictable_;  // (last used, leaf that nobody holds)
  std::uint64_t tick_ = 0;
  int n_cached_ = 0;
  int n_nodes_ = 0;
};

}  // namespace nanoflow
