// What weights, keys and values of fewer bits cost in quality: the perplexity of a text, exp of the
// mean negative log likelihood of its tokens, under each format. The text is cut into windows, and
// each window's tokens are predicted from those before them in it. Only differences mean something:
// they depend on the text and the window.
//
//   bench_quality MODEL TEXT [--window 256] [--windows 32] [--weights f32,bf16,auto,...]
//                 [--kv auto,bf16,int8,...]      each of them with each format of weights
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "engine/device/cpu_model.hpp"
#include "engine/device/device.hpp"
#include "engine/text/tokenizer.hpp"
#include "kernels/sample.hpp"

using namespace nanoflow;

namespace {

struct Options {
  std::string model, text;
  int window = 256, n_windows = 32;
  std::vector<std::string> weights{"f32", "bf16", "int8", "auto"}, kv{"auto"};
};

std::vector<std::string> split(const std::string& words) {
  std::vector<std::string> list;
  std::istringstream stream(words);
  for (std::string word; std::getline(stream, word, ',');) list.push_back(word);
  return list;
}

Options parse(int argc, char** argv) {
  Options options;
  std::vector<std::string> words(argv + 1, argv + argc), files;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool has_value = i + 1 < words.size();
    if (words[i] == "--window" && has_value) {
      options.window = std::max(2, std::atoi(words[++i].c_str()));
    } else if (words[i] == "--windows" && has_value) {
      options.n_windows = std::max(1, std::atoi(words[++i].c_str()));
    } else if (words[i] == "--weights" && has_value) {
      options.weights = split(words[++i]);
    } else if (words[i] == "--kv" && has_value) {
      options.kv = split(words[++i]);
    } else {
      files.push_back(words[i]);
    }
  }
  if (files.size() == 2) {
    options.model = files[0];
    options.text = files[1];
    return options;
  }
  std::fprintf(stderr,
               "usage: bench_quality MODEL TEXT [--window N] [--windows N] [--weights LIST] "
               "[--kv LIST]\n");
  std::exit(2);
}

/// [n_windows][window]
std::vector<std::vector<TokenId>> read_windows(const Options& options) {
  std::ifstream file(options.text, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + options.text);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto tokenizer = load_tokenizer(options.model);
  const auto tokens = tokenizer->encode(text, {.add_special = false});
  const auto own = static_cast<std::size_t>(options.window - (tokenizer->bos() ? 1 : 0));
  std::vector<std::vector<TokenId>> windows;
  for (std::size_t at = 0; at + own <= tokens.size() && std::ssize(windows) < options.n_windows;
       at += own) {
    auto& window = windows.emplace_back();
    if (tokenizer->bos()) window.push_back(*tokenizer->bos());
    window.insert(window.end(), tokens.begin() + static_cast<std::ptrdiff_t>(at),
                  tokens.begin() + static_cast<std::ptrdiff_t>(at + own));
  }
  if (windows.empty()) throw std::runtime_error("the text has less than one window of tokens");
  return windows;
}

/// All windows side by side, a token of each at a time, so that each position's logits are there.
class Perplexity {
 public:
  Perplexity(const Options& options, const std::vector<std::vector<TokenId>>& windows,
             const std::string& weights, const std::string& kv)
      : windows_(windows), device_(make_device({.kind = "cpu"})) {
    LoadOptions load;
    load.weights = known("--weights", weights, weight_formats, parse_weight_format(weights));
    load.kv = known("--kv", kv, kv_formats, parse_kv_format(kv));
    load.n_slots = load.max_step_tokens = static_cast<int>(windows.size());
    pages_a_window_ = (options.window + page_size - 1) / page_size;
    load.n_pages = load.n_slots * pages_a_window_;
    load.keep_logits = true;
    auto checkpoint = Checkpoint::open(options.model);
    model_ = std::dynamic_pointer_cast<CpuModel>(device_->load(checkpoint, load));
    greedy_->temperature = 0;
    device_->streams().front()->bind();
  }

  double run() {
    double sum = 0;
    const int length = static_cast<int>(windows_.front().size());
    for (int position = 0; position + 1 < length; ++position) {
      const Step step = make_step(position);
      const auto programs = model_->prepare(step, sequential_schedule(model_->graph()));
      device_->streams().front()->run(*programs.front());
      for (int i = 0; i < std::ssize(windows_); ++i)
        sum += log_likelihood(model_->logits(step.number, i), windows_[i][position + 1]);
    }
    return std::exp(-sum / (static_cast<double>(windows_.size()) * (length - 1)));
  }
  const CpuModel& model() const { return *model_; }

 private:
  template <class Format>
  static Format known(const char* option, const std::string& word, std::string_view all,
                      std::optional<Format> format) {
    if (format) return *format;
    throw std::runtime_error(std::string(option) + ": '" + word + "' is none of " +
                             std::string(all));
  }
  static double log_likelihood(std::span<const float> logits, TokenId token) {
    return kernels::log_probabilities({}, logits.data(), static_cast<int>(logits.size()), token);
  }
  Step make_step(int position) {
    Step step;
    step.number = position + 1;
    for (int i = 0; i < std::ssize(windows_); ++i) {
      auto& sequence = step.sequences.emplace_back();
      sequence.slot = i;
      sequence.position = position;
      sequence.n_rows = 1;
      sequence.tokens = {windows_[i][position]};
      std::vector<PageId> pages;
      for (int page = 0; page * page_size <= position; ++page)
        pages.push_back(i * pages_a_window_ + page);
      sequence.pages = std::move(pages);
      sequence.samples = true;
      sequence.sampling = greedy_;
    }
    return step;
  }

  const std::vector<std::vector<TokenId>>& windows_;
  std::unique_ptr<Device> device_;
  std::shared_ptr<CpuModel> model_;
  std::shared_ptr<SamplingParams> greedy_ = std::make_shared<SamplingParams>();
  int pages_a_window_ = 0;
};

void run(const Options& options) {
  const auto windows = read_windows(options);
  std::printf("%s, %zu windows of %d tokens of %s\n", options.model.c_str(), windows.size(),
              options.window, options.text.c_str());
  std::printf("%-8s %-16s %-6s %12s %14s %10s\n", "weights", "kept as", "KV", "bytes each",
              "perplexity", "of first");
  double first = 0;
  for (const std::string& weights : options.weights) {
    for (const std::string& kv : options.kv) {
      Perplexity measured(options, windows, weights, kv);
      const double perplexity = measured.run();
      if (first == 0) first = perplexity;
      const auto& model = measured.model();
      std::printf("%-8s %-16s %-6s %12.3f %14.4f %+9.2f%%\n", weights.c_str(),
                  model.weights().c_str(), std::string(to_string(model.kv())).c_str(),
                  model.weight_bytes(), perplexity, 100 * (perplexity / first - 1));
      std::fflush(stdout);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(parse(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_quality: %s\n", error.what());
    return 1;
  }
}
