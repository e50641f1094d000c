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
constexpr int callouts_between_looks = 256;         // at the clock
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
  countdown.second = callouts_between_looks;
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

struct RegexSearch::State {
  const Regex::Impl& regex;
  const TimeBudget& budget;
  MatchData data{pcre2_match_data_create(1, nullptr)};
  MatchContext context{pcre2_match_context_create(nullptr)};
  std::pair<const TimeBudget*, int> countdown{&budget, callouts_between_looks};
  std::uint32_t attempts = 0;

  std::optional<Range> match_at(std::string_view text, std::size_t begin) {
    if (++attempts % 32 == 0) budget.check();
    int found = attempt(regex.code.get(), text, begin, first_steps);
    if (found == PCRE2_ERROR_MATCHLIMIT)
      found = attempt(regex.watched.get(), text, begin, watched_steps);
    if (found == PCRE2_ERROR_NOMATCH) return std::nullopt;
    if (found == PCRE2_ERROR_CALLOUT) budget.check();
    if (found < 0) {
      throw EncodeError("the model's pattern failed on this text (PCRE2 error " +
                        std::to_string(found) + ")");
    }
    const PCRE2_SIZE* const at = pcre2_get_ovector_pointer(data.get());
    return Range{at[0], at[1]};
  }

  int attempt(const pcre2_code* code, std::string_view text, std::size_t begin,
              std::uint32_t steps) {
    pcre2_set_match_limit(context.get(), steps);
    return pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), begin,
                       PCRE2_ANCHORED | PCRE2_NO_UTF_CHECK, data.get(), context.get());
  }
};

RegexSearch::RegexSearch(const Regex& regex, const TimeBudget& budget)
    : state_(new State{*regex.impl_, budget}) {
  pcre2_set_heap_limit(state_->context.get(), max_heap_kib);
  pcre2_set_callout(state_->context.get(), watch, &state_->countdown);
}

RegexSearch::~RegexSearch() = default;

void RegexSearch::find_all(std::string_view text, std::vector<Range>& found) {
  const Regex::Impl& regex = state_->regex;
  std::size_t last_end = std::string_view::npos;
  for (std::size_t at = 0; at <= text.size();) {
    const bool possible =
        at == text.size() ? regex.first_bytes == nullptr : regex.may_begin(text[at]);
    const auto match = possible ? state_->match_at(text, at) : std::nullopt;
    if (match && (match->end > match->begin || match->end != last_end)) {
      found.push_back(*match);
      at = last_end = match->end;
    } else {
      at += at == text.size() ? 1 : next_unit(text, at).size;
    }
  }
}

}  // namespace nanoflow::text
