// Completion scripts for bash, zsh and fish. Each finds the command that the words name, then
// offers what its declaration holds; none runs the program. A value that reads like a subcommand's
// name can mislead them: they know words, not the grammar. See help.hpp.
#include <fmt/format.h>

#include "config/help.hpp"

namespace postroad::config {
namespace {

using Path = std::vector<const Command*>;

// 'text' as one word of a shell.
std::string shell_word(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

template <class Visit>
void walk(Path& path, const Visit& visit) {
  visit(path);
  for (const auto& sub : path.back()->subcommands) {
    path.push_back(&sub);
    walk(path, visit);
    path.pop_back();
  }
}

// The flags that may follow a command: its own, those of the groups above, --help.
std::vector<Flag> flags_of(const Path& path) {
  std::vector<Flag> out;
  for (auto command = path.rbegin(); command != path.rend(); ++command) {
    for (const auto& flag : (*command)->flags) {
      if (!flag.hidden) out.push_back(flag);
    }
  }
  for (const auto& flag : standard_flags(path)) out.push_back(flag);
  return out;
}

// 'postroad send --tls' | 'postroad send -t'
std::string patterns(const Path& path, const Flag& flag) {
  const auto command = joined_name(path, " ");
  std::string out = flag.name.empty() ? "" : shell_word(fmt::format("{} --{}", command, flag.name));
  if (flag.letter != 0)
    out += (out.empty() ? "" : " | ") + shell_word(fmt::format("{} -{}", command, flag.letter));
  return out;
}

// The part that is the same in both: how the words become a command.
std::string branches(Path& path) {
  std::string out;
  walk(path, [&](const Path& at) {
    if (at.size() > 1) out += (out.empty() ? "" : " | ") + shell_word(joined_name(at, " "));
  });
  return out.empty() ? "''" : out;
}

std::string bash_values(std::string_view patterns, const std::vector<std::string>& words,
                        Completion completion) {
  std::string action = "return";
  if (!words.empty()) {
    action = fmt::format("words={}", shell_word(fmt::format("{}", fmt::join(words, " "))));
  } else if (completion != Completion::none) {
    const auto kind = completion == Completion::file ? "f" : "d";
    action = fmt::format(
        "compopt -o filenames; mapfile -t COMPREPLY < <(compgen -{} -- \"$cur\"); return", kind);
  }
  return fmt::format("    {}) {} ;;\n", patterns, action);
}

std::string bash_command(const Path& path) {
  std::string flags, words;
  for (const auto& flag : flags_of(path)) {
    flags += flag.name.empty() ? fmt::format(" -{}", flag.letter) : fmt::format(" --{}", flag.name);
  }
  bool files = false;
  for (const auto& sub : path.back()->subcommands) words += " " + sub.name;
  for (const auto& argument : path.back()->arguments) {
    for (const auto& word : argument.words) words += " " + word;
    files = files || argument.completion != Completion::none;
  }
  return fmt::format("    {})\n      flags={}\n      words={}\n{}      ;;\n",
                     shell_word(joined_name(path, " ")), shell_word(flags), shell_word(words),
                     files ? "      files=1\n" : "");
}

// name:description, as _describe takes it.
std::string described(std::string_view name, std::string_view doc) {
  std::string out;
  for (const char c : name) out += c == ':' ? std::string("\\:") : std::string(1, c);
  return shell_word(fmt::format("{}:{}", out, doc));
}

std::string zsh_values(const std::string& patterns, const Flag& flag) {
  std::string action = fmt::format("_message {}", shell_word(flag.value));
  if (!flag.words.empty()) {
    std::string words;
    for (const auto& word : flag.words) words += " " + shell_word(word);
    action = "compadd --" + words;
  } else if (flag.completion != Completion::none) {
    action = flag.completion == Completion::file ? "_files" : "_files -/";
  }
  return fmt::format("    {}) {}; return ;;\n", patterns, action);
}

std::string zsh_command(const Path& path) {
  std::string flags, words;
  for (const auto& flag : flags_of(path)) {
    const auto name = flag.name.empty() ? fmt::format("-{}", flag.letter) : "--" + flag.name;
    flags += "\n        " + described(name, flag.doc);
  }
  bool files = false;
  for (const auto& sub : path.back()->subcommands)
    words += "\n        " + described(sub.name, sub.summary);
  for (const auto& argument : path.back()->arguments) {
    for (const auto& word : argument.words) words += "\n        " + described(word, argument.doc);
    files = files || argument.completion != Completion::none;
  }
  return fmt::format("    {})\n      flags=({})\n      items=({})\n{}      ;;\n",
                     shell_word(joined_name(path, " ")), flags, words,
                     files ? "      files=1\n" : "");
}

// 'text' as one word of fish, whose quotes know two escapes.
std::string fish_word(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

std::string fish_list(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : " ") + fish_word(word);
  return out;
}

// The flag's values: -x means a value that is not a file, -r with -F a file.
std::string fish_values(const std::vector<std::string>& words, Completion completion) {
  if (!words.empty()) return " -x -a " + fish_word(fish_list(words));
  if (completion == Completion::file) return " -r -F";
  if (completion == Completion::folder) return " -x -a '(__fish_complete_directories)'";
  return " -x";
}

// "complete -c postroad -n '__postroad_at postroad send'", the begin of each line.
std::string fish_line(const Path& path) {
  const auto& root = path.front()->name;
  return fmt::format("complete -c {} -n {}", root,
                     fish_word(fmt::format("__{}_at {}", root, joined_name(path, " "))));
}

std::string fish_command(const Path& path) {
  const auto line = fish_line(path);
  std::string out;
  for (const auto& sub : path.back()->subcommands)
    out += fmt::format("{} -a {} -d {}\n", line, sub.name, fish_word(sub.summary));
  for (const auto& argument : path.back()->arguments) {
    if (!argument.words.empty())
      out += fmt::format("{} -a {} -d {}\n", line, fish_word(fish_list(argument.words)),
                         fish_word(argument.doc));
    if (argument.completion == Completion::file) out += line + " -F\n";
    if (argument.completion == Completion::folder)
      out += line + " -a '(__fish_complete_directories)'\n";
  }
  for (const auto& flag : flags_of(path)) {
    out += line;
    if (!flag.name.empty()) out += " -l " + flag.name;
    if (flag.letter != 0) out += fmt::format(" -s {}", flag.letter);
    if (!flag.value.empty()) out += fish_values(flag.words, flag.completion);
    out += fmt::format(" -d {}\n", fish_word(flag.doc));
  }
  return out;
}

constexpr std::string_view bash_script =
    R"(# bash completion of {0}: source it, or put it into a completions folder.
_{0}() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} at={0} flags='' words='' files='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$at ${{COMP_WORDS[i]}}" in
      {1}) at+=" ${{COMP_WORDS[i]}}" ;;
    esac
  done
  COMPREPLY=()
  case "$at ${{COMP_WORDS[COMP_CWORD - 1]}}" in
{2}    *) ;;
  esac
  if [[ -z $words ]]; then
    case "$at" in
{3}    esac
    [[ $cur == -* ]] && words=$flags && files=''
  fi
  if [[ -n $files ]]; then
    compopt -o filenames
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
  fi
  mapfile -t -O "${{#COMPREPLY[@]}}" COMPREPLY < <(compgen -W "$words" -- "$cur")
}}
complete -F _{0} {0}
)";

