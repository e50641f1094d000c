// Every stored model opens with the configuration and the weights that transformers and the gguf
// package find.
#include "engine/model/checkpoint.hpp"

#include <boost/crc.hpp>
#include <map>

#include "model_files.hpp"

using namespace model_files;
using nanoflow::Checkpoint;
using nanoflow::LayerTensors;
using nanoflow::ModelConfig;
using nanoflow::TensorView;
using nlohmann::json;

namespace {

std::uint32_t crc(const TensorView& tensor) {
  boost::crc_32_type out;
  out.process_bytes(tensor.data.data(), tensor.data.size());
  return out.checksum();
}

/// The layer's tensors by their roles, as the goldens name them.
json weights_of(const LayerTensors& layer) {
  const std::map<std::string, const TensorView*> single = {
      {"attention_norm", &layer.attention_norm},
      {"q", &layer.q},
      {"k", &layer.k},
      {"v", &layer.v},
      {"q_bias", &layer.q_bias},
      {"k_bias", &layer.k_bias},
      {"v_bias", &layer.v_bias},
      {"q_norm", &layer.q_norm},
      {"k_norm", &layer.k_norm},
      {"attention_output", &layer.attention_output},
      {"post_attention_norm", &layer.post_attention_norm},
      {"ffn_norm", &layer.ffn_norm},
      {"gate", &layer.gate},
      {"up", &layer.up},
      {"down", &layer.down},
      {"post_ffn_norm", &layer.post_ffn_norm},
      {"router", &layer.router},
  };
  json out = json::object();
  for (const auto& [role, tensor] : single) {
    if (*tensor) out[role] = crc(*tensor);
  }
  const std::map<std::string, const std::vector<TensorView>*> experts = {
      {"expert_gate.", &layer.expert_gate},
      {"expert_up.", &layer.expert_up},
      {"expert_down.", &layer.expert_down},
  };
  for (const auto& [role, tensors] : experts) {
    for (std::size_t i = 0; i < tensors->size(); ++i) {
      out[role + std::to_string(i)] = crc((*tensors)[i]);
    }
  }
  return out;
}

void check_sizes(const ModelConfig& config, const json& golden) {
  BOOST_TEST(config.architecture == golden["architecture"].get<std::string>());
  BOOST_TEST(config.n_layers == golden["n_layers"].get<int>());
  BOOST_TEST(config.dim == golden["dim"].get<int>());
  BOOST_TEST(config.n_heads == golden["n_heads"].get<int>());
  BOOST_TEST(config.n_kv_heads == golden["n_kv_heads"].get<int>());
  BOOST_TEST(config.vocab_size == golden["vocab_size"].get<int>());
}

void check_weights(const Checkpoint& model, const json& golden) {
  BOOST_TEST(crc(model.tensors().token_embedding) ==
             golden["token_embedding"].get<std::uint32_t>());
  BOOST_TEST(crc(model.tensors().output) == golden["output"].get<std::uint32_t>());
  BOOST_TEST(crc(model.tensors().output_norm) == golden["output_norm"].get<std::uint32_t>());
  const bool tied =
      model.tensors().output.data.data() == model.tensors().token_embedding.data.data();
  BOOST_TEST(tied == golden["tied"].get<bool>());
  BOOST_TEST(model.n_parameters() == golden["n_parameters"].get<std::int64_t>());
  for (std::size_t i = 0; i < golden["layers"].size(); ++i) {
    const json found = weights_of(model.tensors().layers.at(i));
    BOOST_TEST((found == golden["layers"][i]), found << " is not " << golden["layers"][i]);
  }
}

void check_layers(const ModelConfig& config, const json& golden) {
  const float tolerance = 1e-6F;
  BOOST_TEST(config.head_dim == golden["head_dim"].get<int>());
  BOOST_TEST(config.norm_eps == golden["norm_eps"].get<float>());
  BOOST_TEST(config.norm_offset == golden["norm_offset"].get<float>());
  BOOST_TEST(std::abs(config.embedding_scale / golden["embedding_scale"].get<float>() - 1) <
             tolerance);
  BOOST_TEST(std::abs(config.attention_scale / golden["attention_scale"].get<float>() - 1) <
             tolerance);
  for (std::size_t i = 0; i < config.layers.size(); ++i) {
    BOOST_TEST(config.layers[i].window == golden["windows"][i].get<int>());
    BOOST_TEST(config.layers[i].rope == golden["rope_of_layer"][i].get<int>());
  }
  BOOST_REQUIRE(config.ropes.size() == golden["ropes"].size());
  for (std::size_t i = 0; i < config.ropes.size(); ++i) {
    const json& rope = golden["ropes"][i];
    const auto expected = rope["inverse_frequencies"].get<std::vector<float>>();
    BOOST_TEST((config.ropes[i].pairs == nanoflow::Rope::Pairs::halves));
    BOOST_TEST(std::abs(config.ropes[i].magnitude - rope["magnitude"].get<float>()) < tolerance);
    BOOST_REQUIRE(config.ropes[i].inverse_frequencies.size() == expected.size());
    for (std::size_t pair = 0; pair < expected.size(); ++pair) {
      BOOST_TEST(std::abs(config.ropes[i].inverse_frequencies[pair] / expected[pair] - 1) <
                 tolerance);
    }
  }
}

const json goldens = read_golden();

}  // namespace

