// Help for a terminal: usage line, aligned columns, wrapped paragraphs, and the parts that help and
// manual share. Tests compare the layout exactly (command_test.cpp). Not here: man pages
// (man.cpp), completion (completion.cpp). See help.hpp.
#include "config/help.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace postroad::config {
namespace {

constexpr std::size_t widest_left = 30;

// A row of two columns; `left_width` is without colour.
struct Row {
  std::string left;
  std::size_t left_width;
  std::string right;
};

// Columns of UTF-8 text, approximately: one per character.
std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

class Writer {
 public:
  explicit Writer(const Page& page)
      : colour_(page.colour), width_(static_cast<std::size_t>(std::clamp(page.width, 40, 100))) {}

  void heading(std::string_view text) { out_ += fmt::format("\n{}\n", paint(text, "\x1b[1m")); }
  [[nodiscard]] std::string paint(std::string_view text, std::string_view how) const {
    return colour_ ? fmt::format("{}{}\x1b[0m", how, text) : std::string(text);
  }
  [[nodiscard]] std::string name(std::string_view text) const { return paint(text, "\x1b[36m"); }
  void line(std::string_view text) { out_ += fmt::format("{}\n", text); }

  void usage(std::string_view text) {
    out_ += fmt::format("\n{} ", paint("Usage:", "\x1b[1m"));
    wrapped(text, 7, 7);
  }

  // `first` columns are already taken on the line.
  void wrapped(std::string_view text, std::size_t indent, std::size_t first) {
    std::size_t at = first;
    bool fresh = true;
    for (std::size_t from = 0; from < text.size();) {
      const auto end = std::min(text.find_first_of(" \n", from), text.size());
      const auto word = text.substr(from, end - from);
      from = end + 1;
      if (word.empty()) continue;
      if (!fresh && at + 1 + columns(word) > width_) {
        out_ += '\n' + std::string(indent, ' ');
        at = indent;
      } else if (!fresh) {
        out_ += ' ';
        ++at;
      }
      out_ += word;
      at += columns(word);
      fresh = false;
    }
    out_ += '\n';
  }

  void paragraphs(std::string_view text) {
    for (std::size_t from = 0; from < text.size();) {
      const auto end = std::min(text.find("\n\n", from), text.size());
      out_ += '\n';
      wrapped(text.substr(from, end - from), 0, 0);
      from = end + 2;
    }
  }

  void table(const std::vector<Row>& rows) {
    std::size_t left = 0;
    for (const auto& row : rows) {
      if (row.left_width <= widest_left) left = std::max(left, row.left_width);
    }
    const std::size_t indent = 2 + left + 2;
    for (const auto& row : rows) {
      out_ += "  " + row.left;
      if (row.left_width > left) {
        out_ += '\n' + std::string(indent, ' ');
      } else {
        out_ += std::string(left - row.left_width + 2, ' ');
      }
      wrapped(row.right, indent, indent);
    }
  }

  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  bool colour_;
  std::size_t width_;
  std::string out_;
};

// The target still has the value that it was declared with: help is written before any is set.
std::string default_of(const Flag& flag) {
  if (!flag.default_text.empty() || flag.required) return flag.default_text;
  const auto value = std::visit(
      [](const auto& target) -> std::string {
        using Kind = std::decay_t<decltype(target)>;
        if constexpr (std::is_same_v<Kind, std::string*>) return *target;
        if constexpr (std::is_same_v<Kind, int*>) return std::to_string(*target);
        if constexpr (std::is_same_v<Kind, Size*> || std::is_same_v<Kind, Duration*>)
          return format(*target);
        return {};
      },
      flag.target);
  return value.empty() ? value : fmt::format("`{}`", value);
}

Row flag_row(const Flag& flag, const Writer& writer) {
  const auto letter = flag.letter == 0
                          ? std::string("    ")
                          : fmt::format("-{}{}", flag.letter, flag.name.empty() ? "" : ", ");
  const auto name = flag.name.empty() ? std::string{} : "--" + flag.name;
  const auto value = flag.value.empty() ? std::string{} : " " + flag.value;
  const auto left = flag.letter == 0 ? letter + writer.name(name) : writer.name(letter + name);
  return {left + value, columns(letter + name + value), doc_of(flag)};
}

void flags(std::span<const Command* const> path, Writer& writer) {
  std::vector<Row> rows;
  for (auto command = path.rbegin(); command != path.rend(); ++command) {
    for (const auto& flag : (*command)->flags) {
      if (!flag.hidden) rows.push_back(flag_row(flag, writer));
    }
  }
  for (const auto& flag : standard_flags(path)) rows.push_back(flag_row(flag, writer));
  writer.heading("Flags");
  writer.table(rows);
}

template <class Items, class Make>
void section(Writer& writer, std::string_view heading, const Items& items, Make make) {
  if (items.empty()) return;
  std::vector<Row> rows;
  for (const auto& item : items) rows.push_back(make(item));
  writer.heading(heading);
  writer.table(rows);
}

}  // namespace

