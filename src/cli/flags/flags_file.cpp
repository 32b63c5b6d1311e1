// See flags_file.hpp.
#include "cli/flags/flags_file.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "cli/terminal.hpp"

namespace postroad::cli {

namespace {

constexpr std::string_view flag = "--flags";

// The letter of the flag with that name and its dashes; 0: it has none.
char letter_of(const config::Command& command, std::string_view name) {
  for (const auto& one : command.flags) {
    if (one.name == name.substr(2)) return one.letter;
  }
  return 0;
}

// Whether the command line has that flag: `--to a`, `--to=a`, `-t a` or `-ta`.
bool has(const std::vector<std::string>& words, const std::string& name, char letter) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    if (letter != 0 && word.starts_with(std::string{'-', letter})) return true;
    if (!word.starts_with(name)) return false;
    word.remove_prefix(name.size());
    return word.empty() || word.front() == '=';
  });
}

Result<void> read(const std::string& path, const config::Command& command,
                  std::vector<std::string>& words) {
  const auto text = read_all(path);
  if (!text) return text.error();
  const auto given = words;
  std::size_t number = 0;
  for (const auto whole : split(*text, '\n')) {
    ++number;
    const auto line = trim(whole.ends_with('\r') ? whole.substr(0, whole.size() - 1) : whole);
    if (line.empty() || line.front() == '#') continue;
    const auto end = std::min(line.find_first_of(" \t"), line.size());
    auto name = std::string(line.substr(0, end));
    if (!name.starts_with("--")) name.insert(0, "--");
    if (name == flag || name.find('=') != std::string::npos)
      return fail(Fault::input, path + ':' + std::to_string(number),
                  "expected a flag, a space and its value, such as `server smtp://h:587`");
    if (has(given, name, letter_of(command, name))) continue;
    words.push_back(std::move(name));
    const auto value = trim(line.substr(end));
    if (!value.empty()) words.back() += '=' + std::string(value);
  }
  return {};
}

}  // namespace

Result<std::vector<std::string>> with_flags_of_file(std::vector<std::string> words,
                                                    const config::Command& command) {
  const auto joined = std::string(flag) + '=';
  const auto at = std::find_if(words.begin(), words.end(), [&](const std::string& word) {
    return word == flag || word.starts_with(joined);
  });
  if (at == words.end()) return words;
  std::string path;
  if (at->size() > flag.size()) {
    path = at->substr(joined.size());
    words.erase(at);
  } else {
    if (at + 1 == words.end())
      return fail(Fault::input, std::string(flag), "needs a value: the name of a file");
    path = *(at + 1);
    words.erase(at, at + 2);
  }
  // After `--` everything is an argument, so the file's flags go before it.
  const auto end = std::find(words.begin(), words.end(), "--");
  std::vector<std::string> front(words.begin(), end);
  const std::vector<std::string> back(end, words.end());
  const auto done = read(path, command, front);
  if (!done) return done.error();
  front.insert(front.end(), back.begin(), back.end());
  return front;
}

}  // namespace postroad::cli
