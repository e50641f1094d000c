#define PCRE2_CODE_UNIT_WIDTH 8
#include "engine/text/regex.hpp"

#include <pcre2.h>
#include <time.h>

#include <optional>

#include "engine/model/error.hpp"
#include "engine/text/quote.hpp"
#include "engine/text/regex_syntax.hpp"
#include "engine/text/utf8.hpp"

namespace nanoflow::text {
namespace {

constexpr std::size_t max_pattern_bytes = 16384;
constexpr std::uint32_t first_steps = 200;          // of an attempt that needs no watching
constexpr std::uint32_t watched_steps = 1U << 30;   // the time budget ends it sooner
constexpr std::uint32_t max_heap_kib = 256U << 10;  // of PCRE2's backtracking
constexpr std::int64_t ns_per_byte = 5000;          // 50 times what published patterns take
constexpr std::int64_t ns_per_encode = 1'000'000'000;

std::int64_t thread_ns() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
}

template <auto Free>
struct FreeBy {
  template <class T>
  void operator()(T* p) const {
    Free(p);
  }
};
using Code = std::unique_ptr<pcre2_code, FreeBy<pcre2_code_free>>;
using MatchData = std::unique_ptr<pcre2_match_data, FreeBy<pcre2_match_data_free>>;
using MatchContext = std::unique_ptr<pcre2_match_context, FreeBy<pcre2_match_context_free>>;
using CompileContext = std::unique_ptr<pcre2_compile_context, FreeBy<pcre2_compile_context_free>>;

Code compile(const std::string& pattern, std::uint32_t extra_options) {
  const CompileContext context(pcre2_compile_context_create(nullptr));
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  pcre2_set_parens_nest_limit(context.get(), 100);
  int error = 0;
  PCRE2_SIZE place = 0;
  // ^ and $ are a line's in Oniguruma. \C would leave the middle of a character.
  constexpr std::uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NO_UTF_CHECK |
                                    PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY;
  Code code(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                          options | extra_options, &error, &place, context.get()));
  if (code) return code;
  PCRE2_UCHAR message[256] = {};
  pcre2_get_error_message(error, message, sizeof message);
  throw ModelError("the pattern " + quote(pattern) + " is wrong at byte " + std::to_string(place) +
                   ": " + reinterpret_cast<const char*>(message));
}

/// PCRE2 calls this at each item of the pattern; anything thrown has to wait until it has returned.
int watch(pcre2_callout_block*, void* data) {
  auto& countdown = *static_cast<std::pair<const TimeBudget*, int>*>(data);
  if (--countdown.second > 0) return 0;
  countdown.second = 256;
  try {
    countdown.first->check();
  } catch (const EncodeError&) {
    return PCRE2_ERROR_CALLOUT;
  }
  return 0;
}

}  // namespace

TimeBudget::TimeBudget(std::size_t n_bytes)
    : end_ns_(thread_ns() + ns_per_encode + static_cast<std::int64_t>(n_bytes) * ns_per_byte),
      n_bytes_(n_bytes) {}

void TimeBudget::check() const {
  if (thread_ns() < end_ns_) return;
  throw EncodeError("the model's pattern takes too long for this text of " +
                    std::to_string(n_bytes_) + " bytes");
}

struct Regex::Impl {
  std::string pattern;
  Code code;
  Code watched;  // the same with a call of watch() at each item, for attempts of many steps
  const std::uint8_t* first_bytes = nullptr;  // a bit for each byte that can begin a match, or null

  bool may_begin(char byte) const {
    const auto b = static_cast<unsigned char>(byte);
    return first_bytes == nullptr || (first_bytes[b / 8] >> (b % 8) & 1) != 0;
  }
};

Regex::Regex(std::string_view pattern) {
  if (pattern.size() > max_pattern_bytes) {
    throw ModelError("a pattern of " + std::to_string(pattern.size()) +
                     " bytes, expected at most " + std::to_string(max_pattern_bytes));
  }
  auto impl = std::make_unique<Impl>();
  impl->pattern = to_pcre2(pattern);
  impl->code = compile(impl->pattern, 0);
  impl->watched = compile(impl->pattern, PCRE2_AUTO_CALLOUT);
  std::uint32_t matches_empty = 0;
  pcre2_pattern_info(impl->code.get(), PCRE2_INFO_MATCHEMPTY, &matches_empty);
  if (matches_empty == 0)
    pcre2_pattern_info(impl->code.get(), PCRE2_INFO_FIRSTBITMAP, &impl->first_bytes);
  impl_ = std::move(impl);
}

Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;

namespace {

/// One pass over one text: attempts at each place, each bounded.
class Search {
 public:
  Search(const pcre2_code* code, const pcre2_code* watched, std::string_view text,
         const TimeBudget& budget)
      : code_(code),
        watched_(watched),
        text_(text),
        budget_(budget),
        data_(pcre2_match_data_create(1, nullptr)),
        context_(pcre2_match_context_create(nullptr)),
        countdown_(&budget, 256) {
    pcre2_set_heap_limit(context_.get(), max_heap_kib);
    pcre2_set_callout(context_.get(), watch, &countdown_);
  }

  std::optional<Range> match_at(std::size_t begin) {
    if (++attempts_ % 32 == 0) budget_.check();
    int found = attempt(code_, begin, first_steps);
    if (found == PCRE2_ERROR_MATCHLIMIT) found = attempt(watched_, begin, watched_steps);
    if (found == PCRE2_ERROR_NOMATCH) return std::nullopt;
    if (found == PCRE2_ERROR_CALLOUT) budget_.check();
    if (found < 0)
      throw EncodeError("the model's pattern failed on this text (PCRE2 error " +
                        std::to_string(found) + ")");
    const PCRE2_SIZE* const at = pcre2_get_ovector_pointer(data_.get());
    return Range{std::max(at[0], begin), std::max(at[1], begin)};  // \K may move either
  }

 private:
  int attempt(const pcre2_code* code, std::size_t begin, std::uint32_t steps) {
    pcre2_set_match_limit(context_.get(), steps);
    return pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text_.data()), text_.size(), begin,
                       PCRE2_ANCHORED | PCRE2_NO_UTF_CHECK, data_.get(), context_.get());
  }

  const pcre2_code* code_;
  const pcre2_code* watched_;
  std::string_view text_;
  const TimeBudget& budget_;
  MatchData data_;
  MatchContext context_;
  std::pair<const TimeBudget*, int> countdown_;
  std::uint32_t attempts_ = 0;
};

}  // namespace

void Regex::find_all(std::string_view text, const TimeBudget& budget,
                     std::vector<Range>& found) const {
  Search search(impl_->code.get(), impl_->watched.get(), text, budget);
  std::size_t last_end = std::string_view::npos;
  for (std::size_t at = 0; at <= text.size();) {
    const bool possible =
        at == text.size() ? impl_->first_bytes == nullptr : impl_->may_begin(text[at]);
    const auto match = possible ? search.match_at(at) : std::nullopt;
    if (match && (match->end > match->begin || match->end != last_end)) {
      found.push_back(*match);
      at = last_end = match->end;
    } else {
      at += at == text.size() ? 1 : next_unit(text, at).size;
    }
  }
}

}  // namespace nanoflow::text
