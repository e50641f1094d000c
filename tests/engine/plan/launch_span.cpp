#include "engine/plan/launch_span.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/engine/plan/model_configs.hpp"

using namespace nanoflow;
using namespace nanoflow::test;

namespace {

LaunchSpan span(OperationKind kind, int stream, int layer, int row, std::int64_t begin,
                std::int64_t end) {
  return {.kind = kind,
          .stream = stream,
          .block = 1,
          .layer = layer,
          .row_begin = row,
          .begin_ns = begin,
          .end_ns = end};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(launch_spans)

BOOST_AUTO_TEST_CASE(the_middle_layer_is_what_all_streams_do_while_the_first_is_at_it) {
  const auto graph = build_graph(smollm2_135m());  // 30 layers: the one in the middle is 15
  const auto qkv = OperationKind::qkv, down = OperationKind::down,
             attend = OperationKind::attention;
  const auto layer =
      middle_layer(graph, {span(down, 0, 14, 0, 900, 1000), span(qkv, 0, 15, 0, 1000, 1100),
                           span(down, 0, 15, 0, 1150, 1400), span(qkv, 0, 16, 0, 1400, 1500),
                           // The other stream is a layer behind.
                           span(down, 1, 14, 32, 1200, 1900), span(attend, 1, 14, 32, 800, 1200),
                           span(qkv, 1, 15, 32, 1900, 2000)});
  BOOST_REQUIRE_EQUAL(layer.size(), 4u);
  const auto is = [&](std::size_t i, OperationKind kind, int stream, int begin, int end) {
    BOOST_TEST((layer[i].kind == kind && layer[i].stream == stream));
    BOOST_TEST(layer[i].begin_ns == begin);
    BOOST_TEST(layer[i].end_ns == end);
  };
  is(0, qkv, 0, 0, 100);
  is(1, down, 0, 150, 400);
  is(2, attend, 1, 0, 200);
  is(3, down, 1, 200, 400);
  BOOST_TEST(nano_batches_of(layer) == (std::vector<int>{0, 0, 1, 1}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_is_outside_of_the_layers_is_no_layer) {
  auto config = smollm2_135m();
  config.n_layers = 1;
  config.layers.resize(1);
  const auto graph = build_graph(config);
  auto embed = span(OperationKind::embed, 0, 0, 0, 0, 10);
  auto head = span(OperationKind::lm_head, 0, 0, 0, 30, 40);
  embed.block = 0;
  head.block = graph.epilogue_index();
  const auto layer = middle_layer(graph, {embed, span(OperationKind::qkv, 0, 0, 0, 10, 30), head});
  BOOST_REQUIRE_EQUAL(layer.size(), 1u);
  BOOST_TEST((layer[0].kind == OperationKind::qkv));
  BOOST_TEST(middle_layer(graph, {}).empty());
}

BOOST_AUTO_TEST_SUITE_END()
