// Finding a model's chat template in folders and GGUF files, sound and broken ones.
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "engine/model/error.hpp"
#include "engine/text/chat_template.hpp"

using nanoflow::ChatTemplate;
using nanoflow::find_chat_template;
using nanoflow::ModelError;
using nlohmann::ordered_json;
namespace fs = std::filesystem;

namespace {

struct Folder {
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
  fs::path write(const std::string& name, const std::string& text) const {
    std::ofstream(path / name, std::ios::binary) << text;
    return path / name;
  }
  fs::path path = fs::temp_directory_path() / ("nanoflow_template_" + std::to_string(getpid()));
};

template <class T>
std::string bytes(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}
std::string text(const std::string& s) {
  return bytes<std::uint64_t>(s.size()) + s;
}
std::string header(std::uint64_t n_pairs, std::uint32_t version = 3) {
  return "GGUF" + bytes(version) + bytes<std::uint64_t>(0) + bytes(n_pairs);
}
const std::string template_pair =
    text("tokenizer.chat_template") + bytes<std::uint32_t>(8) + text("{{ 1 }}");

/// One pair of every type before the template.
std::string whole_file() {
  std::string out = header(6);
  out += text("a.u8") + bytes<std::uint32_t>(0) + "x";
  out += text("a.f64") + bytes<std::uint32_t>(12) + bytes(1.5);
  out += text("a.text") + bytes<std::uint32_t>(8) + text("value");
  out += text("a.numbers") + bytes<std::uint32_t>(9) + bytes<std::uint32_t>(4) +
         bytes<std::uint64_t>(3) + std::string(12, '\0');
  out += text("a.words") + bytes<std::uint32_t>(9) + bytes<std::uint32_t>(8) +
         bytes<std::uint64_t>(2) + text("one") + text(std::string(5000, 'y'));
  return out + template_pair;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(chat_template_find, Folder)

BOOST_AUTO_TEST_CASE(a_folders_jinja_file_comes_first) {
  BOOST_TEST(!find_chat_template(path).has_value());
  write("tokenizer_config.json", R"({"chat_template": "from config"})");
  BOOST_TEST(find_chat_template(path).value() == "from config");
  const fs::path file = write("chat_template.jinja", "from file\n");
  BOOST_TEST(find_chat_template(path).value() == "from file\n");
  BOOST_TEST(find_chat_template(file).value() == "from file\n");
}

BOOST_AUTO_TEST_CASE(a_list_gives_its_default) {
  write(
      "tokenizer_config.json",
      R"({"chat_template": [{"name": "rag", "template": "R"}, {"name": "default", "template": "D"}]})");
  BOOST_TEST(find_chat_template(path).value() == "D");
  write("tokenizer_config.json", R"({"chat_template": [{"name": "rag", "template": "R"}]})");
  BOOST_TEST(find_chat_template(path).value() == "R");
  write("tokenizer_config.json", R"({"chat_template": null})");
  BOOST_TEST(!find_chat_template(path).has_value());
  write("tokenizer_config.json", R"({"other": 1})");
  BOOST_TEST(!find_chat_template(path).has_value());
}

BOOST_AUTO_TEST_CASE(broken_configurations_are_refused) {
  for (const std::string config : {"", "{", "{\"chat_template\": 5}", "{\"chat_template\": []}",
                                   "{\"chat_template\": [{\"name\": 1}]}"}) {
    write("tokenizer_config.json", config);
    BOOST_CHECK_THROW(find_chat_template(path), ModelError);
  }
  write("tokenizer_config.json", std::string(3000000, '['));
  BOOST_CHECK_THROW(find_chat_template(path), ModelError);
  BOOST_CHECK_THROW(find_chat_template(path / "missing"), ModelError);
  BOOST_CHECK_THROW(find_chat_template(write("model.bin", "abc")), ModelError);
}

BOOST_AUTO_TEST_CASE(a_gguf_file_gives_its_metadata) {
  BOOST_TEST(find_chat_template(write("m.gguf", whole_file())).value() == "{{ 1 }}");
  BOOST_TEST(!find_chat_template(write("m.gguf", header(0))).has_value());
}

BOOST_AUTO_TEST_CASE(a_gguf_file_cut_anywhere_is_refused) {
  const std::string whole = whole_file();
  for (std::size_t n = 4; n < whole.size(); n += n < 200 ? 1 : 17) {
    BOOST_CHECK_THROW(find_chat_template(write("m.gguf", whole.substr(0, n))), ModelError);
  }
}

BOOST_AUTO_TEST_CASE(a_lying_gguf_file_is_refused) {
  const std::uint64_t huge = ~std::uint64_t{0};
  const auto refused = [&](const std::string& file) {
    BOOST_CHECK_THROW(find_chat_template(write("m.gguf", file)), ModelError);
  };
  refused(header(1, 1) + template_pair);
  refused(header(huge));
  refused(header(1) + bytes(huge) + "key");
  refused(header(1) + text("k") + bytes<std::uint32_t>(8) + bytes(huge));
  refused(header(1) + text("k") + bytes<std::uint32_t>(77) + "xxxx");
  refused(header(1) + text("tokenizer.chat_template") + bytes<std::uint32_t>(4) + "xxxx");
  refused(header(1) + text("tokenizer.chat_template") + bytes<std::uint32_t>(8) + bytes(huge));
  for (const std::uint32_t inner : {4u, 8u, 9u, 12u}) {
    refused(header(1) + text("k") + bytes<std::uint32_t>(9) + bytes(inner) + bytes(huge));
    refused(header(1) + text("k") + bytes<std::uint32_t>(9) + bytes(inner) + bytes(huge / 8 + 1));
  }
  std::string nested = header(1) + text("k") + bytes<std::uint32_t>(9);
  for (int i = 0; i < 100000; ++i) nested += bytes<std::uint32_t>(9) + bytes<std::uint64_t>(1);
  refused(nested);
}

BOOST_AUTO_TEST_CASE(the_demo_models_template_renders_as_in_jinja2) {
  const char* model = std::getenv("NANOFLOW_DEMO_MODEL");
  if (model == nullptr) {
    std::cout << "skipped: the demo model's own template (NANOFLOW_DEMO_MODEL is not set)\n";
    return;
  }
  const auto source = find_chat_template(model);
  BOOST_REQUIRE(source.has_value());
  const ChatTemplate demo(*source);
  std::ifstream file(NANOFLOW_TEST_DATA "/template/goldens.json");
  const ordered_json goldens = ordered_json::parse(file);
  BOOST_TEST(goldens["demo"].size() >= 10u);
  for (const ordered_json& test : goldens["demo"]) {
    const ordered_json& messages =
        goldens["conversations"][test["conversation"].get<std::string>()]["messages"];
    BOOST_TEST_CONTEXT(test["conversation"]) {
      const auto render = [&] {
        return demo.render(messages, {"<s>", "</s>", test["add_generation_prompt"]}).text;
      };
      if (test["output"].is_null()) {
        BOOST_CHECK_THROW(render(), nanoflow::TemplateError);
      } else {
        BOOST_TEST(render() == test["output"].get<std::string>());
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
