// By hand, on a graph small enough for that.
#include "engine/plan/roofline.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/engine/plan/model_configs.hpp"

using namespace nanoflow;
using namespace nanoflow::test;

namespace {

/// Three layers of one matrix of 100 weights, and attention that reads 10 numbers a token of
/// context; an LM head of 1000 weights.
Graph small_graph(bool windowed = false) {
  Operation product, attention, head;
  product.resource = Resource::compute;
  product.weights = 100;
  product.flops_per_row = 200;
  product.activation_bytes_per_row = 7;
  attention.kind = OperationKind::attention;
  attention.flops_per_attended = 3;
  attention.kv_per_token = 10;
  attention.activation_bytes_per_row = 7;
  attention.windowed = windowed;
  head.kind = OperationKind::lm_head;
  head.resource = Resource::compute;
  head.sampled_rows = true;
  head.weights = 1000;
  head.flops_per_row = 2000;
  Graph graph;
  graph.blocks = {{"prologue", {}}, {"dense", {product, attention}}, {"epilogue", {head}}};
  graph.layers = {1, 1, 1};
  return graph;
}

/// Four rows of two sequences, of which both sample.
StepShape shape() {
  StepShape shape;
  shape.n_tokens = 4;
  shape.n_sampled = 2;
  shape.attended = 99;
  shape.context = 50;
  shape.windowed_context = 20;
  shape.weight_bytes = 2;
  shape.kv_bytes = 1;
  return shape;
}

const auto near = boost::test_tools::tolerance(1e-9);

}  // namespace

BOOST_AUTO_TEST_SUITE(roofline)

BOOST_AUTO_TEST_CASE(a_step_needs_its_products_and_what_comes_from_memory) {
  const auto needs = step_needs(small_graph(), shape());
  BOOST_TEST(needs.flops == 3 * 4 * 200 + 2 * 2000, near);  // not those of attention
  BOOST_TEST(needs.weight_bytes == (3 * 100 + 1000) * 2, near);
  BOOST_TEST(needs.kv_bytes == 3 * 10 * 50 * 1, near);
  BOOST_TEST(step_needs(small_graph(true), shape()).kv_bytes == 3 * 10 * 20, near);
}

BOOST_AUTO_TEST_CASE(without_a_sampled_row_the_head_is_not_read) {
  auto prompt = shape();
  prompt.n_sampled = 0;
  const auto needs = step_needs(small_graph(), prompt);
  BOOST_TEST(needs.flops == 2400, near);
  BOOST_TEST(needs.weight_bytes == 600, near);
}

BOOST_AUTO_TEST_CASE(the_slower_of_products_and_weights_and_then_keys_and_values) {
  // 6400 FLOPs, 2600 bytes of weights, 1500 of K and V.
  const auto needs = step_needs(small_graph(), shape());
  BOOST_TEST(roofline_s(needs, {1000, 100}) == 26 + 15, near);
  BOOST_TEST(roofline_s(needs, {100, 100}) == 64 + 15, near);
}

// 106,168,320 weights in SmolLM2-135M's layers (its 134,515,008 parameters less embedding, which is
// the LM head, and norms), 28,311,552 in its LM head.
BOOST_AUTO_TEST_CASE(of_a_real_model) {
  StepShape one;
  one.n_tokens = one.n_sampled = 1;
  const double norms = 61 * 576;
  const auto needs = step_needs(build_graph(smollm2_135m()), one);
  BOOST_TEST(needs.flops == 2.0 * (106'168'320 + 28'311'552), near);
  BOOST_TEST(needs.weight_bytes == 2.0 * (106'168'320 + 28'311'552 + norms), near);
}

BOOST_AUTO_TEST_SUITE_END()
