// The prefix tree against a model that keeps every path as a list of its pages' tokens.
#include "engine/kv/prefix_tree.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <random>
#include <stdexcept>

namespace nanoflow {
namespace {

PrefixTree::PageTokens page_of(TokenId token) {
  PrefixTree::PageTokens tokens;
  tokens.fill(token);
  return tokens;
}

/// A page is known by its salt and the tokens of the whole path to it.
struct NaiveTree {
  struct Node {
    std::string salt;
    std::vector<TokenId> path;  // one token stands for a page of it
    PageId page = 0;
    int holders = 0;
    std::uint64_t ready_after = 0;
    int last_used = 0;
  };
  std::vector<Node> nodes;
  int tick = 0;

  Node* find(const std::string& salt, const std::vector<TokenId>& path) {
    for (auto& node : nodes)
      if (node.salt == salt && node.path == path) return &node;
    return nullptr;
  }
  static bool below(const Node& node, const Node& other) {
    return node.salt == other.salt && node.path.size() < other.path.size() &&
           std::equal(node.path.begin(), node.path.end(), other.path.begin());
  }
  bool is_leaf(const Node& node) const {
    return std::none_of(nodes.begin(), nodes.end(),
                        [&](auto& other) { return below(node, other); });
  }
  std::optional<PageId> evict() {
    const Node* oldest = nullptr;
    for (const auto& node : nodes)
      if (node.holders == 0 && is_leaf(node) && (!oldest || node.last_used < oldest->last_used))
        oldest = &node;
    if (!oldest) return std::nullopt;
    const PageId page = oldest->page;
    nodes.erase(nodes.begin() + (oldest - nodes.data()));
    return page;
  }
};

class Walk {
 public:
  explicit Walk(unsigned seed) : random_(seed) {
    for (PageId page = 0; page < n_pages; ++page) unused_.push_back(page);
  }

  void step() {
    switch (random_() % 8) {
      case 0:
      case 1:
      case 2:
        extend();
        break;
      case 3:
        hold();
        break;
      case 4:
      case 5:
        drop();
        break;
      case 6:
        evict();
        break;
      default:
        if (random_() % 20 == 0) remove();
    }
    check();
  }

 private:
  static constexpr int n_pages = 24;

  std::string any_salt() { return random_() % 3 == 0 ? "b" : "a"; }
  NaiveTree::Node* any_node() {
    if (naive_.nodes.empty()) return nullptr;
    return &naive_.nodes[random_() % naive_.nodes.size()];
  }
  PrefixTree::Parent page_at(const std::string& salt, const std::vector<TokenId>& path) {
    const auto* node = naive_.find(salt, path);
    return node ? PrefixTree::Parent(node->page) : std::nullopt;
  }

  /// Walks down a random path as a prompt does, and inserts where it ends.
  void extend() {
    const auto salt = any_salt();
    std::vector<TokenId> path;
    PrefixTree::Parent parent;
    for (int depth = 0; depth < 5; ++depth) {
      const auto token = static_cast<TokenId>(random_() % 3);
      path.push_back(token);
      const auto expected = page_at(salt, path);
      BOOST_REQUIRE(tree_.find(salt, parent, page_of(token)) == expected);
      if (expected) {
        parent = expected;
        continue;
      }
      if (unused_.empty()) return;
      const PageId page = unused_.back();
      unused_.pop_back();
      tree_.insert(salt, parent, page_of(token), page, random_() % 100);
      naive_.nodes.push_back({salt, path, page, 0, tree_.ready_after(page), ++naive_.tick});
      return;
    }
  }

  /// A holder holds all above as well, and lets go from below.
  void hold() {
    const auto* node = any_node();
    if (!node) return;
    for (auto& above : naive_.nodes)
      if (&above == node || NaiveTree::below(above, *node)) {
        ++above.holders;
        tree_.hold(above.page);
      }
    holds_.emplace_back(node->salt, node->path);
  }

  void drop() {
    if (holds_.empty()) return;
    const auto chosen = holds_.begin() + static_cast<std::ptrdiff_t>(random_() % holds_.size());
    auto [salt, path] = *chosen;
    holds_.erase(chosen);
    for (; !path.empty(); path.pop_back()) {
      auto* node = naive_.find(salt, path);
      if (!node) continue;  // removed, whoever held it
      --node->holders;
      node->last_used = ++naive_.tick;
      tree_.drop(node->page);
    }
  }

  void evict() {
    const auto expected = naive_.evict();
    BOOST_REQUIRE(tree_.evict() == expected);
    if (expected) unused_.push_back(*expected);
  }

