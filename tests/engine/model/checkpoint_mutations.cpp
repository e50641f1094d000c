// Thousands of seeded mutations of sound model files: each opens or is refused with a ModelError;
// what opens can be read to the last byte. Run it under AddressSanitizer too.
#include <iostream>
#include <random>

#include "engine/model/checkpoint.hpp"
#include "engine/model/gguf_file.hpp"
#include "model_files.hpp"

using namespace model_files;
using nanoflow::Checkpoint;

namespace {

/// Bytes that change, go, come twice or are replaced by the numbers that break decoders.
class Mutator {
 public:
  explicit Mutator(std::uint32_t seed) : random_(seed) {}

  /// Only the first `reach` bytes are touched: a header, where mistakes matter.
  std::string mutate(std::string file, std::size_t reach) {
    reach = std::min(reach, file.size());
    for (std::size_t n = 1 + below(3); n > 0; --n) {
      const std::size_t at = below(reach);
      switch (below(6)) {
        case 0:
          file[at] = static_cast<char>(below(256));
          break;
        case 1:
          file[at] = static_cast<char>(file[at] ^ (1 << below(8)));
          break;
        case 2:
          put(file, at, hostile_numbers[below(std::size(hostile_numbers))]);
          break;
        case 3:
          file.erase(at, 1 + below(16));
          break;
        case 4:
          file.insert(at, file.substr(below(reach), 1 + below(32)));
          break;
        default:
          file.resize(1 + below(file.size()));
          break;
      }
      reach = std::min(reach, file.size());
    }
    return file;
  }

 private:
  static constexpr std::uint64_t hostile_numbers[] = {
      0, 1, ~0ULL, 1ULL << 63, (1ULL << 63) - 1, 1ULL << 32, (1ULL << 62) + 1, 0x7fc00000, 4096};

  std::size_t below(std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_);
  }
  static void put(std::string& file, std::size_t at, std::uint64_t number) {
    const std::string bytes = model_files::bytes(number);
    file.replace(at, std::min(bytes.size(), file.size() - at), bytes.substr(0, file.size() - at));
  }

  std::mt19937 random_;
};

/// The sum of all bytes, so that every one is read.
std::size_t touch(const nanoflow::TensorView& tensor) {
  std::size_t total = 0;
  for (const std::byte b : tensor.data) total += std::to_integer<std::size_t>(b);
  return total;
}

bool opens(const fs::path& path) {
  try {
    const auto model = Checkpoint::open(path);
    std::size_t total = touch(model->tensors().token_embedding) + touch(model->tensors().output);
    for (const nanoflow::LayerTensors& layer : model->tensors().layers) {
      total += touch(layer.q) + touch(layer.k) + touch(layer.down);
      for (const nanoflow::TensorView& expert : layer.expert_down) total += touch(expert);
    }
    return total > 0;
  } catch (const nanoflow::ModelError& error) {
    BOOST_TEST(std::string_view(error.what()).size() < 1000U);
    return false;
  }
}

struct Counts {
  int opened = 0, refused = 0;
  void add(bool open) { ++(open ? opened : refused); }
  ~Counts() { std::cout << opened << " mutated models opened, " << refused << " were refused\n"; }
};

/// Mutates one file of a stored folder.
void mutate_folder(const Folder& work, const std::string& model, const std::string& file,
                   int rounds, std::size_t reach) {
  const fs::path folder = work.copy(model);
  const std::string sound = read(folder / file);
  Mutator mutator(7);
  Counts counts;
  for (int i = 0; i < rounds; ++i) {
    work.write(model + "/" + file, mutator.mutate(sound, reach));
    counts.add(opens(folder));
  }
  BOOST_TEST(counts.refused > rounds / 10);
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(checkpoint_mutations, Folder)

BOOST_AUTO_TEST_CASE(mutated_gguf_files_never_crash) {
  for (const char* model :
       {"gguf-llama-old-quants.gguf", "gguf-gemma3-q8.gguf", "gguf-qwen3-moe-q4.gguf"}) {
    const std::string sound = read(logits / model);
    Mutator mutator(11);
    Counts counts;
    for (int i = 0; i < 2000; ++i) {
      counts.add(opens(write("m.gguf", mutator.mutate(sound, i % 2 == 0 ? 3000 : sound.size()))));
    }
    BOOST_TEST(counts.refused > 500);
  }
}

BOOST_AUTO_TEST_CASE(mutated_vocabularies_never_crash) {
  std::string sound = header(0, 3) + array_head("words", string, 40);
  for (int i = 0; i < 40; ++i) sound += text("word " + std::to_string(i));
  sound += array_head("scores", f32, 40) + std::string(160, '\1') + pair("word", "text");
  Mutator mutator(13);
  Counts counts;
  for (int i = 0; i < 4000; ++i) {
    const fs::path path = write("v.gguf", mutator.mutate(sound, sound.size()));
    try {
      const auto file = nanoflow::GgufFile::open(path);
      for (const std::string_view word :
           file->texts("words").value_or(std::vector<std::string_view>{})) {
        BOOST_TEST(word.size() < 2000U);
      }
      counts.add(file->numbers("scores").has_value() && file->text("word").has_value());
    } catch (const nanoflow::ModelError&) {
      counts.add(false);
    }
  }
  BOOST_TEST(counts.refused > 1000);
}

BOOST_AUTO_TEST_CASE(mutated_safetensors_never_crash) {
  mutate_folder(*this, "mixtral", "model.safetensors", 2000, 6000);
  mutate_folder(*this, "llama", "model.safetensors", 1500, 3000);
}

BOOST_AUTO_TEST_CASE(mutated_configurations_never_crash) {
  for (const char* model : {"llama-rope-yarn", "gemma3", "qwen3-moe-dense-layers"}) {
    mutate_folder(*this, model, "config.json", 1500, 10000);
  }
  mutate_folder(*this, "qwen2", "generation_config.json", 1000, 10000);
  mutate_folder(*this, "llama-mqa-sharded", "model.safetensors.index.json", 1000, 10000);
}

BOOST_AUTO_TEST_SUITE_END()
