#include "tests/engine/device/goldens.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

namespace nanoflow::test {

namespace {

std::ifstream open(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(path + ": cannot be opened");
  return file;
}

std::vector<float> read_floats(const std::string& path) {
  std::vector<float> out(std::filesystem::file_size(path) / sizeof(float));
  open(path).read(reinterpret_cast<char*>(out.data()),
                  static_cast<std::streamsize>(out.size() * sizeof(float)));
  return out;
}

double largest_difference(std::span<const float> logits, std::span<const float> expected,
                          int stride) {
  double largest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double found = logits[i * static_cast<std::size_t>(stride)];
    if (!std::isfinite(found)) return INFINITY;
    largest = std::max(largest, std::abs(found - expected[i]));
  }
  return largest;
}

std::string describe(const Goldens::Case& golden, std::size_t step, TokenId found, double margin) {
  return "prompt of " + std::to_string(golden.prompt.size()) + " tokens, token " +
         std::to_string(step) + ": expected " + std::to_string(golden.tokens[step]) + ", found " +
         std::to_string(found) + ", relative margin " + std::to_string(margin);
}

}  // namespace

Goldens Goldens::read(const std::string& name) {
  const std::string stem = NANOFLOW_TEST_DATA "/logits/" + name;
  auto file = open(stem + ".json");
  const auto json = nlohmann::json::parse(file);
  const auto floats = read_floats(stem + ".f32");
  Goldens out;
  out.logit_stride = json.value("logit_stride", 1);
  const auto width = (json.at("vocab").get<int>() + out.logit_stride - 1) / out.logit_stride;
  // Of which tokens the logits are stored, and in which cases: in all when there is no list.
  const auto steps = json.value("logit_steps", std::vector<int>{0});
  const auto listed = json.value("logit_cases", std::set<int>{});
  auto row = floats.begin();
  for (const auto& from : json.at("cases")) {
    Case to{from.at("prompt"), from.at("tokens"), from.at("margins"), {}, {}};
    if (listed.empty() || listed.contains(static_cast<int>(out.cases.size())))
      to.logit_steps = steps;
    for (std::size_t i = 0; i < to.logit_steps.size(); ++i, row += width)
      to.logits.emplace_back(row, row + width);
    out.cases.push_back(std::move(to));
  }
  if (row != floats.end()) throw std::runtime_error(stem + ".f32: more logits than expected");
  for (const float logit : floats) out.largest_logit = std::max(out.largest_logit, std::abs(logit));
  return out;
}

void compare(const Goldens& goldens, const Goldens::Case& golden, const Answer& answer,
             double tolerance, Parity& parity) {
  for (std::size_t step = 0; step < golden.tokens.size(); ++step) {
    const auto stored = std::ranges::find(golden.logit_steps, static_cast<int>(step));
    if (stored != golden.logit_steps.end()) {
      const auto& expected = golden.logits[stored - golden.logit_steps.begin()];
      const double difference =
          largest_difference(answer.logits.at(step), expected, goldens.logit_stride);
      parity.error = std::max(parity.error, difference / goldens.largest_logit);
      parity.n_logits += static_cast<int>(expected.size());
    }
    const TokenId found = answer.tokens.at(step);
    if (found == golden.tokens[step]) {
      ++parity.n_tokens;
      continue;
    }
    const double margin = golden.margins[step] / goldens.largest_logit;
    if (margin > 2 * tolerance) {
      parity.failures.push_back(describe(golden, step, found, margin));
    } else {
      ++parity.n_near_ties;
      parity.widest_tie = std::max(parity.widest_tie, margin);
    }
    return;
  }
}

}  // namespace nanoflow::test
