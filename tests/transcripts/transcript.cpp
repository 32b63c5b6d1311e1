// The transcript reader; see transcript.hpp.
#include "transcript.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace postroad::transcripts {

namespace {

using Kind = Turn::Kind;

bool eat(std::string_view& line, std::string_view prefix) {
  if (!line.starts_with(prefix)) return false;
  line.remove_prefix(prefix.size());
  if (line.starts_with(' ')) line.remove_prefix(1);
  return true;
}

// An unknown expectation would never be checked.
bool is_expectation(const std::string& word) {
  static constexpr std::string_view known[] = {"messages",
                                               "message",
                                               "from",
                                               "recipients",
                                               "login",
                                               "ending",
                                               "outcome",
                                               "error",
                                               "usable",
                                               "delivered",
                                               "reply",
                                               "parameters",
                                               "recipient_parameters"};
  return std::find(std::begin(known), std::end(known), word) != std::end(known);
}

bool read_head(std::string_view line, int number, Transcript& script) {
  const auto word = [&](std::string_view text) { return Word{std::string(text), number}; };
  if (eat(line, "title:")) {
    script.title = line;
  } else if (eat(line, "guards:")) {
    script.guards = words_of(std::string(line));
  } else if (eat(line, "side:")) {
    script.for_server = line != "client";
    script.for_client = line != "server";
  } else if (eat(line, "server:")) {
    script.server_options.push_back(word(line));
  } else if (eat(line, "client:")) {
    script.client_options.push_back(word(line));
  } else if (eat(line, "policy:")) {
    script.policy.push_back(word(line));
  } else if (eat(line, "then:")) {
    if (!is_expectation(words_of(std::string(line)).at(0))) return false;
    script.expectations.push_back(word(line));
  } else {
    return false;
  }
  return true;
}

// `<ehlo>` stands for the usual list of the server under test, `<ehlo: A | B>` for one with further
// lines, in the order in which the server sends them.
std::string ehlo_list(std::string_view extra) {
  std::string list =
      "250-mail.example\r\n250-PIPELINING\r\n250-SIZE 36700160\r\n250-8BITMIME\r\n"
      "250-SMTPUTF8\r\n";
  while (!extra.empty()) {
    const auto end = std::min(extra.find(" | "), extra.size());
    list += "250-" + std::string(extra.substr(0, end)) + "\r\n";
    extra.remove_prefix(std::min(end + 3, extra.size()));
  }
  return list + "250-HELP\r\n250 ENHANCEDSTATUSCODES\r\n";
}

bool read_turn(std::string_view line, int number, Transcript& script) {
  const auto add = [&](Kind kind, std::string bytes) {
    script.turns.push_back({kind, std::move(bytes), number});
  };
  if (eat(line, "C!")) {
    add(Kind::client, words_of(std::string(line)).at(0));
  } else if (eat(line, "S!")) {
    add(Kind::server, words_of(std::string(line)).at(0));
  } else if (eat(line, "C:")) {
    add(Kind::client, std::string(line) + "\r\n");
  } else if (line == "S: <ehlo>") {
    add(Kind::server, ehlo_list({}));
  } else if (line.starts_with("S: <ehlo: ") && line.ends_with('>')) {
    constexpr std::size_t front = 10;
    add(Kind::server, ehlo_list(line.substr(front, line.size() - front - 1)));
  } else if (eat(line, "S:")) {
    add(Kind::server, std::string(line) + "\r\n");
  } else if (line == "TLS") {
    add(Kind::tls, {});
  } else if (line == "C closes") {
    add(Kind::client_closed, {});
  } else if (line == "S closes") {
    add(Kind::server_closed, {});
  } else if (line == "TIMEOUT") {
    add(Kind::timeout, {});
  } else if (eat(line, "do:")) {
    add(Kind::perform, std::string(line));
  } else {
    return false;
  }
  return true;
}

}  // namespace

std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    switch (text[++i]) {
      case 'r':
        out += '\r';
        break;
      case 'n':
        out += '\n';
        break;
      case 't':
        out += '\t';
        break;
      case '0':
        out += '\0';
        break;
      case 'x':
        out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
        i += 2;
        break;
      default:
        out += text[i];
    }
  }
  return out;
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == ' ') {
      ++i;
      continue;
    }
    std::size_t end = i;
    if (text[i] == '"') {
      for (end = i + 1; end < text.size() && text[end] != '"'; ++end)
        end += text[end] == '\\' ? 1 : 0;
      std::string word = unescape(std::string_view(text).substr(i + 1, end - i - 1));
      i = end + 1;
      // `"ab"*1000` repeats: long input without long files.
      if (i < text.size() && text[i] == '*') {
        std::size_t used = 0;
        const auto times = std::stoul(text.substr(i + 1), &used);
        std::string many;
        for (unsigned long k = 0; k < times; ++k) many += word;
        word = std::move(many);
        i += 1 + used;
      }
      if (i < text.size() && text[i] == '+') {  // joins with the next word
        const auto rest = words_of(text.substr(i + 1));
        if (!rest.empty()) word += rest.front();
        words.push_back(std::move(word));
        words.insert(words.end(), rest.begin() + (rest.empty() ? 0 : 1), rest.end());
        return words;
      }
      words.push_back(std::move(word));
    } else {
      end = std::min(text.find(' ', i), text.size());
      words.push_back(text.substr(i, end - i));
      i = end;
    }
  }
  return words;
}

Transcript read_transcript(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error(path + ": cannot be read");
  Transcript script;
  script.file = path;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (line.empty() || line.front() == '#') continue;
    try {
      if (read_head(line, number, script) || read_turn(line, number, script)) continue;
    } catch (const std::exception&) {
    }
    throw std::runtime_error(path + ':' + std::to_string(number) +
                             ": not a line of a transcript: " + line);
  }
  return script;
}

std::vector<std::string> all_transcripts() {
  const std::string folder = POSTROAD_SOURCE_DIR "/tests/transcripts";
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".smtp") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string name_of(const std::string& file) {
  auto name = file.substr(file.rfind('/', file.rfind('/') - 1) + 1);
  name.resize(name.rfind('.'));
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
}

bool matches(std::string_view pattern, std::string_view text) {
  const auto star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == text;
  if (!text.starts_with(pattern.substr(0, star))) return false;
  text.remove_prefix(star);
  pattern.remove_prefix(star + 1);
  for (std::size_t i = 0;; ++i) {
    if (matches(pattern, text.substr(i))) return true;
    if (i == text.size() || text[i] == '\r' || text[i] == '\n') return false;
  }
}

}  // namespace postroad::transcripts
