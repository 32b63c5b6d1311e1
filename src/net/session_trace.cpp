// See session_trace.hpp.
#include "net/session_trace.hpp"

#include "base/text.hpp"

namespace postroad::net {

namespace {

constexpr std::size_t max_line = 1000;

// A secret line keeps its verb and mechanism, so that the reader sees the step: "AUTH PLAIN
// [hidden]".
std::string hidden(std::string_view line) {
  const auto words = split(line, ' ');
  if (!iequals(words.front(), "AUTH") || words.size() < 2) return "[hidden]";
  return "AUTH " + printable(words[1], 40) + (words.size() > 2 ? " [hidden]" : "");
}

}  // namespace

void SessionTrace::add(Line& line, std::string_view arrow, std::string_view bytes, bool secret) {
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    line.secret = line.secret || secret;
    if (line.text.size() <= max_line) line.text += bytes.substr(0, end);
    if (end == std::string_view::npos) return;
    bytes.remove_prefix(end + 1);
    if (line.text.ends_with('\r')) line.text.pop_back();
    // A server reads an initial response before it knows that the line holds one.
    const bool secret_command = istarts_with(line.text, "AUTH ");
    sink_(arrow,
          line.secret || secret_command ? hidden(line.text) : printable(line.text, max_line));
    line = {};
  }
}

}  // namespace postroad::net
