#include "engine/kv/page_pool.hpp"

#include <boost/test/unit_test.hpp>
#include <random>
#include <set>
#include <stdexcept>

namespace nanoflow {

BOOST_AUTO_TEST_SUITE(page_pool)

BOOST_AUTO_TEST_CASE(pages_come_in_order_and_the_last_one_given_comes_first) {
  PagePool pool(4);
  BOOST_CHECK_EQUAL(pool.take(), 0);
  BOOST_CHECK_EQUAL(pool.take(), 1);
  BOOST_CHECK_EQUAL(pool.take(), 2);
  pool.give(1);
  pool.give(0);
  BOOST_CHECK_EQUAL(pool.take(), 0);
  BOOST_CHECK_EQUAL(pool.take(), 1);
  BOOST_CHECK_EQUAL(pool.take(), 3);
}

BOOST_AUTO_TEST_CASE(what_breaks_the_pool_throws) {
  BOOST_CHECK_THROW(PagePool(0), std::invalid_argument);
  PagePool pool(2);
  BOOST_CHECK_THROW(pool.give(0), std::logic_error);
  BOOST_CHECK_THROW(pool.give(-1), std::logic_error);
  BOOST_CHECK_THROW(pool.give(2), std::logic_error);
  pool.take();
  pool.take();
  BOOST_CHECK_THROW(pool.take(), std::logic_error);
}

BOOST_AUTO_TEST_CASE(a_page_belongs_to_one_taker_at_a_time) {
  std::mt19937 random(1);
  PagePool pool(37);
  std::set<PageId> taken;
  for (int i = 0; i < 20000; ++i) {
    if (taken.size() < 37 && (taken.empty() || random() % 2 == 0)) {
      const PageId page = pool.take();
      BOOST_REQUIRE(page >= 0 && page < 37);
      BOOST_REQUIRE(taken.insert(page).second);
    } else {
      auto page = taken.begin();
      std::advance(page, static_cast<std::ptrdiff_t>(random() % taken.size()));
      pool.give(*page);
      taken.erase(page);
    }
    BOOST_REQUIRE_EQUAL(pool.free(), 37 - std::ssize(taken));
    BOOST_REQUIRE_EQUAL(pool.total(), 37);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow
