// Parsing of command lines. CLI11 takes the line apart and is seen in this file only; what is asked
// for, what may be written and every sentence are ours: CLI11 is told of no bound and nothing
// required. Not here: texts (help.cpp). See command.hpp.
#include "config/command.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <limits>
#include <map>

#include "base/text.hpp"
#include "config/help.hpp"

namespace postroad::config {
namespace {

using Write = std::function<void()>;
using Judge = std::function<Result<void>(std::string_view)>;

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
                  "not a whole number: write digits only, such as 25");
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

// What writes the values to their target once all of the line is known to be right. Functions are
// not called yet.
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

// A flag or an argument beside what CLI11 made of it.
struct Bound {
  std::string shown;  // "--from" or "RECIPIENT"
  const Target* target;
  const std::vector<std::string>* words;
  const Flag* flag;  // null for an argument
  bool required;
  CLI::Option* option;
  std::vector<std::string> values{};  // as given, once the line was parsed
};

class Parser {
 public:
  Parser(const Command& root, const Page& page) : page_(page), app_({}, root.name) {
    invocation_.path = {&root};
    invocation_.command = &root;
    declare(app_, root);
  }

  Result<Invocation> run(const std::vector<std::string>& arguments) {
    std::vector<std::string> reversed;
    for (auto argument = arguments.rbegin(); argument != arguments.rend(); ++argument)
      push(*argument, reversed);
    try {
      app_.parse(std::move(reversed));
    } catch (const CLI::ArgumentMismatch&) {
      follow();
      return refuse(fmt::format("{} needs a value; see {} --help", printable(arguments.back(), 80),
                                invocation_.name()));
    }
    follow();
    if (const auto text = asked_text()) {
      invocation_.show = text;
      return std::move(invocation_);
    }
    if (const auto rest = check_rest(); !rest) return rest.error();
    collect_values();
    if (const auto filled = fill(); !filled) return filled.error();
    return std::move(invocation_);
  }

 private:
  // "--name=" is an empty value, which CLI11 would take from the next word. A bare "++" would end
  // the subcommand and vanish, so it goes through in disguise.
  static void push(const std::string& argument, std::vector<std::string>& reversed) {
    const bool is_empty_value = argument.starts_with("--") && argument.size() > 3 &&
                                argument.find('=') == argument.size() - 1;
    if (is_empty_value) reversed.emplace_back();
    if (argument == "++") return reversed.push_back(std::string(plain_plus_plus));
    reversed.push_back(is_empty_value ? argument.substr(0, argument.size() - 1) : argument);
  }

  static constexpr std::string_view plain_plus_plus = "\x01++";

  void collect_values() {
    for (auto& [command, all] : bound_) {
      for (auto& bound : all) {
        bound.values = bound.option->results();
        std::replace(bound.values.begin(), bound.values.end(), std::string(plain_plus_plus),
                     std::string("++"));
      }
    }
  }

  static std::string names(const Flag& flag) {
    std::string out = flag.letter == 0 ? "" : fmt::format("-{}", flag.letter);
    if (!flag.name.empty()) out += (out.empty() ? "--" : ",--") + flag.name;
    return out;
  }

  CLI::Option* add(CLI::App& app, const Flag& flag) {
    if (flag.value.empty())
      return app.add_flag(names(flag))->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    return app.add_option(names(flag), CLI::callback_t([](const CLI::results_t&) { return true; }))
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  }

  void declare(CLI::App& app, const Command& command) {
    app.set_help_flag();
    app.allow_extras();
    app.fallthrough();
    app.require_subcommand(0, 1);
    auto& bound = bound_[&command];
    for (const auto& flag : command.flags) {
      const auto shown = flag.name.empty() ? fmt::format("-{}", flag.letter) : "--" + flag.name;
      bound.push_back({shown, &flag.target, &flag.words, &flag, flag.required, add(app, flag)});
    }
    const bool is_root = &command == invocation_.path[0];
    const Command* const lone[] = {&command, &command};
    for (const auto& flag : standard_flags(std::span(lone, is_root ? 1 : 2)))
      standard_.emplace_back(flag.name, add(app, flag));
    for (const auto& argument : command.arguments) {
      auto* option = app.add_option(argument.name,
                                    CLI::callback_t([](const CLI::results_t&) { return true; }));
      option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
      // Not -1: with that CLI11 takes "[a,b]" apart.
      if (std::holds_alternative<std::vector<std::string>*>(argument.target))
        option->expected(1 << 20);
      bound.push_back(
          {argument.name, &argument.target, &argument.words, nullptr, argument.required, option});
    }
    for (const auto& sub : command.subcommands) declare(*app.add_subcommand(sub.name), sub);
  }

  // The commands that the line named.
  void follow() {
    for (const CLI::App* app = &app_; !app->get_subcommands().empty();) {
      app = app->get_subcommands().front();
      for (const auto& sub : invocation_.command->subcommands) {
        if (sub.name != app->get_name()) continue;
        invocation_.command = &sub;
        invocation_.path.push_back(&sub);
        break;
      }
    }
  }