  void remove() {
    const auto* found = any_node();
    if (!found) return;
    const auto node = *found;
    std::vector<PageId> expected;
    std::erase_if(naive_.nodes, [&](const auto& other) {
      const bool gone = other.page == node.page || NaiveTree::below(node, other);
      if (gone) expected.push_back(other.page);
      return gone;
    });
    std::erase_if(holds_, [&](const auto& hold) {  // what it holds above is let go by hand
      return hold.first == node.salt && hold.second.size() >= node.path.size() &&
             std::equal(node.path.begin(), node.path.end(), hold.second.begin()) &&
             (let_go_above(hold, node.path.size()), true);
    });
    auto removed = tree_.remove(node.page);
    BOOST_REQUIRE_EQUAL(removed.front(), node.page);
    std::sort(removed.begin(), removed.end());
    std::sort(expected.begin(), expected.end());
    BOOST_REQUIRE_EQUAL_COLLECTIONS(removed.begin(), removed.end(), expected.begin(),
                                    expected.end());
    unused_.insert(unused_.end(), removed.begin(), removed.end());
  }

  void let_go_above(const std::pair<std::string, std::vector<TokenId>>& hold, std::size_t depth) {
    auto path = hold.second;
    path.resize(depth - 1);
    for (; !path.empty(); path.pop_back()) {
      auto* node = naive_.find(hold.first, path);
      --node->holders;
      node->last_used = ++naive_.tick;
      tree_.drop(node->page);
    }
  }

  void check() {
    int cached = 0;
    std::set<std::string> salts;
    for (const auto& node : naive_.nodes) {
      cached += node.holders == 0;
      salts.insert(node.salt);
      BOOST_REQUIRE_EQUAL(tree_.holders(node.page), node.holders);
      BOOST_REQUIRE_EQUAL(tree_.ready_after(node.page), node.ready_after);
    }
    BOOST_REQUIRE_EQUAL(tree_.cached(), cached);
    BOOST_REQUIRE_EQUAL(tree_.size(), naive_.nodes.size());
    BOOST_REQUIRE_EQUAL(tree_.salts(), salts.size());
  }

  std::mt19937 random_;
  PrefixTree tree_{n_pages};
  NaiveTree naive_;
  std::vector<PageId> unused_;
  std::vector<std::pair<std::string, std::vector<TokenId>>> holds_;  // salt and path
};

}  // namespace

BOOST_AUTO_TEST_SUITE(prefix_tree)

BOOST_AUTO_TEST_CASE(thousands_of_random_operations_agree_with_a_naive_tree) {
  for (unsigned seed = 0; seed < 40; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      Walk walk(seed);
      for (int i = 0; i < 2000; ++i) walk.step();
    }
  }
}

BOOST_AUTO_TEST_CASE(the_same_tokens_below_another_parent_or_salt_are_another_page) {
  PrefixTree tree(8);
  tree.insert("a", std::nullopt, page_of(1), 0, 0);
  tree.insert("a", std::nullopt, page_of(2), 1, 0);
  tree.insert("a", 0, page_of(3), 2, 0);
  BOOST_CHECK(tree.find("a", 0, page_of(3)) == 2);
  BOOST_CHECK(!tree.find("a", 1, page_of(3)));
  BOOST_CHECK(!tree.find("b", std::nullopt, page_of(1)));
}

BOOST_AUTO_TEST_CASE(leaves_are_evicted_before_their_parents_and_the_oldest_first) {
  PrefixTree tree(8);
  tree.insert("", std::nullopt, page_of(1), 0, 0);
  tree.insert("", 0, page_of(2), 1, 0);
  tree.insert("", std::nullopt, page_of(3), 2, 0);
  tree.hold(2);
  BOOST_CHECK(tree.evict() == 1);
  BOOST_CHECK(tree.evict() == 0);
  BOOST_CHECK(!tree.evict());
  tree.drop(2);
  BOOST_CHECK(tree.evict() == 2);
}

BOOST_AUTO_TEST_CASE(what_breaks_the_tree_throws) {
  PrefixTree tree(4);
  tree.insert("", std::nullopt, page_of(1), 0, 0);
  BOOST_CHECK_THROW(tree.insert("", std::nullopt, page_of(2), 0, 0), std::logic_error);
  BOOST_CHECK_THROW(tree.insert("", std::nullopt, page_of(1), 1, 0), std::logic_error);
  BOOST_CHECK_THROW(tree.drop(0), std::logic_error);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow
