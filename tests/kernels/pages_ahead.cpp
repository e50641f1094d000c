// Which lines products ask for beside their own work.
#include "kernels/pages_ahead.hpp"

#include <boost/test/unit_test.hpp>

using namespace nanoflow::kernels;

namespace {

/// Pages of int8 with one head of 32: K and V of 128 + 1024 bytes each, so 36 lines.
constexpr int page_lines = 36, page_stride = 4096;

struct Fixture {
  std::vector<std::byte> memory = std::vector<std::byte>(10 * std::size_t{page_stride});
  KvPages layer{Element::int8, 1, 32, page_stride, memory.data()};
  const std::int32_t first[4] = {7, 2, 9, 4}, second[2] = {0, 5};
  PagesAhead ahead;

  /// Where the lines lie that are taken n at a time, until none is left.
  std::vector<std::ptrdiff_t> taken(int n) {
    std::vector<std::ptrdiff_t> places;
    for (auto lines = ahead.take(n); lines.begin != lines.end; lines = ahead.take(n)) {
      BOOST_TEST_REQUIRE(places.size() < 1000);
      BOOST_TEST(lines.end - lines.begin <= n * 64);
      for (const auto* line = lines.begin; line < lines.end; line += 64)
        places.push_back(line - memory.data());
    }
    return places;
  }
  static std::vector<std::ptrdiff_t> lines_of(const std::vector<int>& pages) {
    std::vector<std::ptrdiff_t> places;
    for (const int page : pages)
      for (int line = 0; line < page_lines; ++line)
        places.push_back(page * page_stride + line * 64);
    return places;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(pages_ahead, Fixture)

BOOST_AUTO_TEST_CASE(each_line_of_each_page_is_taken_once_in_order) {
  BOOST_REQUIRE_EQUAL(kv_page_bytes(Element::int8, 1, 32), page_lines * 64u);
  for (const int n : {1, 5, 12, 36, 100}) {
    ahead.restart(layer, 1 << 20);
    ahead.add(first, {1, 4});
    ahead.add(second, {0, 0});
    ahead.add(second, {0, 2});
    BOOST_TEST(taken(n) == lines_of({2, 9, 4, 0, 5}), boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(no_more_bytes_are_taken_than_stay_in_a_cache) {
  ahead.restart(layer, 2 * page_lines * 64 + 100);
  ahead.add(first, {0, 4});
  BOOST_TEST(taken(7) == lines_of({7, 2}), boost::test_tools::per_element());
  ahead.restart({}, 0);
  BOOST_TEST(taken(7).empty());
}

BOOST_AUTO_TEST_SUITE_END()
