#include "engine/kv/prefix_tree.hpp"

#include <stdexcept>

namespace nanoflow {

PrefixTree::PrefixTree(int n_pages) : nodes_(static_cast<std::size_t>(n_pages)) {}

std::optional<PageId> PrefixTree::find(const std::string& salt, Parent parent,
                                       const PageTokens& tokens) const {
  const Children* children = nullptr;
  if (parent) {
    children = &node(*parent).children;
  } else {
    const auto root = roots_.find(salt);
    if (root == roots_.end()) return std::nullopt;
    children = &root->second;
  }
  const auto child = children->find(tokens);
  if (child == children->end()) return std::nullopt;
  return child->second;
}

void PrefixTree::insert(const std::string& salt, Parent parent, const PageTokens& tokens,
                        PageId page, std::uint64_t ready_after) {
  Node& added = node(page);
  if (added.in_tree) throw std::logic_error("prefix tree: the page is in it already");
  added.parent = parent;
  added.root = parent ? node(*parent).root : roots_.try_emplace(salt).first;
  const auto [self, is_new] = siblings(added).try_emplace(tokens, page);
  if (!is_new) throw std::logic_error("prefix tree: another page holds these tokens already");
  added.self = self;
  added.in_tree = true;
  added.holders = 0;
  added.ready_after = ready_after;
  added.last_used = ++tick_;
  ++n_nodes_;
  ++n_cached_;
  update_evictable(page);
  if (parent) update_evictable(*parent);
}

void PrefixTree::hold(PageId page) {
  if (node(page).holders++ == 0) --n_cached_;
  update_evictable(page);
}

void PrefixTree::drop(PageId page) {
  Node& dropped = node(page);
  if (dropped.holders < 1) throw std::logic_error("prefix tree: nobody holds this page");
  dropped.last_used = ++tick_;  // a held node is not in evictable_
  if (--dropped.holders == 0) ++n_cached_;
  update_evictable(page);
}

std::optional<PageId> PrefixTree::evict() {
  if (evictable_.empty()) return std::nullopt;
  const PageId page = evictable_.begin()->second;
  unlink(page);
  return page;
}

std::vector<PageId> PrefixTree::next_evicted(int most) const {
  std::vector<PageId> pages;
  for (const auto& [last_used, page] : evictable_) {
    if (std::ssize(pages) >= most) break;
    pages.push_back(page);
  }
  return pages;
}

std::vector<PageId> PrefixTree::remove(PageId page) {
  std::vector<PageId> pages{page};  // breadth first, so that a parent comes before its children
  for (std::size_t i = 0; i < pages.size(); ++i)
    for (const auto& [tokens, child] : node(pages[i]).children) pages.push_back(child);
  for (auto leaf = pages.rbegin(); leaf != pages.rend(); ++leaf) unlink(*leaf);
  return pages;
}

void PrefixTree::clear() {
  evictable_.clear();
  nodes_.assign(nodes_.size(), Node{});
  roots_.clear();
  n_cached_ = n_nodes_ = 0;
}

PrefixTree::Children& PrefixTree::siblings(Node& of) {
  return of.parent ? node(*of.parent).children : of.root->second;
}

/// Keeps evictable_ in line with what makes a node evictable. Before last_used changes, the old
/// entry is erased.
void PrefixTree::update_evictable(PageId page) {
  const Node& of = node(page);
  if (of.in_tree && of.holders == 0 && of.children.empty())
    evictable_.emplace(of.last_used, page);
  else
    evictable_.erase({of.last_used, page});
}

void PrefixTree::unlink(PageId page) {
  Node& gone = node(page);
  if (!gone.in_tree || !gone.children.empty())
    throw std::logic_error("prefix tree: only a leaf can be taken out");
  siblings(gone).erase(gone.self);
  if (gone.holders == 0) --n_cached_;
  --n_nodes_;
  gone.in_tree = false;
  gone.holders = 0;
  update_evictable(page);
  if (gone.parent)
    update_evictable(*gone.parent);
  else if (gone.root->second.empty())
    roots_.erase(gone.root);
}

}  // namespace nanoflow
