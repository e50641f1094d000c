#include "engine/text/json_pattern.hpp"
#include "engine/text/json_steps.hpp"
#include "engine/text/nfc.hpp"

namespace nanoflow::text {
namespace {

class Nfc : public Normalizer {
 public:
  void apply(std::string& text, const TimeBudget&) const override { text = to_nfc(text); }
};

class Prepend : public Normalizer {
 public:
  explicit Prepend(std::string prefix) : prefix_(std::move(prefix)) {}
  void apply(std::string& text, const TimeBudget&) const override {
    if (!text.empty()) text.insert(0, prefix_);
  }

 private:
  std::string prefix_;
};

class Replace : public Normalizer {
 public:
  Replace(std::string_view pattern, std::string content)
      : pattern_(pattern), content_(std::move(content)) {}
  void apply(std::string& text, const TimeBudget& budget) const override {
    std::vector<Range> found;
    RegexSearch(pattern_, budget).find_all(text, found);
    std::string out;
    out.reserve(text.size());
    std::size_t end = 0;
    for (const Range& match : found) {
      out.append(text, end, match.begin - end).append(content_);
      end = match.end;
    }
    text = out.append(text, end);
  }

 private:
  Regex pattern_;
  std::string content_;
};

}  // namespace

Normalizers read_normalizers(const JsonObject& root) {
  Normalizers steps;
  for_each_step(root, "normalizer", "normalizers", [&](const JsonObject& step) {
    const std::string type = step.text("type");
    if (type == "NFC") {
      steps.push_back(std::make_unique<Nfc>());
    } else if (type == "Prepend") {
      steps.push_back(std::make_unique<Prepend>(step.text("prepend")));
    } else if (type == "Replace") {
      steps.push_back(std::make_unique<Replace>(read_pattern(step), step.text("content")));
    } else {
      step.fail("type", "NFC, Prepend, Replace or Sequence", type);
    }
  });
  return steps;
}

}  // namespace nanoflow::text