BOOST_AUTO_TEST_SUITE(checkpoint_goldens)

BOOST_AUTO_TEST_CASE(folders_open_as_in_transformers) {
  BOOST_TEST(goldens["folders"].size() >= 17U);
  for (const auto& [name, golden] : goldens["folders"].items()) {
    BOOST_TEST_CONTEXT(name) {
      const auto model = Checkpoint::open(logits / name);
      check_sizes(model->config(), golden);
      check_layers(model->config(), golden);
      check_weights(*model, golden);
      BOOST_TEST(model->generation().end_tokens == golden["end_tokens"].get<std::vector<int>>());
    }
  }
}

BOOST_AUTO_TEST_CASE(gguf_files_open_as_in_the_gguf_package) {
  BOOST_TEST(goldens["gguf"].size() >= 10U);
  for (const auto& [name, golden] : goldens["gguf"].items()) {
    BOOST_TEST_CONTEXT(name) {
      const auto model = Checkpoint::open(logits / name);
      check_sizes(model->config(), golden);
      check_weights(*model, golden);
      const bool llama = golden["architecture"] == "llama";
      BOOST_TEST((model->config().ropes[0].pairs == nanoflow::Rope::Pairs::interleaved) == llama);
      BOOST_TEST(model->config().norm_offset == 0.0F);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_gguf_files_rope_factors_are_llama_3s_scaling) {
  const auto gguf = Checkpoint::open(logits / "gguf-llama-f16-llama3.gguf");
  const auto folder = Checkpoint::open(logits / "llama-rope-llama3");
  const auto& found = gguf->config().ropes[0].inverse_frequencies;
  const auto& expected = folder->config().ropes[0].inverse_frequencies;
  BOOST_REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i)
    BOOST_TEST(std::abs(found[i] / expected[i] - 1) < 1e-6F);
}

BOOST_AUTO_TEST_CASE(a_demo_model_opens) {
  const char* const path = std::getenv("NANOFLOW_DEMO_MODEL");
  if (path == nullptr) {
    std::cout << "skipped: the demo model's configuration (NANOFLOW_DEMO_MODEL is not set)\n";
    return;
  }
  const auto model = Checkpoint::open(path);
  const ModelConfig& config = model->config();
  BOOST_TEST(config.architecture == "llama");  // the numbers are the model card's
  BOOST_TEST(config.n_layers == 30);
  BOOST_TEST(config.dim == 576);
  BOOST_TEST(config.n_heads == 9);
  BOOST_TEST(config.n_kv_heads == 3);
  BOOST_TEST(config.ffn_dim == 1536);
  BOOST_TEST(config.vocab_size == 49152);
  BOOST_TEST(config.context == 8192);
  BOOST_TEST(model->n_parameters() == 134515008);
  BOOST_TEST((model->main_dtype() == nanoflow::DType::q4_1));
  BOOST_TEST(model->generation().end_tokens == std::vector<int>{2});
}

BOOST_AUTO_TEST_CASE(a_gemma_model_opens) {
  const char* const path = std::getenv("NANOFLOW_GEMMA_MODEL");
  if (path == nullptr) {
    std::cout << "skipped: the Gemma model's configuration (NANOFLOW_GEMMA_MODEL is not set)\n";
    return;
  }
  const auto model = Checkpoint::open(path);
  const ModelConfig& config = model->config();
  BOOST_TEST(config.n_layers ==
             18);  // 15 windowed layers and 3 that attend to all, says the report
  BOOST_TEST(config.head_dim == 256);
  BOOST_TEST(config.vocab_size == 262144);
  for (int i = 0; i < 18; ++i) {
    const bool global = i == 5 || i == 11 || i == 17;
    BOOST_TEST(config.layers[static_cast<std::size_t>(i)].window == (global ? 0 : 512));
    BOOST_TEST(config.layers[static_cast<std::size_t>(i)].rope == (global ? 0 : 1));
  }
  BOOST_TEST(model->n_parameters() == 268098176);
}

BOOST_AUTO_TEST_SUITE_END()
