#include "actors/catalog.hpp"

#include <fstream>

#include "actors/errors.hpp"
#include "actors/log.hpp"
#include "engine/model/error.hpp"
#include "tests/actors/no_text.hpp"
#include "tests/actors/one_model.hpp"

using namespace nanoflow;
using namespace nanoflow::test;
namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(catalog)

namespace {

ModelFiles open_for_test(const fs::path& path) {
  if (path.stem() == "broken") throw ModelError(path.string() + ": it is broken");
  return {std::make_shared<ConfigOnly>(test::vocab_size),
          std::make_shared<test::NoText>(test::vocab_size, std::vector<TokenId>{5, 100'000}),
          nullptr};
}

/// The simulated one, whose last model the test can keep in memory.
struct KeepingDevice : Device {
  explicit KeepingDevice(std::uint64_t fail_every)
      : device(make_simulated_device(SimulatedOptions{.fail_every = fail_every})) {}
  const std::string& name() const override { return device->name(); }
  const std::string& description() const override { return device->description(); }
  std::span<const std::unique_ptr<DeviceStream>> streams() override { return device->streams(); }
  std::uint64_t page_bytes(const ModelConfig& config, WeightFormat weights,
                           KvFormat kv) const override {
    return device->page_bytes(config, weights, kv);
  }
  std::uint64_t weight_bytes(const Checkpoint& checkpoint, WeightFormat weights) const override {
    return device->weight_bytes(checkpoint, weights);
  }
  std::shared_ptr<DeviceModel> load(std::shared_ptr<const Checkpoint> checkpoint,
                                    const LoadOptions& options) override {
    auto model = device->load(std::move(checkpoint), options);
    if (keep) kept = model;
    return model;
  }
  std::unique_ptr<Device> device;
  bool keep = false;
  std::shared_ptr<DeviceModel> kept;
};

/// A catalog with a folder of (empty) model files, and what it has told.
class Fixture {
 public:
  explicit Fixture(unsigned seed, std::uint64_t fail_every = 0, KvFormat kv = KvFormat::automatic)
      : world(seed) {
    set_log_sink([this](LogLevel level, std::string_view line) {
      if (level != LogLevel::info) log.emplace_back(line);
    });
    for (const auto* folder : {"one", "two"}) fs::create_directories(dir / folder);
    for (const auto* file : {"a.gguf", "b.gguf", "broken.gguf", "one/same.gguf", "two/same.gguf"})
      std::ofstream(dir / file) << "x";
    CatalogConfig config;
    config.device = device = std::make_shared<KeepingDevice>(fail_every);
    config.model_dir = dir;
    config.kv = kv;
    config.open = open_for_test;
    config.available_memory = [] { return std::uint64_t(64) << 20; };
    config.threads = Threads::shared;
    actor = spawn_catalog(world.system, config);
    listener_ = world.system.spawn([this]() -> ModelListenerActor::behavior_type {
      return {[this](const ModelTablePtr& told) { table = *told; }};
    });
    caf::anon_send(actor, subscribe_atom_v, listener_);
    watcher_ = world.system.spawn([this](caf::event_based_actor* self) {
      self->monitor(actor);
      self->set_down_handler([this](const caf::down_msg& down) { ended = down.reason; });
      return caf::behavior{[](tick_atom) {}};
    });
    world.run();
  }
  ~Fixture() {
    world.end(actor);
    world.end(listener_);
    world.end(watcher_);
    set_log_sink({});
    fs::remove_all(dir);
  }

  LoadOutcome load(wire::Load load) {
    const LoadJobPtr job = std::make_shared<const LoadJob>(LoadJob{std::move(load), 0});
    const auto outcome = ask<LoadOutcomePtr>(world, actor, job, LoadProgressActor());
    BOOST_REQUIRE(outcome.has_value());
    return **outcome;
  }
  std::string unload(const std::string& name) {
    return ask<std::string>(world, actor, unload_atom_v, name).value();
  }
  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const auto& model : table) result.push_back(model->name);
    return result;
  }

  World world;
  fs::path dir = fs::absolute("catalog_test");
  std::shared_ptr<KeepingDevice> device;
  CatalogActor actor;
  ModelTable table;
  std::optional<caf::error> ended;
  std::vector<std::string> log;

 private:
  ModelListenerActor listener_;
  caf::actor watcher_;
};

wire::Load by_name(const std::string& name) {
  wire::Load load;
  load.name = name;
  return load;
}
wire::Load by_path(const fs::path& path) {
  wire::Load load;
  load.path = path.string();
  return load;
}

BatchRequestPtr request(RequestId id) {
  BatchRequest request;
  request.id = id;
  request.prompt = std::make_shared<const std::vector<TokenId>>(
      std::vector<TokenId>{1, 2, static_cast<TokenId>(id % test::vocab_size)});
  request.max_tokens = 300;
  request.sampling = std::make_shared<const SamplingParams>();
  return std::make_shared<const BatchRequest>(request);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_loaded_model_is_in_the_table_and_answers) {
  Fixture fixture(1);
  const auto outcome = fixture.load(by_name("a"));
  BOOST_REQUIRE(outcome.model);
  BOOST_TEST(fixture.names() == (std::vector<std::string>{"a"}), boost::test_tools::per_element());
  BOOST_TEST(outcome.model->context == 4096);
  BOOST_TEST(outcome.model->defaults.end_tokens == (std::vector<TokenId>{5}),
             boost::test_tools::per_element());
  auto recorded = std::make_shared<Recorded>();
  const auto recorder = spawn_recorder(fixture.world.system, outcome.model->scheduler, recorded);
  caf::anon_send(recorder, admit_atom_v, request(1));
  fixture.world.run();
  BOOST_TEST(recorded->answers.at(1).tokens.at(0).size() == 300u);
  fixture.world.end(recorder);
}

BOOST_AUTO_TEST_CASE(names_are_unique_and_nothing_is_loaded_twice) {
  Fixture fixture(2);
  fixture.load(by_path(fixture.dir / "one/same.gguf"));
  fixture.load(by_path(fixture.dir / "two/same.gguf"));
  const auto again = fixture.load(by_path(fixture.dir / "two/../two/same.gguf"));
  BOOST_TEST(again.model->name == "same-2");
  BOOST_TEST(fixture.names() == (std::vector<std::string>{"same", "same-2"}),
             boost::test_tools::per_element());
  auto changed = by_name("same");
  changed.context = 64;
  BOOST_TEST((fixture.load(changed).error->code == wire::ErrorCode::load_failed));
}

BOOST_AUTO_TEST_CASE(keys_and_values_of_8_bits_take_half_of_the_memory_and_twice_the_pages) {
  Fixture in_16_bits(5), in_8_bits(5, 0, KvFormat::int8);
  auto load = by_name("a");
  load.kv_memory = "1MiB";
  load.context = 64;
  const auto wide = in_16_bits.load(load).model, narrow = in_8_bits.load(load).model;
  BOOST_TEST(bool(wide->kv == KvFormat::bf16));
  BOOST_TEST(wide->kv_bytes == 2);
  BOOST_TEST(bool(narrow->kv == KvFormat::int8));
  BOOST_TEST(narrow->kv_bytes == 1.5);  // heads of 8 numbers and a scale
  BOOST_TEST(narrow->page_bytes < wide->page_bytes);
  BOOST_TEST(narrow->n_pages > wide->n_pages);
}

BOOST_AUTO_TEST_CASE(a_load_that_fails_says_why_and_leaves_the_rest_alone) {
  Fixture fixture(3);
  fixture.load(by_name("a"));
  const auto broken = fixture.load(by_name("broken"));
  BOOST_TEST((broken.error->code == wire::ErrorCode::load_failed));
  BOOST_TEST(broken.error->message.ends_with("it is broken"));
  BOOST_TEST((fixture.load(by_name("c")).error->code == wire::ErrorCode::not_found));
  for (auto [field, value] : {std::pair("kv_memory", "much"), std::pair("weights", "int3")}) {
    auto bad = by_name("b");
    (std::string(field) == "weights" ? bad.weights : bad.kv_memory) = value;
    const auto outcome = fixture.load(bad);
    BOOST_TEST((outcome.error->code == wire::ErrorCode::bad_field));
    BOOST_TEST(outcome.error->message.starts_with(field));
  }
  auto longer = by_name("b");
  longer.context = 5000;
  BOOST_TEST(fixture.load(longer).error->message.starts_with("context: 5000"));
  BOOST_TEST(fixture.names().size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_model_is_unloaded_once_its_memory_is_free) {
  Fixture fixture(11);
  fixture.device->keep = true;
  fixture.load(by_name("a"));
  std::optional<std::string> answer;
  auto asker = fixture.world.system.spawn([&](caf::event_based_actor* self) {
    self->request(fixture.actor, caf::infinite, unload_atom_v, std::string("a"))
        .then([&](const std::string& error) { answer = error; });
  });
  fixture.world.run();
  BOOST_TEST(fixture.names().empty());
  BOOST_TEST(!answer.has_value());
  fixture.device->kept = nullptr;
  fixture.world.advance(std::chrono::milliseconds(10));
  fixture.world.run();
  BOOST_TEST(answer.value().empty());
}

BOOST_AUTO_TEST_CASE(unloading_ends_the_requests_first) {
  Fixture fixture(4);
  const auto model = fixture.load(by_name("a")).model;
  auto recorded = std::make_shared<Recorded>();
  const auto recorder = spawn_recorder(fixture.world.system, model->scheduler, recorded);
  for (RequestId id = 1; id <= 10; ++id) caf::anon_send(recorder, admit_atom_v, request(id));
  fixture.world.run(150);
  BOOST_TEST(fixture.unload("aa").find("did you mean 'a'") != std::string::npos);
  BOOST_TEST(fixture.unload("a").empty());
  BOOST_TEST(fixture.table.empty());
  for (const auto& [id, answer] : recorded->answers) BOOST_TEST(answer.ends.size() == 1u);
  BOOST_TEST(fixture.load(by_name("a")).model != nullptr);
  fixture.world.end(recorder);
}

BOOST_AUTO_TEST_CASE(models_come_and_go_while_another_serves) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    Fixture fixture(100 + seed);
    const auto model = fixture.load(by_name("a")).model;
    auto recorded = std::make_shared<Recorded>();
    const auto recorder = spawn_recorder(fixture.world.system, model->scheduler, recorded);
    for (RequestId id = 1; id <= 10; ++id) caf::anon_send(recorder, admit_atom_v, request(id));
    for (int i = 0; i < 6; ++i) {
      fixture.world.run(static_cast<std::size_t>(fixture.world.below(200)));
      fixture.world.chance(50) ? void(fixture.load(by_name("b"))) : void(fixture.unload("b"));
    }
    fixture.world.run();
    BOOST_TEST(recorded->answers.size() == 10u);
    for (const auto& [id, answer] : recorded->answers)
      BOOST_TEST(answer.tokens.at(0) == answer_alone(*request(id), 0, 4096),
                 boost::test_tools::per_element());
    fixture.world.end(recorder);
  }
}

