// The simulation against published figures: Zhu et al., "NanoFlow: Towards Optimal Large Language
// Model Serving Throughput", OSDI'25 (the operation table of section 3, the throughputs of section
// 6), and the figures OfflineThroughput and feasibility in the authors' repository
// efeslab/Nanoflow.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "engine/plan/simulate/model_shape.hpp"
#include "engine/plan/simulate/simulate.hpp"

using namespace nanoflow;
using namespace nanoflow::simulate;
using boost::test_tools::tolerance;

namespace {

constexpr const char* a100 = "a100-80g-sxm-x8";

/// The operation table's setting: Llama-2-70B on 8 A100, 2048 rows, 512 tokens in and 1024 out.
struct PaperTable {
  DeviceProfile profile = load_profile(a100);
  ModelConfig model = find_shape("llama-2-70b");
  SteadyBatch batch = steady_batch(profile, model, {512, 1024});
  DeviceLayer layer = device_graph(profile, model, batch).layers.at(0);

  const DeviceOperation& find(const std::string& name) const {
    for (const auto& operation : layer.operations)
      if (operation.name == name) return operation;
    throw std::runtime_error("no operation " + name);
  }
  double nominal_gemm_ms(const std::string& name) const {
    const auto& gemm = find(name).gemms.at(0);
    return 2.0 * batch.n_tokens * gemm.n * gemm.k / profile.flops * layer.n_layers * 1000;
  }
  double simulated_ms(const std::string& name) const {
    return seconds(find(name), profile, batch, batch.n_tokens) * layer.n_layers * 1000;
  }
};

struct Published {
  const char* model;
  int input, output, devices;
  double optimum, throughput;  // tokens/s/GPU
  double within;               // of the throughput, as the simulation is today
};
std::ostream& operator<<(std::ostream& out, const Published& published) {
  return out << published.model << ' ' << published.input << ':' << published.output;
}

// The feasibility figure gives the throughput and its percentage of the optimum: their quotient is
// the optimum. Two models are off by more than a tenth; docs/simulation.md says so.
const Published published[] = {
    {"llama-2-70b", 512, 512, 8, 1857, 1286, 0.10},
    {"llama-2-70b", 1024, 512, 8, 1857, 1263, 0.10},
    {"llama-2-70b", 512, 1024, 8, 1857, 1212, 0.10},
    {"llama-3-70b", 1024, 512, 8, 1306 / 0.706, 1306, 0.10},
    {"qwen2-72b", 1024, 512, 8, 1213 / 0.674, 1213, 0.13},
    {"deepseek-67b", 1024, 512, 8, 1147 / 0.591, 1147, 0.19},
    {"mixtral-8x7b", 1024, 512, 8, 6564 / 0.637, 6564, 0.10},
    {"llama-3-8b", 1024, 512, 1, 12756 / 0.785, 12756, 0.10},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(published_figures)

BOOST_FIXTURE_TEST_CASE(the_estimated_column, PaperTable) {
  BOOST_TEST(nominal_gemm_ms("qkv") == 11.0, tolerance(0.01));
  BOOST_TEST(nominal_gemm_ms("output") == 8.8, tolerance(0.01));
  BOOST_TEST(nominal_gemm_ms("gate up") == 61.7, tolerance(0.01));
  BOOST_TEST(nominal_gemm_ms("down") == 30.8, tolerance(0.01));
  const double attention = find("decode attention").bytes / profile.memory_bandwidth;
  BOOST_TEST(attention * 80 * 1000 == 28.9, tolerance(0.01));
  BOOST_TEST(roofline(profile, model, batch).network * 1000 == 31.3, tolerance(0.01));
}

// Seven measurements and four efficiencies: the four products share one, and so do the three
// network operations.
BOOST_FIXTURE_TEST_CASE(the_measured_column, PaperTable) {
  BOOST_TEST(simulated_ms("qkv") == 16.1, tolerance(0.03));
  BOOST_TEST(simulated_ms("output") == 16.0, tolerance(0.03));
  BOOST_TEST(simulated_ms("gate up") == 69.9, tolerance(0.03));
  BOOST_TEST(simulated_ms("down") == 35.0, tolerance(0.03));
  BOOST_TEST(simulated_ms("decode attention") == 35.6, tolerance(0.01));
  BOOST_TEST(simulated_ms("prefill attention") == 4.6, tolerance(0.02));
  const double network =
      simulated_ms("gather 1") + simulated_ms("gather 2") + simulated_ms("reduce");
  BOOST_TEST(network == 47.9, tolerance(0.01));
}

// B_dense in the authors' configurations: 2048 for the 70B models, 1024 for Llama-3-8B on one
// A100, whose memory holds no more, 4096 for Mixtral.
BOOST_AUTO_TEST_CASE(the_batch_is_the_authors) {
  auto profile = load_profile(a100);
  BOOST_TEST(steady_batch(profile, find_shape("llama-2-70b"), {512, 512}).n_tokens == 2048);
  BOOST_TEST(steady_batch(profile, find_shape("qwen2-72b"), {1024, 512}).n_tokens == 2048);
  BOOST_TEST(steady_batch(profile, find_shape("mixtral-8x7b"), {1024, 512}).n_tokens == 4096);
  profile.devices = 1;
  BOOST_TEST(steady_batch(profile, find_shape("llama-3-8b"), {1024, 512}).n_tokens == 1024);
}

// Mixtral's optimum is 2.05% off: the authors leave its embeddings out of P.
BOOST_DATA_TEST_CASE(the_optimum_within_two_per_cent, boost::unit_test::data::make(published),
                     figure) {
  const double optimum = optimal_throughput(load_profile(a100), find_shape(figure.model));
  const bool mixtral = figure.model == std::string("mixtral-8x7b");
  BOOST_TEST(optimum == figure.optimum, tolerance(mixtral ? 0.021 : 0.02));
}

BOOST_DATA_TEST_CASE(throughput_and_the_order_of_ablations, boost::unit_test::data::make(published),
                     figure) {
  const auto result = simulate::simulate(load_profile(a100), find_shape(figure.model),
                                         {figure.input, figure.output}, {figure.devices, 0});
  BOOST_TEST(std::abs(result.overlapped.throughput / figure.throughput - 1) <= figure.within,
             figure << ": simulated " << result.overlapped.throughput << ", published "
                    << figure.throughput);
  BOOST_TEST(result.overlapped.throughput > result.sequential.throughput);
  BOOST_TEST(result.sequential.throughput > result.nano_batched.throughput);
  // 13% in the paper, of its own nano-batches.
  const double cost = 1 - result.nano_batched.throughput / result.sequential.throughput;
  BOOST_TEST((0.03 < cost && cost < 0.14), "nano-batches alone cost " << cost);
}

BOOST_AUTO_TEST_SUITE_END()