constexpr std::string_view zsh_script = R"(#compdef {0}
# zsh completion of {0}: put it into a folder of $fpath under the name _{0}.
_{0}() {{
  local at={0} files=''
  local -a flags items
  local -i i
  for ((i = 2; i < CURRENT; i++)); do
    case "$at ${{words[i]}}" in
      {1}) at+=" ${{words[i]}}" ;;
    esac
  done
  case "$at ${{words[CURRENT-1]}}" in
{2}    *) ;;
  esac
  case "$at" in
{3}  esac
  if [[ $PREFIX == -* ]]; then
    _describe -o flag flags
    return
  fi
  [[ -n $files ]] && _files
  (( $#items )) && _describe word items
}}
_{0} "$@"
)";

constexpr std::string_view fish_script =
    R"(# fish completion of {0}: put it into a completions folder under the name {0}.fish.
function __{0}_at
    set -l at {0}
    set -l words (commandline -opc)
    set -e words[1]
    for word in $words
        switch "$at $word"
            case {1}
                set at "$at $word"
        end
    end
    test "$at" = "$argv"
end
complete -c {0} -f
{2})";

}  // namespace

std::string bash_completion(const Command& root) {
  Path path{&root};
  std::string values, commands;
  walk(path, [&](const Path& at) {
    for (const auto& flag : flags_of(at)) {
      if (!flag.value.empty())
        values += bash_values(patterns(at, flag), flag.words, flag.completion);
    }
    commands += bash_command(at);
  });
  return fmt::format(fmt::runtime(bash_script), root.name, branches(path), values, commands);
}

std::string zsh_completion(const Command& root) {
  Path path{&root};
  std::string values, commands;
  walk(path, [&](const Path& at) {
    for (const auto& flag : flags_of(at)) {
      if (!flag.value.empty()) values += zsh_values(patterns(at, flag), flag);
    }
    commands += zsh_command(at);
  });
  return fmt::format(fmt::runtime(zsh_script), root.name, branches(path), values, commands);
}

std::string fish_completion(const Command& root) {
  Path path{&root};
  std::vector<std::string> names;
  std::string commands;
  walk(path, [&](const Path& at) {
    if (at.size() > 1) names.push_back(joined_name(at, " "));
    commands += fish_command(at);
  });
  return fmt::format(fmt::runtime(fish_script), root.name, fish_list(names), commands);
}

}  // namespace postroad::config
