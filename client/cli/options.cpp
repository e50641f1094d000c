#include "client/cli/options.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iomanip>
#include <ostream>

#include "client/suggest.hpp"

namespace nanoflow::cli {
namespace {

template <class T>
T parse_all(const std::string& option, const std::string& text, const char* what) {
  T number{};
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, number);
  if (result.ec != std::errc() || result.ptr != end)
    throw UsageError(option + " needs " + what + ", got " + in_quotes(text));
  return number;
}

void check(const std::string& option, const std::string& text, double number,
           const wire::Range& range) {
  if (!range.contains(number))
    throw UsageError(option + " " + wire::describe(range) + ", got " + text);
}

std::string option_name(std::string_view field) {
  std::string name = "--" + std::string(field);
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

/// "5=1.5": a token id and its bias.
std::pair<wire::Token, double> parse_bias(const std::string& option, const std::string& text,
                                          const wire::Range& range) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos)
    throw UsageError(option + " needs ID=BIAS, got " + in_quotes(text));
  const long id = parse_integer(option, text.substr(0, equals), {0, wire::max_int - 1.0});
  return {wire::Token(id), parse_number(option, text.substr(equals + 1), range)};
}

/// One overload for each kind of sampling field: adds its option.
struct AddSampling {
  OptionSet& options;
  const wire::SamplingField& field;
  wire::Sampling& target;
  std::string name = option_name(field.name);
  std::string help = std::string(field.help);

  void operator()(std::optional<int> wire::Sampling::*member) const {
    options.value(name, "N", help, target.*member, field.range);
  }
  void operator()(std::optional<double> wire::Sampling::*member) const {
    options.value(name, "X", help, [member, *this](const std::string& text) {
      target.*member = parse_number(name, text, field.range);
    });
  }
  void operator()(std::optional<bool> wire::Sampling::*member) const {
    options.choice(name, help, target.*member);
  }
  void operator()(std::optional<std::uint64_t> wire::Sampling::*member) const {
    options.value(name, "N", help, [member, *this](const std::string& text) {
      target.*member = parse_all<std::uint64_t>(name, text, "an integer from 0 to 2^64-1");
    });
  }
  void operator()(std::vector<std::string> wire::Sampling::*member) const {
    options.value(name, "TEXT", help, [member, *this](const std::string& text) {
      if (text.empty()) throw UsageError(name + " must not be empty");
      if (text.size() > wire::max_stop_bytes)
        throw UsageError(name + " must have at most " + std::to_string(wire::max_stop_bytes) +
                         " bytes, got " + std::to_string(text.size()));
      add(target.*member, text);
    });
  }
  void operator()(std::vector<wire::Token> wire::Sampling::*member) const {
    options.value(name, "ID", help, [member, *this](const std::string& text) {
      add(target.*member, wire::Token(parse_integer(name, text, {0, wire::max_int - 1.0})));
    });
  }
  void operator()(std::vector<std::pair<wire::Token, double>> wire::Sampling::*member) const {
    options.value(name, "ID=BIAS", help.substr(help.find(": ") + 2),
                  [member, *this](const std::string& text) {
                    add(target.*member, parse_bias(name, text, field.range));
                  });
  }
  template <class T>
  void add(std::vector<T>& list, T entry) const {
    if (list.size() == field.max_count)
      throw UsageError(name + " may come at most " + std::to_string(field.max_count) + " times");
    list.push_back(std::move(entry));
  }
};

}  // namespace

long parse_integer(const std::string& option, const std::string& text, const wire::Range& range) {
  const long number = parse_all<long>(option, text, "an integer");
  check(option, text, double(number), range);
  return number;
}

double parse_number(const std::string& option, const std::string& text, const wire::Range& range) {
  const double number = parse_all<double>(option, text, "a number");
  if (!std::isfinite(number)) throw UsageError(option + " needs a finite number, got " + text);
  check(option, text, number, range);
  return number;
}

void OptionSet::heading(std::string title) {
  options_.push_back({std::move(title), {}, {}, {}});
}

void OptionSet::flag(std::string name, std::string help, bool& target) {
  options_.push_back(
      {std::move(name), "", std::move(help), [&target](const auto&) { target = true; }});
}

void OptionSet::choice(std::string name, std::string help, std::optional<bool>& target) {
  const std::string opposite = "--no-" + name.substr(2);
  options_.push_back(
      {std::move(name), "", std::move(help), [&target](const auto&) { target = true; }});
  options_.push_back({opposite, "", "", [&target](const auto&) { target = false; }, true});
}

void OptionSet::value(std::string name, std::string value_name, std::string help, Set set) {
  options_.push_back({std::move(name), std::move(value_name), std::move(help), std::move(set)});
}

void OptionSet::value(std::string name, std::string value_name, std::string help,
                      std::string& target) {
  value(std::move(name), std::move(value_name), std::move(help),
        [&target](const std::string& text) { target = text; });
}

void OptionSet::value(std::string name, std::string value_name, std::string help,
                      std::optional<int>& target, wire::Range range) {
  value(name, std::move(value_name), std::move(help),
        [name, &target, range](const std::string& text) {
          target = int(parse_integer(name, text, range));
        });
}

void OptionSet::value(std::string name, std::string value_name, std::string help, int& target,
                      wire::Range range) {
  value(name, std::move(value_name), std::move(help),
        [name, &target, range](const std::string& text) {
          target = int(parse_integer(name, text, range));
        });
}

void OptionSet::value(std::string name, std::string value_name, std::string help, double& target,
                      wire::Range range) {
  value(name, std::move(value_name), std::move(help),
        [name, &target, range](const std::string& text) {
          target = parse_number(name, text, range);
        });
}

void OptionSet::sampling(wire::Sampling& target) {
  for (const wire::SamplingField& field : wire::sampling_fields())
    std::visit(AddSampling{*this, field, target}, field.member);
}

const OptionSet::Option& OptionSet::find(const std::string& name) const {
  for (const Option& option : options_)
    if (option.set && option.name == name) return option;
  const std::vector<std::string> all = names();
  const std::vector<std::string_view> candidates(all.begin(), all.end());
  throw UsageError("unknown option " + name + did_you_mean(name, candidates));
}

std::vector<std::string> OptionSet::parse(std::span<const std::string> arguments) const {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--") {
      words.insert(words.end(), arguments.begin() + long(i) + 1, arguments.end());
      break;
    }
    if (argument.size() < 2 || argument[0] != '-') {
      words.push_back(argument);
      continue;
    }
    const std::size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    const Option& option = find(name);
    if (option.value_name.empty()) {
      if (equals != std::string::npos) throw UsageError(name + " takes no value");
      option.set("");
    } else if (equals != std::string::npos) {
      option.set(argument.substr(equals + 1));
    } else {
      if (i + 1 == arguments.size())
        throw UsageError(name + " needs a value: " + option.value_name);
      option.set(arguments[++i]);
    }
  }
  return words;
}

void OptionSet::print_help(std::ostream& out) const {
  std::vector<std::string> shown;
  std::size_t width = 0;
  for (std::size_t i = 0; i < options_.size(); ++i) {
    const Option& option = options_[i];
    const bool two_forms = i + 1 < options_.size() && options_[i + 1].opposite;
    shown.push_back(two_forms ? "--[no-]" + option.name.substr(2) : option.name);
    if (!option.value_name.empty()) shown[i] += " " + option.value_name;
    if (option.set) width = std::max(width, shown[i].size());
  }
  for (std::size_t i = 0; i < options_.size(); ++i) {
    if (options_[i].opposite) continue;
    if (options_[i].set)
      out << "  " << std::left << std::setw(int(width) + 2) << shown[i] << options_[i].help << '\n';
    else
      out << '\n' << shown[i] << ":\n";
  }
}

std::vector<std::string> OptionSet::names() const {
  std::vector<std::string> all;
  for (const Option& option : options_)
    if (option.set) all.push_back(option.name);
  return all;
}

}  // namespace nanoflow::cli
