// Programs are executed here one instruction at a time, in hostile interleavings, by a checker that
// knows rows and events and nothing of how the compiler finds dependencies.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <map>
#include <numeric>

#include "engine/plan/program.hpp"
#include "engine/plan/row_cuts.hpp"
#include "tests/engine/plan/model_configs.hpp"
#include "tests/engine/plan/random_schedule.hpp"

using namespace nanoflow;
using namespace nanoflow::test;

namespace {

/// What has been computed: (position of the block in the iteration, operation, row).
class Execution {
 public:
  Execution(const Graph& graph, const Step& step) : graph_(graph) {
    for (const auto& sequence : step.sequences)
      for (int row = 0; row < sequence.n_rows; ++row) {
        sequence_begin_.push_back(static_cast<int>(sequence_begin_.size()) - row);
        sampled_.push_back(sequence.samples && row + 1 + sequence.n_draft >= sequence.n_rows);
      }
    done_.resize(graph.layers.size() + 2);
    for (int place = 0; place < std::ssize(done_); ++place)
      done_[place].assign(block(place).operations.size(),
                          std::vector<bool>(sequence_begin_.size()));
  }

  void launch(const Instruction& launch) {
    const int place = place_of(launch);
    const auto& operation = block(place).operations[launch.operation];
    BOOST_REQUIRE(operation.kind == launch.kind);
    check_sampled(launch);
    for (int row = launch.row_begin; row < launch.row_end; ++row) {
      if (operation.sampled_rows && !sampled_[row]) continue;
      if (operation.kind == OperationKind::sample) check_together(launch, row);
      const bool attends = operation.kind == OperationKind::attention;
      for (int read = attends ? sequence_begin_[row] : row; read <= row; ++read) {
        for (const int input : operation.inputs) require(done_[place][input][read], launch, row);
        if (operation.reads_block_input) require(done_[place - 1].back()[read], launch, row);
      }
      require(!done_[place][launch.operation][row], launch, row);
      done_[place][launch.operation][row] = true;
    }
  }

  void finish() const {
    for (int place = 0; place < std::ssize(done_); ++place)
      for (std::size_t operation = 0; operation < done_[place].size(); ++operation)
        for (std::size_t row = 0; row < sampled_.size(); ++row)
          BOOST_REQUIRE(done_[place][operation][row] ||
                        (block(place).operations[operation].sampled_rows && !sampled_[row]));
  }

 private:
  const Block& block(int place) const {
    if (place == 0) return graph_.prologue();
    if (place > std::ssize(graph_.layers)) return graph_.epilogue();
    return graph_.blocks[graph_.layers[place - 1]];
  }
  int place_of(const Instruction& launch) const {
    if (launch.block == 0) return 0;
    if (launch.block == graph_.epilogue_index()) return static_cast<int>(graph_.layers.size()) + 1;
    BOOST_REQUIRE_EQUAL(graph_.layers.at(launch.layer), launch.block);
    return launch.layer + 1;
  }
  void check_sampled(const Instruction& launch) const {
    const auto begin = sampled_.begin();
    const auto before = std::count(begin, begin + launch.row_begin, true);
    BOOST_REQUIRE_EQUAL(launch.sampled_begin, before);
    const auto within = std::count(begin + launch.row_begin, begin + launch.row_end, true);
    BOOST_REQUIRE_EQUAL(launch.sampled_end, before + within);
  }
  /// One launch samples all of a draft's rows.
  void check_together(const Instruction& launch, int row) const {
    for (int other = 0; other < std::ssize(sampled_); ++other)
      if (sampled_[other] && sequence_begin_[other] == sequence_begin_[row])
        BOOST_REQUIRE(launch.row_begin <= other && other < launch.row_end);
  }
  static void require(bool holds, const Instruction& launch, int row) {
    BOOST_REQUIRE_MESSAGE(holds, to_string(launch.kind) << " of layer " << launch.layer << ": row "
                                                        << row << " is out of turn");
  }

