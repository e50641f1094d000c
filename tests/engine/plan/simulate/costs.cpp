// Waves of tiles, steady batches and shapes, by hand.
#include <boost/test/unit_test.hpp>

#include "engine/plan/simulate/device_graph.hpp"
#include "engine/plan/simulate/model_shape.hpp"
#include "tests/engine/plan/simulate/temporary_folder.hpp"

using namespace nanoflow;
using namespace nanoflow::simulate;
using boost::test_tools::tolerance;

namespace {

DeviceProfile small_device() {
  DeviceProfile profile;
  profile.flops = 1e12;
  profile.units = 10;
  profile.tile_rows = profile.tile_columns = 128;
  profile.memory_bytes = 1e12;
  profile.memory_bandwidth = 1e12;
  profile.network_bandwidth = 1e12;
  return profile;
}

DeviceOperation product(double n, double k) {
  DeviceOperation operation;
  operation.kind = DeviceOperation::Kind::gemm;
  operation.gemms = {{n, k}};
  return operation;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(costs)

// 11 tiles on 10 units take two waves, as long as 20 tiles do.
BOOST_AUTO_TEST_CASE(products_go_in_waves) {
  const auto profile = small_device();
  SteadyBatch batch;
  batch.n_tokens = 128;
  const double wave = 10 * 2.0 * 128 * 128 * 1000 / 1e12;
  const auto take = [&](double n, double share) {
    return seconds(product(n, 1000), profile, batch, 128, share);
  };
  BOOST_TEST(take(10 * 128, 1) == wave, tolerance(1e-9));
  BOOST_TEST(take(10 * 128 + 1, 1) == 2 * wave, tolerance(1e-9));
  BOOST_TEST(take(20 * 128, 1) == 2 * wave, tolerance(1e-9));
  // Half of the units: 11 tiles take three waves, not four; 20 tiles four.
  BOOST_TEST(take(10 * 128 + 1, 0.5) == 3 * wave, tolerance(1e-9));
  BOOST_TEST(take(20 * 128, 0.5) == 4 * wave, tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(few_rows_get_a_lower_tile) {
  const auto profile = small_device();
  SteadyBatch batch;
  batch.n_tokens = 128;
  const double full = seconds(product(1280, 1000), profile, batch, 128);
  BOOST_TEST(seconds(product(1280, 1000), profile, batch, 64) == full / 2, tolerance(1e-9));
  BOOST_TEST(seconds(product(1280, 1000), profile, batch, 17) == full / 4, tolerance(1e-9));
  BOOST_TEST(seconds(product(1280, 1000), profile, batch, 1) == full / 8, tolerance(1e-9));
}

// One weight matrix of 1 GB on few rows: the memory is what takes the time.
BOOST_AUTO_TEST_CASE(products_of_few_rows_read_their_weights) {
  const auto profile = small_device();
  SteadyBatch batch;
  batch.n_tokens = 1;
  auto operation = product(128, 100);
  operation.weight_bytes = 1e9;
  BOOST_TEST(seconds(operation, profile, batch, 1) == 1e-3, tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(curves_are_straight_between_their_points) {
  const ShareCurve curve({{0.2, 0.3}, {0.4, 0.8}});
  BOOST_TEST(curve.performance(0) == 0);
  BOOST_TEST(curve.performance(0.1) == 0.15, tolerance(1e-9));
  BOOST_TEST(curve.performance(0.3) == 0.55, tolerance(1e-9));
  BOOST_TEST(curve.performance(0.7) == 0.9, tolerance(1e-9));
  BOOST_TEST(curve.performance(1) == 1);
  BOOST_TEST(curve.cheapest() == 0.5, tolerance(1e-9));
  BOOST_TEST(ShareCurve().performance(0.3) == 0.3, tolerance(1e-9));
}

// A request of 300 + 100 tokens is 3 prompt rows for each decoding one, which see 350 on average.
BOOST_AUTO_TEST_CASE(the_steady_batch_is_the_workloads_mix) {
  const auto batch = steady_batch(load_profile("h200"), find_shape("llama-3-8b"), {300, 100}, 1024);
  BOOST_TEST(batch.n_tokens == 1024);
  BOOST_TEST(batch.n_decode == 256);
  BOOST_TEST(batch.n_prefill == 768);
  BOOST_TEST(batch.decode_context == 350);
  // 141e9 - 16.06e9 bytes at 131072 a token: 953,000 tokens; a row brings 350 / 4 + 3 / 4.
  BOOST_TEST(batch.memory_limit == 953'000 / 88.25, tolerance(0.001));
}

BOOST_AUTO_TEST_CASE(questions_without_an_answer) {
  const auto h200 = load_profile("h200");
  BOOST_CHECK_THROW(steady_batch(h200, find_shape("llama-3-70b"), {100, 100}), SimulationError);
  BOOST_CHECK_THROW(steady_batch(h200, find_shape("llama-3-8b"), {8000, 1000}), SimulationError);
  BOOST_CHECK_THROW(steady_batch(h200, find_shape("llama-3-8b"), {0, 10}), SimulationError);
  auto seven = h200;
  seven.devices = 7;
  const auto model = find_shape("llama-3-8b");
  BOOST_CHECK_THROW(device_graph(seven, model, steady_batch(seven, model, {10, 10})),
                    SimulationError);
}

// The counts that the models' own pages give (safetensors metadata).
BOOST_AUTO_TEST_CASE(shapes_have_the_published_parameter_counts) {
  BOOST_TEST(parameters(find_shape("Llama-2-70B")) == 68'976'648'192);
  BOOST_TEST(parameters(find_shape("llama-3-8b")) == 8'030'261'248);
  BOOST_TEST(parameters(find_shape("llama-3-70b")) == 70'553'706'496);
  BOOST_TEST(parameters(find_shape("qwen2-72b")) == 72'706'203'648);
  BOOST_TEST(parameters(find_shape("deepseek-67b")) == 67.42e9, tolerance(0.001));
  BOOST_TEST(parameters(find_shape("mixtral-8x7b")) == 46'702'792'704);
  BOOST_TEST(active_parameters(find_shape("mixtral-8x7b")) == 12.88e9, tolerance(0.001));
  BOOST_TEST(active_parameters(find_shape("llama-3-8b")) == 8'030'261'248);
}

BOOST_AUTO_TEST_CASE(a_shape_may_be_a_config_json) {
  const TemporaryFolder folder;
  const auto file = folder.write("config.json", R"({"architectures": ["LlamaForCausalLM"],
    "hidden_size": 4096, "intermediate_size": 14336, "num_attention_heads": 32,
    "num_hidden_layers": 32, "num_key_value_heads": 8, "vocab_size": 128256,
    "max_position_embeddings": 8192, "rms_norm_eps": 1e-05, "rope_theta": 500000.0,
    "hidden_act": "silu", "tie_word_embeddings": false})");
  for (const auto& path : {folder.path(), file})
    BOOST_TEST(parameters(find_shape(path)) == 8'030'261'248);
  BOOST_CHECK_THROW(find_shape("no-such-model"), ShapeError);
}

BOOST_AUTO_TEST_SUITE_END()
