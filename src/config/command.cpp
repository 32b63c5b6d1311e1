// Parsing of command lines: one pass over the words, then everything is validated, then the targets
// are written. Not here: help (help.cpp). docs/design/dependencies.md says why no library does
// this. See command.hpp.
#include "config/command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "base/text.hpp"
#include "config/help.hpp"

namespace postroad::config {
namespace {

using Write = std::function<void()>;
using Judge = std::function<Result<void>(std::string_view)>;

bool contains(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

template <class T>
Result<T> convert(std::string_view text) {
  if constexpr (std::is_same_v<T, Size>) {
    return parse_size(text);
  } else if constexpr (std::is_same_v<T, Duration>) {
    return parse_duration(text);
  } else if constexpr (std::is_same_v<T, int>) {
    const bool negative = text.starts_with('-');
    const auto number = parse_number(negative ? text.substr(1) : text);
    if (!number || *number > static_cast<unsigned>(std::numeric_limits<int>::max())) {
      return fail(Fault::input, std::string(text),
                  "not an integer; expected digits only, such as 25");
    }
    return negative ? -static_cast<int>(*number) : static_cast<int>(*number);
  } else {
    return std::string(text);
  }
}

template <class T>
struct Unwrapped {
  using type = T;
};
template <class T>
struct Unwrapped<std::optional<T>> {
  using type = T;
};

// Writes the values to their target once the whole line is valid. Functions are not called yet.
struct Prepare {
  const std::vector<std::string>& values;

  Result<Write> operator()(std::monostate) const {
    return Write{[] {}};
  }
  Result<Write> operator()(const Judge&) const {
    return Write{[] {}};
  }
  Result<Write> operator()(bool*) const {
    return Write{[] {}};
  }
  Result<Write> operator()(std::vector<std::string>* target) const {
    return Write{[target, all = values] { *target = all; }};
  }
  template <class T>
  Result<Write> operator()(T* target) const {
    auto value = convert<typename Unwrapped<T>::type>(values.back());
    if (!value) return value.error();
    return Write{[target, one = std::move(*value)] { *target = one; }};
  }
};

// A flag or an argument, and the values that the line gives it.
struct Bound {
  std::string shown;  // "--from" or "RECIPIENT"; errors about a value have the spelling in `typed`
  const Target* target;
  const std::vector<std::string>* words;
  const Flag* flag;  // null for an argument
  bool required;
  std::vector<std::string> values{};
  std::vector<std::string> typed{};  // one per value: "-f", "--from" or "RECIPIENT"

  void take(std::string value, std::string spelling) {
    values.push_back(std::move(value));
    typed.push_back(std::move(spelling));
  }
  [[nodiscard]] bool is_switch() const { return flag != nullptr && flag->value.empty(); }
  [[nodiscard]] bool takes_many() const {
    return std::holds_alternative<std::vector<std::string>*>(*target) ||
           std::holds_alternative<Judge>(*target);
  }
};

// A command of the path, with its flags and its arguments.
struct Level {
  const Command* command;
  std::vector<Bound> flags;
  std::vector<Bound> arguments;
};

class Parser {
 public:
  explicit Parser(const Page& page) : page_(page) {}

  Result<Invocation> run(const Command& root, const std::vector<std::string>& arguments) {
    enter(root);
    words_ = arguments;
    bool flags_have_ended = false;
    while (at_ < words_.size() && !invocation_.command->run_words) {
      const auto word = words_[at_++];
      if (flags_have_ended || !is_flag(word)) {
        if (!flags_have_ended && word == "--") {
          flags_have_ended = true;
        } else {
          take_word(word, flags_have_ended);
        }
      } else if (!take_flag(word)) {
        return refuse(fmt::format("{} needs a value; see {} --help", printable(word, 80),
                                  invocation_.name()));
      }
    }
    const bool is_plain = !asks_help_ && !asks_version_ && !unknown_flag_;
    return invocation_.command->run_words && is_plain ? take_words() : finish();
  }

  Result<std::string> help(const Command& root, const std::vector<std::string>& names) {
    enter(root);
    for (const auto& name : names) {
      const auto* sub = subcommand(name);
      if (sub == nullptr) return unknown_command(name);
      enter(*sub);
    }
    return help_text(invocation_.path, page_);
  }

 private:
  void enter(const Command& command) {
    invocation_.path.push_back(&command);
    invocation_.command = &command;
    Level level{&command, {}, {}};
    for (const auto& flag : command.flags) {
      const auto shown = flag.name.empty() ? fmt::format("-{}", flag.letter) : "--" + flag.name;
      level.flags.push_back({shown, &flag.target, &flag.words, &flag, flag.required});
    }
    for (const auto& argument : command.arguments)
      level.arguments.push_back(
          {argument.name, &argument.target, &argument.words, nullptr, argument.required});
    levels_.push_back(std::move(level));
  }

  // Null: the command has none of that name.
  [[nodiscard]] const Command* subcommand(std::string_view name) const {
    for (const auto& sub : invocation_.command->subcommands) {
      if (sub.name == name) return &sub;
    }
    return nullptr;
  }

  // For a command that parses its words itself.
  Result<Invocation> take_words() {
    invocation_.words.assign(words_.begin() + static_cast<std::ptrdiff_t>(at_), words_.end());
    if (invocation_.words == std::vector<std::string>{"--help"})
      invocation_.show = help_text(invocation_.path, page_);
    return std::move(invocation_);
  }

  // A subcommand's name, or an argument.
  void take_word(const std::string& word, bool is_argument) {
    const auto& subcommands = invocation_.command->subcommands;
    const auto* sub = subcommand(word);
    if (sub != nullptr && !is_argument && !unknown_command_) return enter(*sub);
    for (auto& argument : levels_.back().arguments) {
      if (!argument.values.empty() && !argument.takes_many()) continue;
      argument.take(word, argument.shown);
      return;
    }
    auto& unexpected = subcommands.empty() ? extra_ : unknown_command_;
    if (!unexpected) unexpected = word;
  }

  template <class Matches>
  Bound* find_flag(Matches matches) {
    for (auto level = levels_.rbegin(); level != levels_.rend(); ++level) {
      for (auto& bound : level->flags) {
        if (matches(*bound.flag)) return &bound;
      }
    }
    return nullptr;
  }

  // False: its value is missing.
  bool take_flag(const std::string& word) {
    return word.starts_with("--") ? take_long(word) : take_letters(word);
  }

  bool take_long(const std::string& word) {
    const auto equals = word.find('=');
    const auto name = std::string_view(word).substr(2, equals == word.npos ? equals : equals - 2);
    Bound* bound = find_flag([&](const Flag& flag) { return !name.empty() && flag.name == name; });
    if (bound == nullptr) {
      note_standard(name, word);
      return true;
    }
    if (equals != std::string::npos) {
      bound->take(word.substr(equals + 1), word.substr(0, equals));
      return true;
    }
    return take_value(*bound, word);
  }

  // `-v`, `-w5min`, `-w 5min`; switches may share a word: `-vq`.
  bool take_letters(const std::string& word) {
    for (std::size_t i = 1; i < word.size(); ++i) {
      const auto typed = fmt::format("-{}", word[i]);
      Bound* bound = find_flag([&](const Flag& flag) { return flag.letter == word[i]; });
      if (bound == nullptr) {
        note_standard(word[i] == 'h' ? "help" : "", i == 1 ? word : typed);
        if (word[i] != 'h') return true;
      } else if (bound->is_switch()) {
        bound->take("true", typed);
      } else if (i + 1 < word.size()) {
        bound->take(word.substr(i + 1), typed);
        return true;
      } else {
        return take_value(*bound, typed);
      }
    }
    return true;
  }

  bool take_value(Bound& bound, const std::string& typed) {
    if (bound.is_switch()) {
      bound.take("true", typed);
      return true;
    }
    if (at_ == words_.size()) return false;
    bound.take(words_[at_++], typed);
    return true;
  }

  // --help, --version, or an unknown flag.
  void note_standard(std::string_view name, const std::string& word) {
    if (name == "help") {
      asks_help_ = true;
    } else if (name == "version") {
      asks_version_ = true;
    } else if (!unknown_flag_) {
      unknown_flag_ = word;
    }
  }

  Result<Invocation> finish() {
    if (asks_help_ || asks_version_) {
      // Help on a command that does not exist is help on nothing.
      if (unknown_command_) return unknown_command(*unknown_command_);
      invocation_.show = asks_help_
                             ? help_text(invocation_.path, page_)
                             : fmt::format("{} {}\n", invocation_.path[0]->name, page_.version);
      return std::move(invocation_);
    }
    if (const auto rest = check_rest(); !rest) return rest.error();
    if (const auto filled = fill(); !filled) return filled.error();
    return std::move(invocation_);
  }

  [[nodiscard]] Error refuse(std::string detail) const {
    return fail(Fault::input, invocation_.name(), std::move(detail));
  }

  static bool is_flag(std::string_view word) {
    return word.size() > 1 && word[0] == '-' && word != "--";
  }

  [[nodiscard]] Result<void> check_rest() const {
    const Command& command = *invocation_.command;
    if (unknown_flag_) return unknown_flag(*unknown_flag_);
    if (unknown_command_) return unknown_command(*unknown_command_);
    if (extra_)
      return refuse(fmt::format("unexpected argument {}; usage: {}", printable(*extra_, 80),
                                usage_line(invocation_.path)));
    if (command.subcommands.empty() || command.runs_alone) return {};
    std::vector<std::string_view> known;
    for (const auto& sub : command.subcommands) known.push_back(sub.name);
    return refuse(fmt::format("no command given; use one of {}; see {} --help",
                              fmt::join(known, ", "), invocation_.name()));
  }

  [[nodiscard]] Error unknown_flag(std::string_view word) const {
    std::vector<std::string_view> known;
    for (const Command* command : invocation_.path) {
      for (const auto& flag : command->flags) {
        if (!flag.hidden) known.push_back(flag.name);
      }
    }
    known.insert(known.end(), {"help", "version"});
    const auto shown = word.substr(0, word.find('='));
    const auto hint = nearest(shown.substr(shown.find_first_not_of('-')), known);
    const auto remedy = hint.empty() ? fmt::format("see {} --help", invocation_.name())
                                     : fmt::format("did you mean --{}?", hint);
    return refuse(fmt::format("unknown flag {}; {}", shown, remedy));
  }

  [[nodiscard]] Error unknown_command(std::string_view word) const {
    std::vector<std::string_view> known;
    for (const auto& sub : invocation_.command->subcommands) known.push_back(sub.name);
    const auto hint = nearest(word, known);
    const auto remedy = hint.empty() ? fmt::format("see {} --help", invocation_.name())
                                     : fmt::format("did you mean {}?", hint);
    return refuse(fmt::format("unknown command {}; {}", printable(word, 80), remedy));
  }

  // Validates everything, then writes everything, then calls the functions.
  Result<void> fill() const {
    std::vector<Write> writes;
    std::vector<const Bound*> given;
    for (const auto& level : levels_) {
      for (const auto* all : {&level.flags, &level.arguments}) {
        for (const auto& bound : *all) {
          if (const auto fine = judge(bound, level); !fine) return fine.error();
          if (bound.values.empty()) continue;
          auto write = std::visit(Prepare{bound.values}, *bound.target);
          if (!write) return wrong_value(bound.typed.back(), write.error());
          writes.push_back(std::move(*write));
          if (bound.flag != nullptr && bound.flag->typed != nullptr)
            writes.emplace_back([&bound] { *bound.flag->typed = bound.typed; });
          given.push_back(&bound);
        }
      }
    }
    for (const auto& write : writes) write();
    for (const Bound* bound : given) {
      if (const auto told = tell(*bound); !told) return told.error();
    }
    return {};
  }

  [[nodiscard]] Result<void> judge(const Bound& bound, const Level& level) const {
    const auto& values = bound.values;
    if (values.empty()) {
      const bool missing = bound.required && level.command == invocation_.command;
      if (!missing) return {};
      return refuse(fmt::format(
          "missing {}; usage: {}{}", bound.shown, usage_line(invocation_.path),
          bound.flag == nullptr ? "" : fmt::format(" {} {}", bound.shown, bound.flag->value)));
    }
    for (const auto* all : {&level.flags, &level.arguments}) {
      for (const auto& other : *all) {
        if (bound.flag != nullptr && !other.values.empty() &&
            contains(bound.flag->excludes, other.shown))
          return refuse(fmt::format("{}, {}: mutually exclusive; give only one", bound.typed.back(),
                                    other.typed.back()));
      }
    }
    if (bound.is_switch()) {
      if (values.back() != "true")
        return refuse(fmt::format("{} takes no value", bound.typed.back()));
      return {};
    }
    if (values.size() > 1 && !bound.takes_many())
      return refuse(
          fmt::format("{}: given {} times; give it once", bound.typed.back(), values.size()));
    if (bound.flag != nullptr && bound.flag->positive) {
      const auto time = parse_duration(values.back());
      if (time && time->count() == 0)
        return refuse(fmt::format("{} {}: must be more than 0; expected a duration such as 30s",
                                  bound.typed.back(), values.back()));
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (bound.words->empty() || contains(*bound.words, values[i])) continue;
      const std::vector<std::string_view> known(bound.words->begin(), bound.words->end());
      const auto meant = nearest(values[i], known);
      return refuse(fmt::format("{} {}: unknown value; use one of {}{}", bound.typed[i],
                                printable(values[i], 80), fmt::join(*bound.words, ", "),
                                meant.empty() ? "" : fmt::format("; did you mean {}?", meant)));
    }
    return {};
  }

  [[nodiscard]] Error wrong_value(const std::string& typed, const Error& error) const {
    const auto shown = error.where.empty() ? std::string{} : " " + printable(error.where, 80);
    return refuse(fmt::format("{}{}: {}", typed, shown, error.detail));
  }

  [[nodiscard]] Result<void> tell(const Bound& bound) const {
    if (auto* const* target = std::get_if<bool*>(bound.target))
      **target = bound.flag == nullptr || bound.flag->sets;
    const auto* function = std::get_if<Judge>(bound.target);
    if (function == nullptr) return {};
    for (std::size_t i = 0; i < bound.values.size(); ++i) {
      if (const auto told = (*function)(bound.values[i]); !told)
        return wrong_value(bound.typed[i], told.error());
    }
    return {};
  }

  Page page_;
  Invocation invocation_;
  std::vector<Level> levels_;  // as invocation_.path
  std::vector<std::string> words_;
  std::size_t at_ = 0;  // the next word
  bool asks_help_ = false;
  bool asks_version_ = false;
  std::optional<std::string> unknown_flag_, unknown_command_,
      extra_;  // the first of each
};

// A name or a letter that a command has twice: a bug of the program, no mistake of its user.
std::optional<std::string> find_duplicate(const Command& command) {
  for (auto one = command.flags.begin(); one != command.flags.end(); ++one) {
    for (auto other = command.flags.begin(); other != one; ++other) {
      if (!one->name.empty() && one->name == other->name) return "--" + one->name;
      if (one->letter != 0 && one->letter == other->letter) return fmt::format("-{}", one->letter);
    }
  }
  for (const auto& sub : command.subcommands) {
    if (auto found = find_duplicate(sub)) return found;
  }
  return std::nullopt;
}

}  // namespace

std::string as_typed(const std::vector<std::string>& typed, std::string_view name) {
  return typed.empty() ? std::string(name) : typed.back();
}

std::string Invocation::name() const { return joined_name(path, " "); }

std::vector<std::string> arguments_of(int argc, char** argv) {
  return argc > 1 ? std::vector<std::string>(argv + 1, argv + argc) : std::vector<std::string>{};
}

Result<Invocation> parse(const Command& root, const std::vector<std::string>& arguments,
                         const Page& page) {
  if (const auto twice = find_duplicate(root))
    return fail(Fault::input, root.name, *twice + " is declared twice");
  return Parser(page).run(root, arguments);
}

Result<std::string> help_of(const Command& root, const std::vector<std::string>& names,
                            const Page& page) {
  return Parser(page).help(root, names);
}

}  // namespace postroad::config
