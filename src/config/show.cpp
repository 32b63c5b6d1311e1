// Settings as TOML and the reference page: two walks over the same declaration. Settings that are
// printed load back unchanged (file_test.cpp). Not here: how a single value is written
// (option.cpp). See show.hpp.
#include "config/show.hpp"

#include <fmt/format.h>

#include "config/override.hpp"

namespace postroad::config {
namespace {

// Whether the text of a URL has `user@` or `user:password@` before its host.
bool has_login(const Value& value) {
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr) return false;
  const auto scheme = text->find("://");
  const auto begin = scheme == std::string::npos ? 0 : scheme + 3;
  return text->find('@', begin) != std::string::npos;
}

std::string row_of(const Option& option, const void* settings, const void* defaults) {
  const auto value = option.get(settings);
  const auto usual = option.get(defaults);
  if (option.secret) {
    const bool is_set = value != Value{std::string{}};
    return fmt::format("# {} is {}\n", option.name, is_set ? "set (not shown)" : "not set");
  }
  if (option.is_url && has_login(value))
    return fmt::format("# {} is set (not shown: it has a login)\n", option.name);
  const auto row = fmt::format("{} = {}", option.name, format_toml(value));
  return row + (value == usual ? "\n" : fmt::format("  # default {}\n", format_toml(usual)));
}

std::string header(const Table& table, std::string_view name) {
  return table.repeated ? fmt::format("[[{}]]", name) : fmt::format("[{}]", name);
}

void show_table(const Table& table, const void* settings, const std::string& path,
                std::string& out) {
  const auto defaults = table.defaults();
  for (const auto& option : table.options) out += row_of(option, settings, defaults.get());
  for (const auto& inner : table.tables) {
    const auto name = path.empty() ? inner.name : path + "." + inner.name;
    for (const void* row : inner.rows(settings)) {
      if (!out.empty()) out += '\n';
      out += header(inner, name) + '\n';
      show_table(inner, row, name, out);
    }
  }
}

// A cell of a Markdown table: a bar would end it.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

// `named` is false below a repeated table, whose rows no variable can name.
std::string reference_row(const Option& option, const void* defaults, std::vector<std::string> path,
                          bool named) {
  path.push_back(option.name);
  const auto usual =
      option.secret ? std::string("not set") : "`" + format_toml(option.get(defaults)) + "`";
  const auto variable = named ? "`" + environment_name(path) + "`" : std::string("none");
  return fmt::format("| `{}` | {} | {} | {} | {} |\n", option.name, cell(describe(option)),
                     cell(usual), variable,
                     cell(option.doc + (option.fixed ? " A change needs a restart." : "")));
}

void reference_table(const Table& table, const std::vector<std::string>& path, bool named,
                     std::string& out) {
  if (!path.empty()) {
    const auto name = fmt::format("{}", fmt::join(path, "."));
    out += fmt::format("\n## `{}`\n\n{}\n", header(table, name), table.doc);
  }
  if (!table.options.empty())
    out += "\n| Option | Form | Default | Environment | Meaning |\n|---|---|---|---|---|\n";
  const auto defaults = table.defaults();
  for (const auto& option : table.options)
    out += reference_row(option, defaults.get(), path, named);
  for (const auto& inner : table.tables) {
    auto longer = path;
    longer.push_back(inner.name);
    reference_table(inner, longer, named && !inner.repeated, out);
  }
}

}  // namespace

std::string show(const Table& root, const void* settings) {
  std::string out;
  show_table(root, settings, {}, out);
  return out;
}

std::string reference(const Table& root) {
  std::string out =
      "# Configuration\n\nEvery option of the configuration file, which is TOML. An environment "
      "variable "
      "overrides the file, and `--set name=value` overrides both.\n";
  reference_table(root, {}, true, out);
  return out;
}

}  // namespace postroad::config
