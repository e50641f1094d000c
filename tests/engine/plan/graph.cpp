#include "engine/plan/graph.hpp"

#include <boost/test/unit_test.hpp>
#include <set>

#include "engine/plan/schedule.hpp"
#include "tests/engine/plan/model_configs.hpp"

using namespace nanoflow;
using namespace nanoflow::test;

namespace {

const Operation& find(const Block& block, OperationKind kind) {
  for (const auto& operation : block.operations)
    if (operation.kind == kind) return operation;
  throw std::runtime_error("no operation " + std::string(to_string(kind)));
}

/// All numbers that the graph's operations hold, the LM head's included, the embedding's not.
double count_weights(const Graph& graph) {
  const auto of_block = [](const Block& block) {
    double sum = 0;
    for (const auto& operation : block.operations)
      sum += operation.weights + operation.weights_per_expert * operation.n_experts;
    return sum;
  };
  double sum = of_block(graph.prologue()) + of_block(graph.epilogue());
  for (const int layer : graph.layers) sum += of_block(graph.blocks[layer]);
  return sum;
}

StepSequence rows(int position, int n_rows, bool samples) {
  StepSequence sequence;
  sequence.position = position;
  sequence.n_rows = n_rows;
  sequence.samples = samples;
  return sequence;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(graph)

// The counts that the models' own pages give (safetensors metadata).
BOOST_AUTO_TEST_CASE(weights_add_up_to_the_published_parameter_counts) {
  BOOST_TEST(count_weights(build_graph(smollm2_135m())) == 134'515'008);  // tied
  BOOST_TEST(count_weights(build_graph(gemma3_270m())) == 268'098'176);   // tied
  BOOST_TEST(count_weights(build_graph(qwen25_05b())) == 494'032'768);    // tied
  const double llama_embedding = 128256.0 * 4096;
  BOOST_TEST(count_weights(build_graph(llama3_8b())) + llama_embedding == 8'030'261'248);
  const double mixtral_embedding = 32000.0 * 4096;
  BOOST_TEST(count_weights(build_graph(mixtral_8x7b())) + mixtral_embedding == 46'702'792'704);
}

BOOST_AUTO_TEST_CASE(matmuls_do_two_flops_a_weight_and_row) {
  const auto graph = build_graph(smollm2_135m());
  StepShape shape;
  shape.n_tokens = 10;
  shape.n_sampled = 3;
  const auto& layer = graph.blocks[1];
  BOOST_TEST(find(layer, OperationKind::qkv).flops(shape) == 10 * 2.0 * 576 * (576 + 2 * 192));
  BOOST_TEST(find(layer, OperationKind::output).flops(shape) == 10 * 2.0 * 576 * 576);
  BOOST_TEST(find(layer, OperationKind::gate_up).flops(shape) == 10 * 2.0 * 576 * 3072);
  BOOST_TEST(find(layer, OperationKind::down).flops(shape) == 10 * 2.0 * 1536 * 576);
  BOOST_TEST(find(graph.epilogue(), OperationKind::lm_head).flops(shape) == 3 * 2.0 * 576 * 49152);
}

BOOST_AUTO_TEST_CASE(attention_counts_pairs_and_reads_each_context_once) {
  const auto graph = build_graph(llama3_8b());
  StepShape shape;
  shape.n_tokens = 2;
  shape.attended = 1000;
  shape.context = 700;
  shape.kv_bytes = 2;
  const auto& attention = find(graph.blocks[1], OperationKind::attention);
  BOOST_TEST(attention.flops(shape) == 1000.0 * 4 * 32 * 128);
  const double activations = 2 * 2 * 4096.0 * 4;  // two rows, read and written, f32
  BOOST_TEST(attention.bytes(shape) == 700.0 * 2 * 8 * 128 * 2 + activations);
  BOOST_CHECK(attention.resource == Resource::memory);
}

BOOST_AUTO_TEST_CASE(bytes_of_a_matmul_are_its_weights_once_and_its_rows) {
  const auto graph = build_graph(llama3_8b());
  StepShape shape;
  shape.n_tokens = 5;
  const auto& down = find(graph.blocks[1], OperationKind::down);
  BOOST_TEST(down.bytes(shape) == 2.0 * 4096 * 14336 + 5 * 4.0 * (4096 + 14336));
  shape.n_tokens = 0;
  BOOST_TEST(down.bytes(shape) == 0);
}

// At batch 1, 2 of 8 experts are read; at many rows all of them.
BOOST_AUTO_TEST_CASE(experts_read_the_weights_of_those_in_use) {
  const auto graph = build_graph(mixtral_8x7b());
  const auto& experts = find(graph.blocks[1], OperationKind::experts);
  const double one_expert = 3.0 * 4096 * 14336 * 2;
  StepShape shape;
  shape.n_tokens = 1;
  BOOST_TEST(experts.bytes(shape) / one_expert == 2.0, boost::test_tools::tolerance(1e-3));
  shape.n_tokens = 256;
  BOOST_TEST(experts.bytes(shape) / one_expert == 8.0, boost::test_tools::tolerance(0.2));
  BOOST_TEST(experts.flops(shape) >= 256 * 2 * 6.0 * 4096 * 14336);
}

// Llama-3-8B: 2 FLOPs a parameter and token, but for the embedding (Kaplan et al., 2020).
BOOST_AUTO_TEST_CASE(an_iteration_costs_two_flops_a_parameter) {
  const auto graph = build_graph(llama3_8b());
  StepShape shape;
  shape.n_tokens = shape.n_sampled = 100;
  const double expected = 2.0 * (8'030'261'248 - 128256.0 * 4096) * 100;
  BOOST_TEST(graph.flops(shape) == expected, boost::test_tools::tolerance(0.002));
  shape.n_tokens = shape.n_sampled = 1;
  BOOST_TEST(graph.bytes(shape) == expected / 100, boost::test_tools::tolerance(0.002));
}

BOOST_AUTO_TEST_CASE(step_shape_counts_what_each_row_sees) {
  Step step;
  step.sequences = {rows(0, 3, false), rows(10, 1, true), rows(4, 2, true)};
  auto shape = step_shape(step);
  BOOST_TEST(shape.n_tokens == 6);
  BOOST_TEST(shape.n_sampled == 2);
  BOOST_TEST(shape.attended == (1 + 2 + 3) + 11 + (5 + 6));
  BOOST_TEST(shape.context == 3 + 11 + 6);
  shape = step_shape(step, 4);
  BOOST_TEST(shape.windowed_attended == (1 + 2 + 3) + 4 + (4 + 4));
  BOOST_TEST(shape.windowed_context == 3 + 4 + 5);  // [0,3), [7,11), [1,6)
}

BOOST_AUTO_TEST_CASE(each_guess_of_a_draft_is_sampled_too) {
  Step step;
  step.sequences = {rows(0, 3, false), rows(10, 4, true), rows(4, 1, true)};
  step.sequences[1].n_draft = 3;
  BOOST_TEST(step_shape(step).n_sampled == 4 + 1);
  const auto signature = batch_signature(step);
  BOOST_TEST(signature.n_tokens == 8);
  BOOST_TEST(signature.n_decode == 2);
  BOOST_TEST(signature.n_draft == 3);
}

BOOST_AUTO_TEST_CASE(blocks_are_the_kinds_of_layers) {
  const auto gemma = build_graph(gemma3_270m());
  BOOST_REQUIRE_EQUAL(gemma.blocks.size(), 4);
  BOOST_TEST(gemma.prologue().name == "prologue");
  BOOST_TEST(gemma.blocks[1].name == "windowed");
  BOOST_TEST(gemma.blocks[2].name == "dense");
  BOOST_TEST(gemma.epilogue().name == "epilogue");
  BOOST_TEST(gemma.window == 512);
  BOOST_TEST(gemma.layers[5] == 2);
  BOOST_TEST(gemma.layers[6] == 1);
  BOOST_TEST(build_graph(mixtral_8x7b()).blocks[1].name == "experts");
}

BOOST_AUTO_TEST_CASE(operations_have_unique_names_and_read_only_earlier_ones) {
  for (const auto& config : {llama3_8b(), mixtral_8x7b(), gemma3_270m()}) {
    const auto graph = build_graph(config);
    for (const auto& block : graph.blocks) {
      std::set<std::string> names;
      for (int index = 0; index < std::ssize(block.operations); ++index) {
        const auto& operation = block.operations[index];
        BOOST_TEST(names.insert(operation.name).second);
        for (const int input : operation.inputs) BOOST_TEST((0 <= input && input < index));
        const bool has_input = operation.reads_block_input || !operation.inputs.empty();
        BOOST_TEST((has_input || operation.kind == OperationKind::embed));
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
