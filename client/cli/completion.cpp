// The completion script asks each command for its options, so that it never goes stale.
#include <iostream>

#include "client/cli/command.hpp"

namespace nanoflow::cli {

int completion_command(Invocation& invocation) {
  OptionSet options;
  invocation.parse(options);
  std::cout << "# bash completion for nanoflow; made by: nanoflow completion\n"
               "_nanoflow() {\n"
               "  local current=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} names=\n"
               "  if ((COMP_CWORD == 1)); then\n"
               "    COMPREPLY=($(compgen -W '";
  for (const Command& command : commands()) std::cout << command.name << ' ';
  std::cout
      << "' -- \"$current\"))\n"
         "    return\n"
         "  fi\n"
         "  if [[ $current == -* ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$(nanoflow \"$command\" --list-options 2>/dev/null)\""
         " -- \"$current\"))\n"
         "    return\n"
         "  fi\n"
         "  case $command in\n"
         "    run | load) names=$(nanoflow models --available --json 2>/dev/null) ;;\n"
         "    unload) names=$(nanoflow models --json 2>/dev/null) ;;\n"
         "    help) names=$(nanoflow help 2>/dev/null | sed -n 's/^  \\([a-z]*\\) .*/\\1/p') ;;\n"
         "  esac\n"
         "  [[ $names == '{'* ]] &&\n"
         "    names=$(grep -o '\"name\":\"[^\"]*\"' <<<\"$names\" | cut -d'\"' -f4)\n"
         "  COMPREPLY=($(compgen -W \"$names\" -- \"$current\") $(compgen -f -- \"$current\"))\n"
         "}\n"
         "complete -o filenames -F _nanoflow nanoflow\n";
  return exit_done;
}

}  // namespace nanoflow::cli