BOOST_AUTO_TEST_CASE(a_failed_stream_is_replaced_and_its_requests_go_on) {
  Fixture fixture(5, 250);  // the step that fails
  const auto model = fixture.load(by_name("a")).model;
  auto recorded = std::make_shared<Recorded>();
  const auto recorder = spawn_recorder(fixture.world.system, model->scheduler, recorded);
  caf::anon_send(recorder, admit_atom_v, request(1));
  fixture.world.run();
  BOOST_TEST(recorded->answers.at(1).tokens.at(0) == answer_alone(*request(1), 0, 4096),
             boost::test_tools::per_element());
  BOOST_TEST(!fixture.log.empty());
  BOOST_TEST(!fixture.ended.has_value());
  fixture.world.end(recorder);
}

BOOST_AUTO_TEST_CASE(a_device_that_fails_again_and_again_is_lost) {
  Fixture fixture(6, 2);
  const auto model = fixture.load(by_name("a")).model;
  auto recorded = std::make_shared<Recorded>();
  const auto recorder = spawn_recorder(fixture.world.system, model->scheduler, recorded);
  caf::anon_send(recorder, admit_atom_v, request(1));
  fixture.world.run();
  BOOST_REQUIRE(fixture.ended.has_value());
  BOOST_TEST((*fixture.ended == caf::make_error(ActorError::device_lost)));
  BOOST_TEST(fixture.table.empty());
  fixture.world.end(recorder);
}

