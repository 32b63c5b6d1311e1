// See flags_file.hpp.
#include "cli/flags/flags_file.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "cli/terminal.hpp"

namespace postroad::cli {

namespace {

// The values of the flags and arguments of a command line, by their names as help shows them.
using Given = std::map<std::string, std::vector<std::string>>;

// The parser alone knows which words are flags and which are values. It fills targets of our own,
// which take any value. Empty where it refuses the words, or shows the help.
Given given_by(config::Command command, const std::vector<std::string>& words) {
  Given given;
  for (auto& flag : command.flags)
    flag = config::Flag{.name = flag.name,
                        .letter = flag.letter,
                        .value = flag.value,
                        .target = &given["--" + flag.name]};
  for (auto& argument : command.arguments)
    argument =
        config::Argument{.name = argument.name, .target = &given[argument.name], .required = false};
  (void)config::parse(command, words);
  std::erase_if(given, [](const auto& one) { return one.second.empty(); });
  return given;
}

// Whether the command line has that flag, or one that excludes it.
bool is_overridden(const std::string& name, const Given& given, const config::Command& command) {
  if (given.contains(name)) return true;
  return std::any_of(command.flags.begin(), command.flags.end(), [&](const config::Flag& flag) {
    const auto shown = "--" + flag.name;
    return std::any_of(flag.excludes.begin(), flag.excludes.end(), [&](const auto& other) {
      return (shown == name && given.contains(other)) || (other == name && given.contains(shown));
    });
  });
}

bool takes_value(const std::string& name, const config::Command& command) {
  return std::any_of(command.flags.begin(), command.flags.end(), [&](const config::Flag& flag) {
    return "--" + flag.name == name && !flag.value.empty();
  });
}

// The flags of the file that are not overridden, one word each.
Result<FlagsOfFile> read(const std::string& path, const Given& given,
                         const config::Command& command) {
  const auto text = read_all(path);
  if (!text) return text.error();
  FlagsOfFile found;
  std::size_t number = 0;
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  const std::string_view lines = *text;
  const auto begin = lines.starts_with(byte_order_mark) ? byte_order_mark.size() : 0;
  for (const auto whole : split(lines.substr(begin), '\n')) {
    ++number;
    const auto line = trim(whole.ends_with('\r') ? whole.substr(0, whole.size() - 1) : whole);
    if (line.empty() || line.front() == '#') continue;
    const auto end = std::min(line.find_first_of(" \t"), line.size());
    auto name = std::string(line.substr(0, end));
    if (!name.starts_with("--")) name.insert(0, "--");
    const auto value = trim(line.substr(end));
    // Without its value the flag would take the next word of the command line.
    const bool lacks_value = value.empty() && takes_value(name, command);
    const auto place = path + ':' + std::to_string(number);
    if (name.starts_with("---") || name.size() < 4)
      return fail(Fault::input, place, "expected the long name of a flag, such as `server`");
    if (name == "--flags" || name == "--help" || name == "--version")
      return fail(Fault::input, place, name + " is not possible in a file of flags; remove it");
    if (name.find('=') != std::string::npos || lacks_value)
      return fail(Fault::input, place,
                  "expected a flag, a space and its value, such as `server smtp://h:587`");
    if (is_overridden(name, given, command)) continue;
    found.places.emplace(name, place);
    found.words.push_back(std::move(name));
    if (!value.empty()) found.words.back() += '=' + std::string(value);
  }
  return found;
}

}  // namespace

std::string place_of(const FlagPlaces& places, std::string_view text) {
  for (auto at = text.find("--"); at < text.size(); at = text.find("--", at + 2)) {
    const auto end = text.find_first_not_of("-abcdefghijklmnopqrstuvwxyz0123456789", at);
    const auto found = places.find(std::string(text.substr(at, end - at)));
    if (found != places.end()) return " (" + found->second + ')';
  }
  return {};
}

Result<FlagsOfFile> with_flags_of_file(std::vector<std::string> words,
                                       const config::Command& command) {
  const auto given = given_by(command, {words.begin() + 1, words.end()});
  const auto file = given.find("--flags");
  // The parser refuses a second file.
  if (file == given.end() || file->second.size() != 1) return FlagsOfFile{std::move(words), {}};
  auto found = read(file->second.front(), given, command);
  if (!found) return found.error();
  words.insert(words.begin() + 1, found->words.begin(), found->words.end());
  found->words = std::move(words);
  return found;
}

}  // namespace postroad::cli
