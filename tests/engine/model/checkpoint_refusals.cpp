// Models that cannot be served are refused by name, and what files may leave out is filled in.
#include <functional>

#include "engine/model/checkpoint.hpp"
#include "model_files.hpp"

using namespace model_files;
using nanoflow::Checkpoint;
using nanoflow::ModelConfig;
using nlohmann::json;

namespace {

struct Models : Folder {
  /// Opens a stored model after its config.json was edited.
  std::shared_ptr<const Checkpoint> edited(const std::string& model,
                                           const std::function<void(json&)>& edit) const {
    fs::remove_all(path / model);
    const fs::path folder = copy(model);
    json config = json::parse(read(folder / "config.json"));
    edit(config);
    std::ofstream(folder / "config.json") << config;
    return Checkpoint::open(folder);
  }
  void refused(const std::string& model, const std::string& key, const json& value,
               const std::string& reason) const {
    BOOST_TEST_CONTEXT(key << " " << value) {
      const std::string message = refusal(
          [&] { edited(model, [&](json& config) { config[json::json_pointer(key)] = value; }); });
      BOOST_TEST(contains(message, reason), message);
    }
  }
};

/// A stored GGUF with one metadata number replaced; the key's value has 4 bytes.
std::string with_number(const std::string& file, const std::string& key,
                        const std::string& number) {
  std::string bytes = read(logits / file);
  const std::size_t at = bytes.find(key);
  BOOST_REQUIRE(at != std::string::npos);
  return bytes.replace(at + key.size() + 4, number.size(), number);
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(checkpoint_refusals, Models)

BOOST_AUTO_TEST_CASE(numbers_out_of_range_name_their_key) {
  refused("llama", "/num_hidden_layers", 0, "num_hidden_layers: expected 1 to 1024, found 0");
  refused("llama", "/num_hidden_layers", 1 << 30, "num_hidden_layers: expected 1 to 1024");
  refused("llama", "/num_hidden_layers", 1e300, "num_hidden_layers: expected an integer");
  refused("llama", "/num_hidden_layers", "2",
          "num_hidden_layers: expected an integer, found string");
  refused("llama", "/num_hidden_layers", nullptr,
          "num_hidden_layers: expected 1 to 1024, found nothing");
  refused("llama", "/num_hidden_layers", 3,
          "model.layers.2.input_layernorm.weight: expected [32], found none");
  refused("llama", "/num_hidden_layers", 1, "tensor model.layers.1.");
  refused("llama", "/hidden_size", -1, "hidden_size: expected 1 to 131072, found -1");
  refused("llama", "/hidden_size", 18446744073709551615ULL, "hidden_size: expected an integer");
  refused("llama", "/hidden_size", 64,
          "model.embed_tokens.weight: expected [96, 64], found [96, 32]");
  refused("llama", "/num_key_value_heads", 3,
          "num_key_value_heads: expected a divisor of the 4 query heads, found 3");
  refused("llama", "/num_key_value_heads", 8, "num_key_value_heads: expected 1 to 4, found 8");
  refused("llama", "/head_dim", 15, "head_dim: expected an even number, found 15");
  refused("llama", "/head_dim", 1 << 20, "head_dim: expected 2 to 1024");
  refused("llama", "/rms_norm_eps", 0, "rms_norm_eps: expected a number from 1e-30 to 1e30");
  refused("llama", "/rms_norm_eps", "x", "rms_norm_eps: expected a number, found string");
  refused("llama", "/vocab_size", nullptr, "vocab_size: expected a number, found nothing");
  refused("llama", "/vocab_size", 97,
          "model.embed_tokens.weight: expected [97, 32], found [96, 32]");
  refused("llama", "/max_position_embeddings", 0, "max_position_embeddings: expected 1 to");
  refused("mixtral", "/num_experts_per_tok", 5, "num_experts_per_tok: expected 1 to 4, found 5");
  refused("mixtral", "/num_local_experts", 3,
          "block_sparse_moe.gate.weight: expected [3, 32], found [4, 32]");
  refused("gemma3", "/layer_types", {"full_attention"}, "layer_types: expected 5 entries, found 1");
  refused("gemma3", "/layer_types/0", "linear_attention",
          "expected full_attention or sliding_attention");
  refused("gemma3", "/sliding_window", nullptr,
          "sliding_window: expected the window's size, found none");
}

BOOST_AUTO_TEST_CASE(variants_that_would_compute_something_else_are_refused) {
  refused("llama", "/architectures/0", "GPT2LMHeadModel",
          "architecture GPT2LMHeadModel is not supported; expected one of Gemma3ForCausalLM");
  refused("llama", "/architectures", json::array(),
          "architectures: expected a list with the name of a class");
  refused("llama", "/attention_bias", true, "attention_bias: expected false");
  refused("llama", "/mlp_bias", true, "mlp_bias: expected false");
  refused("llama", "/hidden_act", "gelu", "hidden_act: expected silu, found gelu");
  refused("llama", "/tie_word_embeddings", "yes",
          "tie_word_embeddings: expected true or false, found string");
  refused("llama-tied-f16", "/tie_word_embeddings", false, "tensor lm_head.weight: expected one");
  refused("llama", "/quantization_config", {{"bits", 4}}, "quantization_config: expected none");
  refused("llama", "/rope_parameters/rope_type", "longrope",
          "rope_type: expected default, linear, llama3");
  refused("llama", "/rope_parameters/partial_rotary_factor", 0.5,
          "partial_rotary_factor: expected 1");
  refused("llama", "/rope_parameters/rope_theta", -1, "rope_theta: expected a number from 1e-30");
  refused("llama-rope-linear", "/rope_parameters/factor", 0,
          "factor: expected a number from 1e-30");
  refused("llama-rope-llama3", "/rope_parameters/low_freq_factor", 9,
          "expected more than low_freq_factor");
  refused("llama", "/rope_parameters",
          {{"rope_type", "linear"}, {"rope_theta", 1e-30}, {"factor", 1e-30}},
          "no finite frequencies");
  refused("gemma3", "/use_bidirectional_attention", true,
          "use_bidirectional_attention: expected false");
  refused("gemma3", "/final_logit_softcapping", 30, "final_logit_softcapping: expected null");
  refused("qwen3", "/attention_bias", true, "attention_bias: expected false");
}

BOOST_AUTO_TEST_CASE(windows_follow_their_familys_rules) {
  const auto windows = [](const Checkpoint& model) {
    std::vector<int> out;
    for (const nanoflow::LayerConfig& layer : model.config().layers) out.push_back(layer.window);
    return out;
  };
  const auto qwen2 = [&](const json& change) {
    return windows(*edited("qwen2", [&](json& config) {
      config.erase("layer_types");
      config.update(change);
    }));
  };
  BOOST_TEST(qwen2({{"sliding_window", 64}}) == (std::vector<int>{0, 0}));
  BOOST_TEST(
      qwen2({{"sliding_window", 64}, {"use_sliding_window", true}, {"max_window_layers", 1}}) ==
      (std::vector<int>{0, 64}));
  BOOST_TEST(qwen2({{"sliding_window", 64}, {"use_sliding_window", true}}) ==
             (std::vector<int>{0, 0}));
  const auto mistral = [&](const std::function<void(json&)>& edit) {
    return windows(*edited("mistral-window", edit));
  };
  BOOST_TEST(mistral([](json& c) { c["sliding_window"] = nullptr; }) == (std::vector<int>{0, 0}));
  BOOST_TEST(mistral([](json& c) { c.erase("sliding_window"); }) == (std::vector<int>{4096, 4096}));
}

BOOST_AUTO_TEST_CASE(a_text_model_inside_a_larger_one_opens) {
  // As google/gemma-3-4b-it is published: the text model's configuration inside, most of it left to
  // defaults.
  const auto model = edited("gemma3", [](json& config) {
    json text = config;
    for (const char* key :
         {"architectures", "rope_parameters", "layer_types", "hidden_activation",
          "tie_word_embeddings", "query_pre_attn_scalar", "_sliding_window_pattern"}) {
      text.erase(key);
    }
    text["rope_scaling"] = {{"factor", 8.0}, {"rope_type", "linear"}};
    config = {{"architectures", {"Gemma3ForConditionalGeneration"}}, {"text_config", text}};
  });
  BOOST_TEST(model->config().attention_scale == 1.0F / 16);  // 256 ** -0.5
  BOOST_TEST(model->config().layers[4].window == 20);  // the sixth would be the first to see all
  BOOST_TEST(std::abs(model->config().ropes[0].inverse_frequencies[0] - 1.0F / 8) < 1e-6F);
  BOOST_TEST(model->config().ropes[1].inverse_frequencies[0] == 1.0F);
}

BOOST_AUTO_TEST_CASE(generation_defaults_are_read_and_checked) {
  const fs::path folder = copy("llama");
  const auto with = [&](const json& generation) {
    std::ofstream(folder / "generation_config.json") << generation;
    return Checkpoint::open(folder)->generation();
  };
  const auto read = with({{"temperature", 0.6},
                          {"top_p", 0.9},
                          {"top_k", 20},
                          {"min_p", 0.05},
                          {"repetition_penalty", 1.1},
                          {"eos_token_id", {7, 2, 7}}});
  BOOST_TEST(read.temperature.value() == 0.6F);
  BOOST_TEST(read.top_p.value() == 0.9F);
  BOOST_TEST(read.top_k.value() == 20);
  BOOST_TEST(read.min_p.value() == 0.05F);
  BOOST_TEST(read.repetition_penalty.value() == 1.1F);
  BOOST_TEST(read.end_tokens == (std::vector<int>{7, 2}));
  BOOST_TEST(!with({{"temperature", nullptr}}).temperature.has_value());
  BOOST_TEST(with(json::object()).end_tokens == std::vector<int>{2});  // config.json's
  const auto refused = [&](const json& generation, const std::string& reason) {
    const std::string message = refusal([&] { with(generation); });
    BOOST_TEST(contains(message, reason), message);
  };
  refused({{"temperature", -1}}, "generation_config.json: temperature: expected 0");
  refused({{"temperature", "hot"}}, "temperature: expected a number, found string");
  refused({{"top_p", 1.5}}, "top_p: expected");
  refused({{"top_k", 1e12}}, "top_k: expected");
  refused({{"eos_token_id", 96}}, "eos_token_id: expected 0");
  refused({{"eos_token_id", "</s>"}}, "eos_token_id: expected token ids, found string");
  refused(json::array(), "generation_config.json: expected an object, found array");
}

BOOST_AUTO_TEST_CASE(broken_folders_are_refused) {
  const fs::path folder = copy("llama-mqa-sharded");
  const auto index = [&](const json& map) {
    std::ofstream(folder / "model.safetensors.index.json") << json{{"weight_map", map}};
    return refusal([&] { Checkpoint::open(folder); });
  };
  for (const char* outside : {"../x.safetensors", "/etc/passwd", "..", "", "a/b.safetensors"}) {
    BOOST_TEST(contains(index({{"t", outside}}), "expected the name of a file in this folder"));
  }
  BOOST_TEST(contains(index({{"t", 5}}), "expected the name of a file in this folder, found 5"));
  BOOST_TEST(contains(index(json::array()), "weight_map: expected an object, found array"));
  BOOST_TEST(contains(index({{"t", "none.safetensors"}}), "none.safetensors: cannot be opened"));
  BOOST_TEST(contains(index({{"t", "model-00001-of-00003.safetensors"}}), "found none"));
  fs::remove(folder / "model.safetensors.index.json");
  BOOST_TEST(contains(refusal([&] { Checkpoint::open(folder); }), "expected model.safetensors or"));
  fs::remove(folder / "config.json");
  BOOST_TEST(contains(refusal([&] { Checkpoint::open(folder); }), "config.json: cannot be opened"));
  BOOST_TEST(contains(refusal([&] { Checkpoint::open(path / "none"); }), "none: cannot be opened"));
  BOOST_TEST(contains(refusal([&] { Checkpoint::open(logits / "llama" / "model.safetensors"); }),
                      "expected a GGUF file"));
}

BOOST_AUTO_TEST_CASE(hostile_gguf_configurations_are_refused) {
  const auto refused = [&](const std::string& key, const std::string& number,
                           const std::string& reason) {
    const fs::path file = write("m.gguf", with_number("gguf-llama-f32.gguf", key, number));
    const std::string message = refusal([&] { Checkpoint::open(file); });
    BOOST_TEST(contains(message, reason), message);
  };
  refused("llama.block_count", bytes<std::uint32_t>(0),
          "llama.block_count: expected 1 to 1024, found 0");
  refused("llama.block_count", bytes<std::uint32_t>(~0U), "llama.block_count: expected 1 to 1024");
  refused(
      "llama.attention.layer_norm_rms_epsilon", bytes(NAN),
      "llama.attention.layer_norm_rms_epsilon: expected a number from 1e-30 to 1e30, found nan");
  refused("llama.attention.layer_norm_rms_epsilon", bytes(-1e-5F),
          "expected a number from 1e-30 to 1e30");
  refused("llama.rope.freq_base", bytes(INFINITY),
          "llama.rope.freq_base: expected a number from 1e-30");
  refused("llama.attention.head_count_kv", bytes<std::uint32_t>(0), "head_count_kv: expected 1 to");
  refused("llama.rope.dimension_count", bytes<std::uint32_t>(8),
          "rope.dimension_count: expected 16, found 8");
  refused("llama.feed_forward_length", bytes<std::uint32_t>(64),
          "blk.0.ffn_gate.weight: expected [64, 32], found [48, 32]");
  const fs::path vocabulary = write("v.gguf", header(0, 1) + pair("general.architecture", "llama"));
  BOOST_TEST(contains(refusal([&] { Checkpoint::open(vocabulary); }),
                      "llama.block_count: expected 1 to 1024, found nothing"));
  const fs::path other = write("o.gguf", header(0, 1) + pair("general.architecture", "bert"));
  BOOST_TEST(contains(
      refusal([&] { Checkpoint::open(other); }),
      "architecture bert is not supported; expected one of gemma3 llama qwen2 qwen3 qwen3moe"));
  const fs::path part = write("p.gguf", header(0, 1) + pair<std::uint16_t>("split.count", u16, 2));
  BOOST_TEST(contains(refusal([&] { Checkpoint::open(part); }),
                      "split.count: expected a model in one file"));
}

BOOST_AUTO_TEST_CASE(a_checkpoint_tells_when_its_file_was_cut) {
  const fs::path folder = copy("llama");
  const auto model = Checkpoint::open(folder);
  BOOST_CHECK_NO_THROW(model->check_intact());
  fs::resize_file(folder / "model.safetensors", 4096);
  const nanoflow::TensorView& last = model->tensors().layers.back().v;
  BOOST_CHECK_NO_THROW((void)last.data.back());
  BOOST_TEST(contains(refusal([&] { model->check_intact(); }), "was cut while in use"));
}

BOOST_AUTO_TEST_SUITE_END()
