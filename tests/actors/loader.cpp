#include "actors/loader.hpp"

#include <boost/test/unit_test.hpp>

#include "engine/device/device.hpp"
#include "tests/actors/no_text.hpp"
#include "tests/actors/world.hpp"

namespace nanoflow {

BOOST_AUTO_TEST_SUITE(a_loader)

BOOST_AUTO_TEST_CASE(loads_until_it_is_cancelled) {
  test::World world(1);
  const std::shared_ptr<Device> device = make_device({.kind = "cpu", .threads = 1});
  const auto open = [](const std::filesystem::path& path) -> ModelFiles {
    return {Checkpoint::open(path), std::make_shared<test::NoText>(96), nullptr};
  };
  LoadPlan plan{.name = "llama",
                .path = NANOFLOW_TEST_DATA "/logits/llama",
                .context = {},
                .kv_memory = {},
                .weights = WeightFormat::automatic,
                .kv = KvFormat::automatic,
                .n_slots = 2,
                .max_step_tokens = 16,
                .budget = {1 << 24, 1},
                .spill_bytes = 0,
                .free_bytes = 1 << 28};
  const auto load = [&] {
    const auto loader = spawn_loader(world.system, device, open, Threads::shared);
    const LoadPlanPtr asked = std::make_shared<const LoadPlan>(plan);
    return test::ask<LoadedPartsPtr>(world, loader, asked, LoadProgressActor()).value();
  };
  BOOST_TEST(load()->device_model);
  plan.cancelled = std::make_shared<std::atomic<bool>>(true);
  const auto parts = load();
  BOOST_TEST(!parts->device_model);
  BOOST_TEST(parts->error.value().message == "the load was cancelled");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow
