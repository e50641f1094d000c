// A small option parser: each command fills an OptionSet, which parses, prints --help and feeds the
// shell completion, so the three never disagree.
#pragma once
#include <functional>
#include <iosfwd>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "client/sampling_fields.hpp"

namespace nanoflow::cli {

/// A mistake on the command line: exit code 2.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Each throws UsageError that names the option, the value and the limit.
long parse_integer(const std::string& option, const std::string& text, const wire::Range& range);
double parse_number(const std::string& option, const std::string& text, const wire::Range& range);

class OptionSet {
 public:
  using Set = std::function<void(const std::string& value)>;

  void heading(std::string title);  // before the options that follow, in --help
  void flag(std::string name, std::string help, bool& target);
  /// --name, or --no-name.
  void choice(std::string name, std::string help, std::optional<bool>& target);
  void value(std::string name, std::string value_name, std::string help, Set set);
  void value(std::string name, std::string value_name, std::string help, std::string& target);
  void value(std::string name, std::string value_name, std::string help, std::optional<int>& target,
             wire::Range range);
  void value(std::string name, std::string value_name, std::string help, int& target,
             wire::Range range);
  void value(std::string name, std::string value_name, std::string help, double& target,
             wire::Range range);
  /// Every sampling field, by the wire's table.
  void sampling(wire::Sampling& target);

  /// What is no option, in order. `--` ends the options.
  std::vector<std::string> parse(std::span<const std::string> arguments) const;
  void print_help(std::ostream& out) const;
  std::vector<std::string> names() const;  // "--json", ...

 private:
  struct Option {
    std::string name, value_name, help;  // no value_name: a flag
    Set set;
    bool opposite = false;  // the --no- form, which its other form's help line shows
  };
  const Option& find(const std::string& name) const;

  std::vector<Option> options_;  // a heading has no set
};

}  // namespace nanoflow::cli
