// A command line, declared once: from it come parsing, --help, the man page and shell completion.
//
//   Command root{.name = "postroad", .summary = "mail, sent and served", .subcommands = {
//     {.name = "send", .summary = "send a message",
//      .arguments = {{.name = "RECIPIENT", .doc = "…", .target = &to}},
//      .flags = {{.name = "from", .value = "ADDRESS", .doc = "…", .target = &from}},
//      .run = [&] { return send(from, to); }}}};
//   auto call = parse(root, arguments_of(argc, argv), {.version = "0.1.0"});
//   if (!call) { std::cerr << call.error() << '\n'; return exit_usage; }
//   if (call->show) { std::cout << *call->show; return 0; }
//   return call->run();
//
// Not here: options of the configuration file (option.hpp). Read on in help.hpp.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/units.hpp"

namespace postroad::config {

/// EX_USAGE of sysexits.h: what a program ends with when its command line is wrong.
inline constexpr int exit_usage = 64;

/// Where a value goes. A vector takes any number of values; a bool is a switch; a function takes
/// any other type and validates it: the `detail` of its error is shown. Targets outlive the
/// Command. `parse` writes to them only when the whole line is valid. Functions are called last,
/// and the first that returns an error ends the parsing.
using Target =
    std::variant<std::monostate, bool*, int*, std::string*, std::vector<std::string>*, Size*,
                 Duration*, std::optional<std::string>*, std::optional<int>*, std::optional<Size>*,
                 std::optional<Duration>*, std::function<Result<void>(std::string_view)>>;

/// Completions of a shell for a value that is not one of a few words.
enum class Completion : std::uint8_t { none, file, folder };

/// `--name VALUE`, `--name=VALUE`, `-l VALUE`.
struct Flag {
  std::string name{};   ///< without dashes; empty when it has a letter only
  char letter = 0;      ///< 0 for none
  std::string value{};  ///< what help calls the value ("ADDRESS"); empty for a switch
  std::string doc{};    ///< one or two sentences
  Target target{};
  bool sets = true;                  ///< what a switch writes; false for `--no-…`
  std::vector<std::string> words{};  ///< what the value may be; empty for anything
  /// For help: the value or the behavior without the flag. Empty: the value of the target, if any.
  std::string default_text{};
  Completion completion = Completion::none;
  bool required = false;
  bool hidden = false;    ///< works, and is in no text
  bool positive = false;  ///< a duration that must not be 0
  /// Takes the flag as typed, once per value: "-t" or "--to". Empty: the flag was not given.
  std::vector<std::string>* typed{};
  /// Flags and arguments that a line with this flag may not have, as help shows them: "--html",
  /// "RECIPIENT". One flag of a pair names the other.
  std::vector<std::string> excludes{};
};

/// A value by its position. An argument with a vector is the last one of its command.
struct Argument {
  std::string name{};  ///< in capitals, as help shows it
  std::string doc{};
  Target target{};
  bool required = true;
  std::vector<std::string> words{};
  Completion completion = Completion::none;
};

struct Example {
  std::string line{};
  std::string doc{};
};

struct ExitCode {
  int code = 0;
  std::string doc{};
};

/// A command, or a group of commands. A flag of a group may also follow its subcommands' names.
struct Command {
  std::string name{};
  std::string summary{};      ///< one line in lower case without a full stop
  std::string description{};  ///< paragraphs separated by an empty line; other line ends are spaces
  std::vector<Argument> arguments{};
  std::vector<Flag> flags{};
  std::vector<Example> examples{};
  std::vector<ExitCode> exit_codes{};
  std::vector<Command> subcommands{};
  bool runs_alone = false;  ///< with subcommands: it may also be called without one
  /// Runs the command; returns the exit code. Empty for a group that does not run alone.
  std::function<int()> run{};
  /// In place of `run`, for a command line of another form, as that of sendmail: takes the words
  /// behind the command's name as they are. Its flags and arguments are for help alone; the word
  /// --help alone shows it.
  std::function<int(const std::vector<std::string>&)> run_words{};
};

/// Layout of help for a terminal.
struct Page {
  std::string version{};  ///< what --version prints after the name
  int width = 80;         ///< columns; clamped to 40–100
  bool colour = false;    ///< headings and names in ANSI colours
};

/// The result of parsing a command line.
struct Invocation {
  std::vector<const Command*> path;   ///< the root first; never empty
  const Command* command = nullptr;   ///< the last of `path`
  std::optional<std::string> show{};  ///< print this on standard output and end with 0
  std::vector<std::string> words{};   ///< for Command::run_words
  [[nodiscard]] int run() const {
    return command->run ? command->run() : command->run_words(words);
  }
  /// "postroad queue list"
  [[nodiscard]] std::string name() const;
  /// Whether it is the command of these names, root left out: `is("queue", "list")`.
  template <class... Names>
  [[nodiscard]] bool is(const Names&... names) const {
    const std::vector<std::string_view> wanted{names...};
    if (wanted.size() + 1 != path.size()) return false;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (path[i + 1]->name != wanted[i]) return false;
    }
    return true;
  }
};

/// How the user called a flag, for an error about its last value: the last of Flag::typed, or
/// `name` where the flag was not given.
std::string as_typed(const std::vector<std::string>& typed, std::string_view name);

/// The arguments of main without the program's name.
std::vector<std::string> arguments_of(int argc, char** argv);

/// Parses and fills the targets. `root` outlives the result. Never exits, never throws, prints
/// nothing. Error: Fault::input, `where` the command ("postroad send"), `detail` "unknown flag
/// --form; did you mean --from?"; the program then ends with exit_usage. An error about a flag has
/// it as typed, `-f` or `--from`. The error about an unknown flag never repeats its value. --help
/// after an unknown command is an error.
Result<Invocation> parse(const Command& root, const std::vector<std::string>& arguments,
                         const Page& page = {});

/// The help of the command with these names below `root`; without names, that of `root`. Error: as
/// `parse` reports an unknown command.
Result<std::string> help_of(const Command& root, const std::vector<std::string>& names,
                            const Page& page = {});

}  // namespace postroad::config
