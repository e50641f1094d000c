#include "engine/text/incremental_decoder.hpp"

#include <algorithm>
#include <utility>

#include "engine/text/utf8.hpp"

namespace nanoflow {

IncrementalDecoder::IncrementalDecoder(const Tokenizer& tokenizer, Options options)
    : tokenizer_(tokenizer), options_(std::move(options)) {
  set_stop(options_.stop);
}

void IncrementalDecoder::set_stop(const std::vector<std::string>& stop) {
  stops_.clear();
  for (const std::string& text : stop) {
    if (!text.empty()) stops_.emplace_back(text);  // the empty string would be everywhere
  }
}

/// Appends one character to what is held; true when it completes a stop string, which then is cut
/// off.
bool IncrementalDecoder::take(std::string_view character) {
  held_ += character;
  std::size_t longest = 0;
  for (text::StopMatcher& stop : stops_) {
    bool complete = false;
    for (const char byte : character) complete = stop.push(byte);
    if (complete) longest = std::max(longest, stop.size());
  }
  if (longest == 0) return false;
  if (!options_.include_stop) held_.resize(held_.size() - longest);
  return true;
}

IncrementalDecoder::Piece IncrementalDecoder::push(TokenId token) {
  if (options_.skip_special && tokenizer_.is_special(token)) return {};
  std::string_view bytes = tokenizer_.token_bytes(token);
  if (bytes.empty()) return {};
  if (first_ && tokenizer_.drops_leading_space() && bytes.starts_with(' ')) bytes.remove_prefix(1);
  first_ = false;
  half_ += bytes;
  std::size_t at = 0;
  while (at < half_.size()) {
    const text::Utf8Unit unit = text::next_unit(half_, at);
    if (unit.kind == text::Utf8Unit::Kind::truncated) break;
    const bool whole = unit.kind == text::Utf8Unit::Kind::whole;
    if (take(whole ? std::string_view(half_).substr(at, unit.size) : text::replacement_character)) {
      half_.clear();
      return {std::exchange(held_, {}), true};
    }
    at += unit.size;
  }
  half_.erase(0, at);
  std::size_t wait = 0;  // bytes that may begin a stop string
  for (const text::StopMatcher& stop : stops_) wait = std::max(wait, stop.matched());
  Piece piece{held_.substr(0, held_.size() - wait)};
  held_.erase(0, piece.text.size());
  return piece;
}

std::string IncrementalDecoder::finish() {
  std::string text = std::exchange(held_, {});
  if (!half_.empty()) text += text::replacement_character;
  half_.clear();
  return text;
}

}  // namespace nanoflow