  const Graph& graph_;
  std::vector<int> sequence_begin_;                   // [rows]
  std::vector<bool> sampled_;                         // [rows]
  std::vector<std::vector<std::vector<bool>>> done_;  // [places][operations][rows]
};

/// Runs the programs, each time one instruction of the stream that `next` picks among those that
/// can go on.
template <class Next>
void execute(const Graph& graph, const Step& step, const std::vector<Program>& programs,
             Next next) {
  Execution execution(graph, step);
  std::vector<std::size_t> at(programs.size());
  std::vector<bool> recorded(programs.front().n_events);
  while (true) {
    std::vector<int> open;
    bool finished = true;
    for (std::size_t stream = 0; stream < programs.size(); ++stream) {
      if (at[stream] == programs[stream].instructions.size()) continue;
      finished = false;
      const auto& instruction = programs[stream].instructions[at[stream]];
      if (instruction.type != Instruction::Type::wait || recorded.at(instruction.event))
        open.push_back(static_cast<int>(stream));
    }
    if (finished) break;
    BOOST_REQUIRE_MESSAGE(!open.empty(), "every stream waits");
    const int stream = next(open);
    const auto& instruction = programs[stream].instructions[at[stream]++];
    if (instruction.type == Instruction::Type::launch) execution.launch(instruction);
    if (instruction.type == Instruction::Type::record) recorded.at(instruction.event) = true;
  }
  execution.finish();
}

/// One stream as far as it gets, then the next: what is not waited for is seen to be missing.
void execute_in_every_priority(const Graph& graph, const Step& step,
                               const std::vector<Program>& programs) {
  std::vector<int> priority(programs.size());
  std::iota(priority.begin(), priority.end(), 0);
  do {
    execute(graph, step, programs, [&](const std::vector<int>& open) {
      return *std::min_element(open.begin(), open.end(),
                               [&](int a, int b) { return priority[a] < priority[b]; });
    });
  } while (std::next_permutation(priority.begin(), priority.end()));
}

ModelConfig shallow(ModelConfig config, int n_layers) {
  config.n_layers = n_layers;
  config.layers.resize(n_layers);
  return config;
}

std::size_t count(const std::vector<Program>& programs, Instruction::Type type) {
  std::size_t sum = 0;
  for (const auto& program : programs)
    sum += std::count_if(program.instructions.begin(), program.instructions.end(),
                         [&](const Instruction& instruction) { return instruction.type == type; });
  return sum;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(compile_programs)

BOOST_AUTO_TEST_CASE(every_operation_runs_once_on_every_row_after_what_it_reads) {
  Random random(3);
  for (const auto& config :
       {shallow(smollm2_135m(), 2), shallow(mixtral_8x7b(), 2), shallow(gemma3_270m(), 7)}) {
    const auto graph = build_graph(config);
    for (int round = 0; round < 150; ++round) {
      const auto step = random_step(random);
      const auto schedule = random_schedule(random, graph);
      const auto programs = compile(graph, schedule, step);
      BOOST_REQUIRE_EQUAL(programs.size(), schedule.streams.size());
      execute_in_every_priority(graph, step, programs);
      execute(graph, step, programs, [&](const std::vector<int>& open) {
        return open[pick(random, 0, static_cast<int>(open.size()) - 1)];
      });
    }
  }
}

BOOST_AUTO_TEST_CASE(sequential_is_one_launch_an_operation_and_no_event) {
  const auto graph = build_graph(smollm2_135m());
  Random random(5);
  auto step = random_step(random);
  step.number = 12;
  step.sequences.front().samples = true;
  const auto programs = compile(graph, sequential_schedule(graph), step);
  BOOST_REQUIRE_EQUAL(programs.size(), 1);
  BOOST_TEST(programs[0].instructions.size() == 1 + 30 * 10 + 3);
  BOOST_TEST(programs[0].n_events == 0);
  BOOST_TEST(programs[0].step == 12);
  BOOST_TEST(programs[0].shape.n_tokens == step.n_tokens());
}

BOOST_AUTO_TEST_CASE(nothing_is_launched_without_rows) {
  const auto graph = build_graph(smollm2_135m());
  Step step;
  step.number = 1;
  step.sequences.resize(1);
  step.sequences[0].n_rows = 40;  // one page boundary: two of four nano-batches, none samples
  const auto programs = compile(graph, split_schedule(graph, 4), step);
  BOOST_TEST(programs[0].instructions.size() == 2 * (1 + 30 * 10));
  for (const auto& instruction : programs[0].instructions)
    BOOST_TEST(instruction.row_begin < instruction.row_end);
}

BOOST_AUTO_TEST_CASE(rows_are_cut_between_sequences_where_that_is_near_else_between_pages) {
  const auto graph = build_graph(smollm2_135m());
  Step step;
  step.number = 1;
  step.sequences.resize(2);
  step.sequences[0].n_rows = 45;
  step.sequences[1].n_rows = 55;
  BOOST_TEST(compile(graph, split_schedule(graph, 2), step)[0].instructions[0].row_end == 45);
  step.sequences[0].n_rows = 20;
  step.sequences[1].n_rows = 80;
  step.sequences[1].position = 1;  // its row 31, the step's row 51, begins a page
  BOOST_TEST(compile(graph, split_schedule(graph, 2), step)[0].instructions[0].row_end == 51);
}

// Rows that see more cost more: halves of the work, not of the rows.
BOOST_AUTO_TEST_CASE(a_cut_weighs_what_rows_attend_to) {
  const RowCost cost{.products = 100, .attended = 1, .read = 32};
  Step step;
  for (const int position : {0, 0, 0, 0, 399, 132, 132, 132}) {
    auto& sequence = step.sequences.emplace_back();
    sequence.position = position;
    sequence.n_rows = 1;
  }
  // 100, and 33 for each position seen: 133 four times, 13300, 4489 three times.
  BOOST_TEST(RowCuts(step, cost, {0.5F, 0.5F}).begin(1) == 5);
  BOOST_TEST(RowCuts(step, {.products = 100, .attended = 0, .read = 0}, {0.5F, 0.5F}).begin(1) ==
             4);
  // A prompt's rows read K and V together, 16 at a time: 100 + 3 for each position, 1 to 48, which
  // reaches half of its sum, 4164, with row 28 (2800 + 3 * 406 = 4018).
  step.sequences.assign(1, {});
  step.sequences[0].n_rows = 48;
  const std::vector<float> halves{0.5F, 0.5F};
  const RowCuts prompt(step, cost, halves);
  BOOST_TEST(prompt.begin(1) == 32);  // where a page begins
}

// Two streams that each run one half of the rows need to meet only where a sequence is cut.
BOOST_AUTO_TEST_CASE(events_are_only_where_streams_need_each_other) {
  const auto graph = build_graph(smollm2_135m());
  auto schedule = split_schedule(graph, 2);
  schedule.streams = {"left", "right"};
  for (auto& block : schedule.blocks)
    for (auto& launch : block) launch.stream = launch.nano_begin;
  Step step;
  step.number = 1;
  step.sequences.resize(2);
  step.sequences[0].n_rows = step.sequences[1].n_rows = 50;
  BOOST_TEST(count(compile(graph, schedule, step), Instruction::Type::wait) == 0);
  step.sequences.resize(1);
  step.sequences[0].n_rows = 100;
  const auto cut = compile(graph, schedule, step);
  BOOST_TEST(count(cut, Instruction::Type::wait) == 30);
  BOOST_TEST(cut[0].n_events == 30);
}

BOOST_AUTO_TEST_SUITE_END()
