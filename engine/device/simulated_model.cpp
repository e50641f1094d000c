#include "engine/device/simulated_model.hpp"

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "engine/device/simulated_sampling.hpp"

namespace nanoflow {
namespace {

[[noreturn]] void violation(const Step& step, const std::string& what) {
  throw std::logic_error("simulated device: step " + std::to_string(step.number) + ": " + what);
}

void expect(const Step& step, const StepSequence& sequence, const char* what, std::int64_t expected,
            std::int64_t found) {
  if (expected != found)
    violation(step, "slot " + std::to_string(sequence.slot) + ": " + what + ": expected " +
                        std::to_string(expected) + ", found " + std::to_string(found));
}

}  // namespace

SimulatedModel::SimulatedModel(std::shared_ptr<const Checkpoint> checkpoint,
                               const LoadOptions& load, const SimulatedOptions& simulated)
    : checkpoint_(std::move(checkpoint)),
      load_(load),
      simulated_(simulated),
      graph_(build_graph(checkpoint_->config())),
      pages_(load.n_pages),
      slots_(static_cast<std::size_t>(load.n_slots)),
      n_tables_(static_cast<std::size_t>(load.n_pages)) {}

void SimulatedModel::check(const Schedule& schedule) const {
  check_schedule(graph_, schedule, 1);
}

std::vector<std::shared_ptr<const Program>> SimulatedModel::prepare(const Step& step,
                                                                    const Schedule& schedule) {
  auto& buffer = this->buffer(step.number);
  if (buffer.state == Buffer::State::running)
    violation(step, "its buffer is still in use by step " + std::to_string(buffer.step.number));
  check(step);
  buffer.step = step;
  buffer.result = {.number = step.number, .sampled = {}};
  buffer.state = Buffer::State::prepared;
  std::vector<std::shared_ptr<const Program>> programs;
  for (auto& program : compile(graph_, schedule, step)) {
    auto simulated = std::make_shared<SimulatedProgram>();
    static_cast<Program&>(*simulated) = std::move(program);
    simulated->model = shared_from_this();
    programs.push_back(std::move(simulated));
  }
  return programs;
}

StepResult SimulatedModel::result(std::uint64_t step_number) {
  auto& buffer = this->buffer(step_number);
  if (buffer.state != Buffer::State::done || buffer.step.number != step_number)
    throw std::logic_error("simulated device: the result of step " + std::to_string(step_number) +
                           ", which has not run or was asked for already");
  buffer.state = Buffer::State::empty;
  return std::move(buffer.result);
}

/// What holds for every step, whatever ran before.
void SimulatedModel::check(const Step& step) const {
  if (step.sequences.empty()) violation(step, "it has no sequence");
  if (step.n_tokens() > load_.max_step_tokens)
    violation(step, "expected at most " + std::to_string(load_.max_step_tokens) + " rows, found " +
                        std::to_string(step.n_tokens()));
  std::set<SlotId> slots;
  int n_draft = 0;
  for (const auto& sequence : step.sequences) {
    const int end = sequence.position + sequence.n_rows;
    if (sequence.slot < 0 || sequence.slot >= load_.n_slots || !slots.insert(sequence.slot).second)
      violation(step, "slot " + std::to_string(sequence.slot) + " is out of range or used twice");
    if (sequence.position < 0 || sequence.n_rows < 1 || end > load_.context)
      violation(step, "slot " + std::to_string(sequence.slot) + ": positions [" +
                          std::to_string(sequence.position) + ", " + std::to_string(end) +
                          ") of a context of " + std::to_string(load_.context));
    expect(step, sequence, "rows", sequence.tokens.empty() ? 1 : std::ssize(sequence.tokens),
           sequence.n_rows);
    expect(step, sequence, "pages", (end + page_size - 1) / page_size, std::ssize(sequence.pages));
    if (sequence.n_draft < 0 || sequence.n_draft >= sequence.n_rows)
      violation(step, "slot " + std::to_string(sequence.slot) + ": " +
                          std::to_string(sequence.n_draft) + " of " +
                          std::to_string(sequence.n_rows) + " rows are guesses");
    n_draft += sequence.n_draft;
    if (sequence.samples && !sequence.sampling)
      violation(step, "slot " + std::to_string(sequence.slot) + " samples without parameters");
  }
  if (n_draft > max_draft_rows)
    violation(step, "expected at most " + std::to_string(max_draft_rows) + " guesses, found " +
                        std::to_string(n_draft));
}

void SimulatedModel::run(const SimulatedProgram& program) {
  auto& buffer = this->buffer(program.step);
  auto expected = Buffer::State::prepared;
  if (buffer.step.number != program.step ||
      !buffer.state.compare_exchange_strong(expected, Buffer::State::running))
    throw std::logic_error("simulated device: step " + std::to_string(program.step) +
                           " is run twice or was not prepared");
  const Step& step = buffer.step;
  if (step.number <= last_run_) violation(step, "it runs after step " + std::to_string(last_run_));
  last_run_ = step.number;
  std::this_thread::sleep_for(simulated_.step_time);
  if (simulated_.fail_every > 0 && ++n_runs_ % simulated_.fail_every == 0) {
    buffer.state = Buffer::State::empty;
    pages_.clear();
    slots_.assign(slots_.size(), {});
    throw std::runtime_error("simulated device: step " + std::to_string(step.number) +
                             " fails, as every " + std::to_string(simulated_.fail_every) +
                             ". step; pages and slots are lost");
  }
  check_writes(step);
  for (const auto& sequence : step.sequences) begin(step, sequence);
  for (const auto& instruction : program.instructions)
    if (instruction.type == Instruction::Type::launch) launch(buffer, instruction);
  buffer.state = Buffer::State::done;
}

/// Nobody else may have a page that a step writes.
void SimulatedModel::check_writes(const Step& step) {
  std::fill(n_tables_.begin(), n_tables_.end(), 0);
  for (const auto& sequence : step.sequences)
    for (const PageId page : sequence.pages) {
      if (page < 0 || page >= pages_.n_pages())
        violation(step, "page " + std::to_string(page) + " of " + std::to_string(pages_.n_pages()));
      ++n_tables_[static_cast<std::size_t>(page)];
    }
  for (const auto& sequence : step.sequences)
    for (auto i = static_cast<std::size_t>(sequence.position / page_size);
         i < sequence.pages.size(); ++i)
      if (n_tables_[static_cast<std::size_t>(sequence.pages[i])] > 1)
        violation(step, "page " + std::to_string(sequence.pages[i]) + " is written for slot " +
                            std::to_string(sequence.slot) + " and in another page table");
}

void SimulatedModel::begin(const Step& step, const StepSequence& sequence) {
  auto& slot = slots_[static_cast<std::size_t>(sequence.slot)];
  if (sequence.start)
    slot = {.started = true,
            .next_position = sequence.position,
            .n_prompt = sequence.start->n_prompt,
            .history = sequence.start->tokens};
  if (!slot.started)
    violation(step, "slot " + std::to_string(sequence.slot) + " was never started");
  expect(step, sequence, "position", slot.next_position, sequence.position);
  const int n_known = sequence.n_rows - sequence.n_draft;
  slot.next_position += n_known;  // and more, as far as guesses are right
  const bool newest = sequence.tokens.empty();
  if (newest || sequence.samples)  // its row's token is known, and is the last
    expect(step, sequence, "tokens", slot.next_position, std::ssize(slot.history));
  if (!newest && sequence.samples)
    expect(step, sequence, "newest token", slot.history.back(),
           sequence.tokens[static_cast<std::size_t>(n_known - 1)]);
}

void SimulatedModel::launch(Buffer& buffer, const Instruction& instruction) {
  if (instruction.kind == OperationKind::embed)
    embed(buffer.step, instruction.row_begin, instruction.row_end);
  if (instruction.kind == OperationKind::sample)
    sample(buffer, instruction.sampled_begin, instruction.sampled_end);
}

/// Writes the tokens of these of the step's rows into their pages.
void SimulatedModel::embed(const Step& step, int row_begin, int row_end) {
  int row = 0;  // the sequence's first
  for (const auto& sequence : step.sequences) {
    const auto& slot = slots_[static_cast<std::size_t>(sequence.slot)];
    for (int i = std::max(0, row_begin - row); i < std::min(sequence.n_rows, row_end - row); ++i) {
      const TokenId token = sequence.tokens.empty() ? slot.history.back()
                                                    : sequence.tokens[static_cast<std::size_t>(i)];
      pages_.write(sequence.pages, sequence.position + i, token);
    }
    row += sequence.n_rows;
  }
}

/// For the sequences whose rows are these of the step's rows that sample.
void SimulatedModel::sample(Buffer& buffer, int begin, int end) {
  int row = 0;
  for (const auto& sequence : buffer.step.sequences) {
    const int first = std::exchange(row, row + sequence.n_sampled());
    if (row <= begin || first >= end || first == row) continue;
    if (first < begin || row > end) violation(buffer.step, "a draft's rows are sampled apart");
    sample(sequence, buffer.result);
  }
}

/// One token, and one for each guess that was right.
void SimulatedModel::sample(const StepSequence& sequence, StepResult& result) {
  auto& slot = slots_[static_cast<std::size_t>(sequence.slot)];
  for (int row = sequence.n_rows - sequence.n_sampled(); row < sequence.n_rows; ++row) {
    const auto digest = pages_.digest(sequence.pages, sequence.position + row + 1);
    auto sampled = simulated_sample(digest, slot, sequence.choice, *sequence.sampling,
                                    checkpoint_->config().vocab_size);
    sampled.slot = sequence.slot;
    slot.history.push_back(sampled.token);
    const TokenId token = sampled.token;
    result.sampled.push_back(std::move(sampled));
    if (row + 1 == sequence.n_rows || sequence.tokens[static_cast<std::size_t>(row + 1)] != token)
      break;
    ++slot.next_position;
  }
}

}  // namespace nanoflow
