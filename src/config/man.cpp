// Manual pages in man(7) macros. Everything outside ASCII is written as \[uXXXX], so that no
// encoding is guessed. Tests check the pages with groff -ww and mandoc -Tlint where installed. Not
// here: help for a terminal (help.cpp). See help.hpp.
#include <fmt/format.h>

#include "config/help.hpp"

namespace postroad::config {
namespace {

// Removes a well-formed UTF-8 sequence from the front and returns its code point.
unsigned take_character(std::string_view& text) {
  const auto first = static_cast<unsigned char>(text[0]);
  const std::size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  unsigned value = length == 1 ? first : first & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length && i < text.size(); ++i) {
    value = (value << 6) | (static_cast<unsigned char>(text[i]) & 0x3fU);
  }
  text.remove_prefix(std::min(length, text.size()));
  return value;
}

// Text that roff shows literally: no escapes, no requests at the start of a line.
std::string roff(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const bool at_front = out.empty() || out.back() == '\n';
    const auto c = take_character(text);
    if (at_front && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c >= 0x80) {
      out += fmt::format("\\[u{:04X}]", c);
    } else {
      out += static_cast<char>(c);
    }
  }
  return out;
}

std::string bold(std::string_view text) { return "\\fB" + roff(text) + "\\fR"; }
std::string italic(std::string_view text) { return "\\fI" + roff(text) + "\\fR"; }

// One tagged paragraph.
std::string item(std::string_view tag, std::string_view doc) {
  return fmt::format(".TP\n{}\n{}\n", tag, roff(doc));
}

std::string flag_item(const Flag& flag) {
  std::string tag = flag.letter == 0 ? "" : bold(fmt::format("-{}", flag.letter));
  if (!flag.name.empty()) tag += (tag.empty() ? "" : ", ") + bold("--" + flag.name);
  if (!flag.value.empty()) tag += " " + italic(flag.value);
  return item(tag, doc_of(flag));
}

std::string paragraphs(std::string_view text) {
  std::string out;
  for (std::size_t from = 0; from < text.size();) {
    const auto end = std::min(text.find("\n\n", from), text.size());
    out += (out.empty() ? "" : ".PP\n") + roff(text.substr(from, end - from)) + "\n";
    from = end + 2;
  }
  return out;
}

std::string flags(std::span<const Command* const> path) {
  std::string out = ".SH OPTIONS\n";
  for (auto command = path.rbegin(); command != path.rend(); ++command) {
    for (const auto& flag : (*command)->flags) {
      if (!flag.hidden) out += flag_item(flag);
    }
  }
  for (const auto& flag : standard_flags(path)) out += flag_item(flag);
  return out;
}

std::string examples(const Command& command) {
  if (command.examples.empty()) return {};
  std::string out;
  for (const auto& example : command.examples) {
    out += out.empty() ? ".SH EXAMPLES\n" : ".PP\n";
    if (!example.doc.empty()) out += roff(example.doc) + "\n";
    out += fmt::format(".RS 4\n.nf\n{}\n.fi\n.RE\n", roff(example.line));
  }
  return out;
}

// A summary in place of a missing description.
std::string as_sentence(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 32);
  return text + ".";
}

// The pages above and below.
std::string see_also(std::span<const Command* const> path) {
  std::vector<std::string> names;
  if (path.size() > 1) names.push_back(joined_name(path.first(path.size() - 1), "-"));
  for (const auto& sub : path.back()->subcommands)
    names.push_back(joined_name(path, "-") + "-" + sub.name);
  if (names.empty()) return {};
  std::string out = ".SH SEE ALSO\n";
  for (std::size_t i = 0; i < names.size(); ++i) {
    out += fmt::format(".BR {} (1){}\n", roff(names[i]), i + 1 < names.size() ? "," : "");
  }
  return out;
}

std::string page_of(std::span<const Command* const> path, const Page& page, std::string_view date) {
  const Command& command = *path.back();
  const auto name = joined_name(path, "-");
  const auto words = joined_name(path, " ");
  std::string title;
  for (const char c : name) title += c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  std::string out = fmt::format(".TH {} 1 \"{}\" \"{} {}\"\n", roff(title), date,
                                roff(path[0]->name), roff(page.version));
  out += fmt::format(".SH NAME\n{} \\- {}\n", roff(name), roff(command.summary));
  out +=
      fmt::format(".SH SYNOPSIS\n{}{}\n", bold(words), roff(usage_line(path).substr(words.size())));
  out += ".SH DESCRIPTION\n" + paragraphs(command.description.empty() ? as_sentence(command.summary)
                                                                      : command.description);
  if (!command.subcommands.empty()) out += ".SH COMMANDS\n";
  for (const auto& sub : command.subcommands) out += item(bold(sub.name), sub.summary);
  if (!command.arguments.empty()) out += ".SH ARGUMENTS\n";
  for (const auto& argument : command.arguments)
    out += item(italic(argument.name), with_words(argument.doc, argument.words));
  out += flags(path);
  if (!command.exit_codes.empty()) out += ".SH EXIT STATUS\n";
  for (const auto& code : command.exit_codes)
    out += item(bold(std::to_string(code.code)), code.doc);
  return out + examples(command) + see_also(path);
}

void collect(std::vector<const Command*>& path, const Page& page, std::string_view date,
             std::vector<NamedText>& out) {
  out.push_back({joined_name(path, "-") + ".1", page_of(path, page, date)});
  for (const auto& sub : path.back()->subcommands) {
    path.push_back(&sub);
    collect(path, page, date, out);
    path.pop_back();
  }
}

}  // namespace

std::vector<NamedText> man_pages(const Command& root, const Page& page, std::string_view date) {
  std::vector<NamedText> out;
  std::vector<const Command*> path{&root};
  collect(path, page, date, out);
  return out;
}

}  // namespace postroad::config