BOOST_AUTO_TEST_CASE(a_model_whose_actor_dies_is_loaded_again) {
  Fixture fixture(7);
  for (int i = 0; i < 2; ++i) {
    const auto model = fixture.load(by_name("a")).model;
    fixture.world.end(i == 0 ? caf::actor_cast<caf::actor>(model->kv_manager)
                             : caf::actor_cast<caf::actor>(model->scheduler),
                      caf::exit_reason::kill);
    BOOST_REQUIRE(fixture.table.size() == 1u);
    BOOST_TEST((fixture.table[0]->scheduler != model->scheduler));
  }
  fixture.world.end(fixture.table[0]->executor, caf::exit_reason::kill);
  BOOST_TEST(fixture.table.empty());  // the third time it stays away
  BOOST_TEST(fixture.log.back().ends_with("it stays unloaded"));
}

BOOST_AUTO_TEST_CASE(available_models_are_listed_with_what_is_loaded) {
  Fixture fixture(8);
  fixture.load(by_name("b"));
  const auto models = **ask<AvailablePtr>(fixture.world, fixture.actor, list_atom_v);
  BOOST_REQUIRE(models.size() == 3u);
  BOOST_TEST(models[0].name == "a");
  BOOST_TEST(!models[0].loaded);
  BOOST_TEST(models[1].loaded);
}

BOOST_AUTO_TEST_CASE(a_wrong_configuration_is_told_at_once) {
  CatalogConfig config;
  config.kv_memory = "lots";
  BOOST_CHECK_THROW(validate(config), std::invalid_argument);
  config.kv_memory = "50%";
  config.max_step_tokens = config.max_sequences;
  BOOST_CHECK_THROW(validate(config), std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()