std::string joined_name(std::span<const Command* const> path, std::string_view between) {
  std::string out;
  for (const Command* command : path)
    out += (out.empty() ? "" : std::string(between)) + command->name;
  return out;
}

std::string with_words(std::string doc, const std::vector<std::string>& words) {
  if (!words.empty()) doc += fmt::format(" One of: {}.", fmt::join(words, ", "));
  return doc;
}

std::string doc_of(const Flag& flag) {
  auto doc = with_words(flag.doc, flag.words);
  if (const auto value = default_of(flag); !value.empty())
    doc += fmt::format(" Default: {}.", value);
  if (std::holds_alternative<std::vector<std::string>*>(flag.target)) doc += " May be repeated.";
  if (flag.required) doc += " Required.";
  return doc;
}

std::vector<Flag> standard_flags(std::span<const Command* const> path) {
  std::vector<Flag> out{
      {.name = "help", .letter = 'h', .value = {}, .doc = "Show this help and exit."}};
  for (const Command* command : path) {
    for (const auto& flag : command->flags) {
      if (flag.letter == 'h') out[0].letter = 0;
    }
  }
  if (path.size() == 1)
    out.push_back({.name = "version", .value = {}, .doc = "Show the version and exit."});
  return out;
}

std::string usage_line(std::span<const Command* const> path) {
  const Command& command = *path.back();
  std::string out = joined_name(path, " ") + " [FLAGS]";
  if (!command.subcommands.empty()) out += command.runs_alone ? " [COMMAND]" : " COMMAND";
  for (const auto& argument : command.arguments) {
    const bool many = std::holds_alternative<std::vector<std::string>*>(argument.target);
    const auto shown = argument.name + (many ? "..." : "");
    out += argument.required ? " " + shown : fmt::format(" [{}]", shown);
  }
  return out;
}

std::string help_text(std::span<const Command* const> path, const Page& page) {
  const Command& command = *path.back();
  Writer writer(page);
  writer.wrapped(fmt::format("{}: {}", joined_name(path, " "), command.summary), 0, 0);
  writer.usage(usage_line(path));
  writer.paragraphs(command.description);
  section(writer, "Commands", command.subcommands, [&](const Command& sub) {
    return Row{writer.name(sub.name), columns(sub.name), sub.summary};
  });
  section(writer, "Arguments", command.arguments, [&](const Argument& argument) {
    return Row{writer.name(argument.name), columns(argument.name),
               with_words(argument.doc, argument.words)};
  });
  flags(path, writer);
  if (!command.examples.empty()) writer.heading("Examples");
  for (const auto& example : command.examples) {
    writer.line("  " + example.line);
    if (!example.doc.empty()) {
      writer.table({Row{"  ", 2, example.doc}});
    }
  }
  section(writer, "Exit codes", command.exit_codes, [&](const ExitCode& code) {
    const auto number = fmt::format("{:>2}", code.code);
    return Row{writer.name(number), columns(number), code.doc};
  });
  return writer.take();
}

}  // namespace postroad::config
