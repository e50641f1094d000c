#include "engine/text/load_json.hpp"

#include <algorithm>

#include "engine/model/json_file.hpp"
#include "engine/text/bpe_tokenizer.hpp"
#include "engine/text/json_steps.hpp"
#include "engine/text/quote.hpp"

namespace nanoflow::text {
namespace {

constexpr std::uint64_t max_tokens = 4U << 20;

TokenId read_id(const nlohmann::json& id, const std::string& where) {
  if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= max_tokens) {
    throw ModelError(where + ": expected an id below " + std::to_string(max_tokens) + ", found " +
                     id.dump());
  }
  return id.get<TokenId>();
}

/// The model's vocabulary and the added tokens beyond it.
class Tokens {
 public:
  explicit Tokens(const JsonObject& root) {
    const JsonObject model = root.object("model");
    const nlohmann::json& vocab = model.at("vocab");
    if (!vocab.is_object()) model.fail("vocab", "an object of ids", vocab);
    for (const auto& [text, id] : vocab.items())
      put(text, read_id(id, model.where() + ".vocab of " + quote(text)));
    const TokenTable of_model(texts_);
    if (root.find("added_tokens") == nullptr) return;
    int number = 0;
    for (const nlohmann::json& item : root.array("added_tokens"))
      add({item, root.where() + ".added_tokens[" + std::to_string(number++) + "]"}, of_model);
  }

  std::vector<std::string_view> texts_;
  std::vector<AddedToken> raw_, normalized_;

 private:
  void put(const std::string& text, TokenId id) {
    if (texts_.size() <= static_cast<std::size_t>(id)) texts_.resize(id + 1);
    texts_[id] = text;
  }

  void add(const JsonObject& item, const TokenTable& of_model) {
    AddedToken token{.content = item.text("content"),
                     .special = item.flag("special", false),
                     .strip_left = item.flag("lstrip", false),
                     .strip_right = item.flag("rstrip", false),
                     .single_word = item.flag("single_word", false)};
    const auto known = of_model.find(token.content);
    token.id = known ? *known : read_id(item.at("id"), item.where() + ".id");
    if (!known) put(item.at("content").get_ref<const std::string&>(), token.id);
    // A special token is sought in the text as it came, where it is known who wrote which part.
    const bool normalized = item.flag("normalized", !token.special) && !token.special;
    (normalized ? normalized_ : raw_).push_back(std::move(token));
  }
};

std::vector<BpeMerge> read_merges(const JsonObject& model, const TokenTable& tokens) {
  const nlohmann::json& found = model.array("merges");
  std::vector<std::string_view> lines;
  std::vector<BpeMerge> merges;
  for (const nlohmann::json& merge : found) {
    const bool pair =
        merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string();
    if (pair) {
      merges.push_back(make_merge(merge[0].get_ref<const std::string&>(),
                                  merge[1].get_ref<const std::string&>(), tokens, merges.size()));
    } else if (merge.is_string()) {
      lines.push_back(merge.get_ref<const std::string&>());
    } else {
      model.fail("merges", "texts or pairs of texts", merge);
    }
  }
  if (!lines.empty() && !merges.empty()) model.fail("merges", "only texts or only pairs", found);
  return lines.empty() ? merges : parse_merges(lines, tokens);
}

BpeModel read_model(const JsonObject& model, const std::shared_ptr<const TokenTable>& tokens) {
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!model.text(key, "").empty()) model.fail(key, "none", model.at(key));
  }
  const nlohmann::json* dropout = model.find("dropout");
  if (dropout != nullptr && *dropout != 0) model.fail("dropout", "none", *dropout);
  BpeModel::Options options{.ignore_merges = model.flag("ignore_merges", false),
                            .byte_fallback = model.flag("byte_fallback", false),
                            .fuse_unknown = model.flag("fuse_unk", false)};
  if (model.find("unk_token") != nullptr) {
    options.unknown = tokens->find(model.text("unk_token"));
    if (!options.unknown)
      model.fail("unk_token", "a token of the vocabulary", model.at("unk_token"));
  }
  return {tokens, read_merges(model, *tokens), options};
}

Vocabulary make_vocabulary(const JsonObject& root, const Tokens& tokens) {
  Vocabulary made;
  made.texts = std::make_shared<TokenTable>(tokens.texts_);
  made.special.assign(tokens.texts_.size(), false);
  for (const AddedToken& token : tokens.raw_) made.special[token.id] = token.special;
  made.added = tokens.raw_;
  const TokenDecoder decoder(root);
  made.drops_leading_space = decoder.drops_leading_space();
  made.bytes.reserve(tokens.texts_.size(), tokens.texts_.size() * 8);
  // An added token is written as it is, not in the alphabet of bytes.
  std::vector<bool> plain(tokens.texts_.size(), false);
  for (const auto* list : {&tokens.raw_, &tokens.normalized_}) {
    for (const AddedToken& token : *list) plain[token.id] = true;
  }
  for (std::size_t i = 0; i < tokens.texts_.size(); ++i)
    made.bytes.add(decoder.decode(tokens.texts_[i], plain[i]));
  read_post_processor(root, made);
  return made;
}

/// The tokens that begin and end a text: as tokenizer_config.json names them, and put there or not
/// as it says; where it says nothing, as the post-processor does.
void apply_config(const TokenizerConfig& config, Vocabulary& vocabulary) {
  const auto find = [&](const std::optional<std::string>& text) {
    return text ? vocabulary.texts->find(*text) : std::nullopt;
  };
  vocabulary.bos = find(config.bos_token);
  vocabulary.eos = find(config.eos_token);
  if (!vocabulary.bos && !vocabulary.prefix.empty()) vocabulary.bos = vocabulary.prefix.front();
  const auto put = [](std::optional<TokenId> token, std::optional<bool> wanted,
                      std::vector<TokenId>& where) {
    if (!token || !wanted) return;
    std::erase(where, *token);
    if (*wanted) where.push_back(*token);
  };
  put(vocabulary.bos, config.add_bos_token, vocabulary.prefix);
  put(vocabulary.eos, config.add_eos_token, vocabulary.suffix);
}

}  // namespace

std::shared_ptr<const Tokenizer> load_tokenizer_json(const std::filesystem::path& path,
                                                     const TokenizerConfig& config) {
  const nlohmann::json json = read_json(path);
  const JsonObject root(json, path.filename().string());
  const JsonObject model = root.object("model");
  if (const std::string type = model.text("type", "BPE"); type != "BPE")
    model.fail("type", "BPE", type);
  Tokens tokens(root);
  if (tokens.texts_.empty())
    throw ModelError(model.where() + ".vocab: expected tokens, found none");
  Vocabulary vocabulary = make_vocabulary(root, tokens);
  apply_config(config, vocabulary);
  find_end_tokens(vocabulary, {});
  BpeModel bpe = read_model(model, vocabulary.texts);
  Normalizers normalizers = read_normalizers(root);
  for (AddedToken& token : tokens.normalized_) {
    const TimeBudget budget(token.content.size());
    for (const auto& step : normalizers) step->apply(token.content, budget);
  }
  return std::make_shared<BpeTokenizer>(std::move(vocabulary), std::move(normalizers),
                                        std::move(tokens.normalized_), read_pre_tokenizers(root),
                                        std::move(bpe));
}

}  // namespace nanoflow::text
