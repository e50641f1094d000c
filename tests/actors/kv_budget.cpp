#include "actors/kv_budget.hpp"

#include <boost/test/unit_test.hpp>

#include "engine/batch/step.hpp"

using namespace nanoflow;

BOOST_AUTO_TEST_SUITE(kv_budget)

namespace {

constexpr std::uint64_t MiB = 1 << 20;

/// A model of 4096 tokens of context: 128 pages of 1 MiB, and 100 MiB of weights.
PoolNeeds needs() {
  return {.model = "m",
          .page_bytes = MiB,
          .weight_bytes = 100 * MiB,
          .model_context = 4096,
          .context = {},
          .memory = {}};
}

PoolSize size(const KvBudget& budget, const PoolNeeds& needs, std::uint64_t free_bytes) {
  const auto result = budget.size(needs, free_bytes);
  if (const auto* error = std::get_if<wire::Error>(&result)) BOOST_FAIL(error->message);
  return std::get<PoolSize>(result);
}

wire::Error refusal(const KvBudget& budget, const PoolNeeds& needs, std::uint64_t free_bytes) {
  const auto result = budget.size(needs, free_bytes);
  BOOST_REQUIRE(std::holds_alternative<wire::Error>(result));
  return std::get<wire::Error>(result);
}

}  // namespace

BOOST_AUTO_TEST_CASE(amounts_are_sizes_or_parts) {
  BOOST_TEST(MemoryAmount::parse("4GiB")->of(0) == 4096 * MiB);
  BOOST_TEST(MemoryAmount::parse("1.5 MiB")->of(0) == MiB * 3 / 2);
  BOOST_TEST(MemoryAmount::parse("2GB")->of(0) == 2'000'000'000u);
  BOOST_TEST(MemoryAmount::parse("4096")->of(0) == 4096u);
  BOOST_TEST(MemoryAmount::parse("50%")->of(1000) == 500u);
  for (const auto* bad :
       {"", "x", "GiB", "-1GiB", "0", "101%", "4 GiBs", "1e5", "nan", "inf", "9999999TiB"})
    BOOST_TEST(!MemoryAmount::parse(bad).has_value(), bad);
}

BOOST_AUTO_TEST_CASE(configured_models_share_and_a_later_one_gets_what_is_left) {
  KvBudget budget(1000 * MiB, 2);
  BOOST_TEST(size(budget, needs(), 4000 * MiB).n_pages == 500);
  budget.take("a", 500 * MiB);
  BOOST_TEST(size(budget, needs(), 4000 * MiB).n_pages == 500);
  budget.take("b", 300 * MiB);
  BOOST_TEST(size(budget, needs(), 4000 * MiB).n_pages == 200);
  budget.give_back("a");
  BOOST_TEST(size(budget, needs(), 4000 * MiB).n_pages == 500);
}

BOOST_AUTO_TEST_CASE(no_model_gets_more_than_64_contexts_unless_it_is_said) {
  const KvBudget budget(100'000 * MiB, 1);
  BOOST_TEST(size(budget, needs(), 400'000 * MiB).n_pages == 64 * 128);
  auto named = needs();
  named.memory = MemoryAmount::parse("20000MiB");
  BOOST_TEST(size(budget, named, 400'000 * MiB).n_pages == 20'000);
}

BOOST_AUTO_TEST_CASE(weights_and_pages_fit_into_what_is_free) {
  const KvBudget budget(1000 * MiB, 1);
  BOOST_TEST(size(budget, needs(), 400 * MiB).n_pages == 300);
  auto named = needs();
  named.memory = MemoryAmount::parse("350MiB");
  const auto error = refusal(budget, named, 400 * MiB);
  BOOST_TEST((error.code == wire::ErrorCode::bad_field));
  BOOST_TEST(error.message.starts_with("kv_memory: 350.0 MiB is more than the 300.0 MiB"));
}

BOOST_AUTO_TEST_CASE(an_unnamed_context_is_cut_to_the_pool_and_a_named_one_must_fit) {
  const KvBudget budget(64 * MiB, 1);
  const auto pool = size(budget, needs(), 4000 * MiB);
  BOOST_TEST(pool.n_pages == 64);
  BOOST_TEST(pool.context == 64 * page_size);
  auto named = needs();
  named.context = 4096;
  const auto error = refusal(budget, named, 4000 * MiB);
  BOOST_TEST((error.code == wire::ErrorCode::bad_field));
  BOOST_TEST(error.message.find("128.0 MiB") != std::string::npos);
  BOOST_TEST(error.message.find("64.0 MiB") != std::string::npos);
  named.context = 4097;
  BOOST_TEST((refusal(budget, named, 4000 * MiB).code == wire::ErrorCode::bad_field));
}

BOOST_AUTO_TEST_CASE(where_not_even_a_short_context_fits_the_load_fails) {
  const KvBudget budget(15 * MiB, 1);  // 512 tokens take 16 pages
  BOOST_TEST((refusal(budget, needs(), 4000 * MiB).code == wire::ErrorCode::load_failed));
  BOOST_TEST(size(KvBudget(16 * MiB, 1), needs(), 4000 * MiB).context == 512);
}

BOOST_AUTO_TEST_SUITE_END()