  [[nodiscard]] Error refuse(std::string detail) const {
    return fail(Fault::input, invocation_.name(), std::move(detail));
  }

  [[nodiscard]] std::optional<std::string> asked_text() const {
    for (const auto& [name, option] : standard_) {
      if (option->count() == 0) continue;
      if (name == "help") return help_text(invocation_.path, page_);
      return fmt::format("{} {}\n", invocation_.path[0]->name, page_.version);
    }
    return std::nullopt;
  }

  [[nodiscard]] Result<void> check_rest() const {
    const Command& command = *invocation_.command;
    const auto rest = app_.remaining(true);
    for (const auto& word : rest) {
      if (word.size() > 1 && word[0] == '-' && word != "--") return unknown_flag(word);
    }
    for (const auto& word : rest) {
      if (word == "--") continue;
      if (!command.subcommands.empty()) return unknown_command(word);
      return refuse(fmt::format("one argument too many: {}; write {}", printable(word, 80),
                                usage_line(invocation_.path)));
    }
    if (command.subcommands.empty() || command.runs_alone) return {};
    std::vector<std::string_view> known;
    for (const auto& sub : command.subcommands) known.push_back(sub.name);
    return refuse(fmt::format("which command? {}; {} --help tells about them",
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

  // Judges everything, then writes everything, then asks the functions.
  Result<void> fill() const {
    std::vector<Write> writes;
    std::vector<const Bound*> given;
    for (const Command* command : invocation_.path) {
      for (const auto& bound : bound_.at(command)) {
        if (const auto fine = judge(bound, *command); !fine) return fine.error();
        if (bound.values.empty()) continue;
        auto write = std::visit(Prepare{bound.values}, *bound.target);
        if (!write) return wrong_value(bound, write.error());
        writes.push_back(std::move(*write));
        given.push_back(&bound);
      }
    }
    for (const auto& write : writes) write();
    for (const Bound* bound : given) {
      if (const auto told = tell(*bound); !told) return told.error();
    }
    return {};
  }

  [[nodiscard]] Result<void> judge(const Bound& bound, const Command& command) const {
    const auto& values = bound.values;
    if (values.empty()) {
      const bool missing = bound.required && &command == invocation_.command;
      if (!missing) return {};
      return refuse(fmt::format(
          "{} is missing; write {}{}", bound.shown, usage_line(invocation_.path),
          bound.flag == nullptr ? "" : fmt::format(" {} {}", bound.shown, bound.flag->value)));
    }
    const bool is_switch = bound.flag != nullptr && bound.flag->value.empty();
    if (is_switch) {
      if (values.back() != "true") return refuse(fmt::format("{} takes no value", bound.shown));
      return {};
    }
    const bool many = std::holds_alternative<std::vector<std::string>*>(*bound.target) ||
                      std::holds_alternative<Judge>(*bound.target);
    if (values.size() > 1 && !many)
      return refuse(
          fmt::format("{} was given {} times; it takes one value", bound.shown, values.size()));
    for (const auto& value : values) {
      if (bound.words->empty() ||
          std::find(bound.words->begin(), bound.words->end(), value) != bound.words->end())
        continue;
      return refuse(fmt::format("{} {}: write one of {}", bound.shown, printable(value, 80),
                                fmt::join(*bound.words, ", ")));
    }
    return {};
  }

  [[nodiscard]] Error wrong_value(const Bound& bound, const Error& error) const {
    const auto shown = error.where.empty() ? std::string{} : " " + printable(error.where, 80);
    return refuse(fmt::format("{}{}: {}", bound.shown, shown, error.detail));
  }

  [[nodiscard]] Result<void> tell(const Bound& bound) const {
    if (auto* const* target = std::get_if<bool*>(bound.target))
      **target = bound.flag == nullptr || bound.flag->sets;
    const auto* function = std::get_if<Judge>(bound.target);
    if (function == nullptr) return {};
    for (const auto& value : bound.values) {
      if (const auto told = (*function)(value); !told) return wrong_value(bound, told.error());
    }
    return {};
  }

  Page page_;
  CLI::App app_;
  Invocation invocation_;
  std::map<const Command*, std::vector<Bound>> bound_;
  std::vector<std::pair<std::string, CLI::Option*>> standard_;
};

}  // namespace

std::string Invocation::name() const { return joined_name(path, " "); }

std::vector<std::string> arguments_of(int argc, char** argv) {
  return argc > 1 ? std::vector<std::string>(argv + 1, argv + argc) : std::vector<std::string>{};
}

Result<Invocation> parse(const Command& root, const std::vector<std::string>& arguments,
                         const Page& page) {
  try {
    return Parser(root, page).run(arguments);
  } catch (const std::exception& error) {
    return fail(Fault::input, root.name, error.what());
  }
}

}  // namespace postroad::config
