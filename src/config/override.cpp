// Environment variables and `--set`: the options that have a path of their own, gathered with the
// struct that holds each, then looked up by name. Not here: what a value may be (option.cpp). See
// override.hpp.
#include "config/override.hpp"

#include <fmt/format.h>

#include <cstdlib>

#include "base/text.hpp"

namespace postroad::config {
namespace {

// An option that has a name of its own, and the struct that holds it.
struct Reached {
  std::vector<std::string> path;
  const Option* option;
  void* settings;
};

void collect(const Table& table, void* settings, const std::vector<std::string>& path,
             std::vector<Reached>& out) {
  const auto below = [&](const std::string& name) {
    auto longer = path;
    longer.push_back(name);
    return longer;
  };
  for (const auto& option : table.options) out.push_back({below(option.name), &option, settings});
  for (const auto& inner : table.tables) {
    if (!inner.repeated) collect(inner, inner.enter(settings), below(inner.name), out);
  }
}

Result<void> apply(const Reached& reached, std::string_view text, const std::string& source) {
  const auto value = parse_value(*reached.option, text);
  if (value) {
    reached.option->set(reached.settings, *value);
    return {};
  }
  const auto& error = value.error();
  const auto shown = error.where.empty() ? std::string{} : fmt::format("{}: ", error.where);
  return fail(Fault::input, source, shown + error.detail);
}

}  // namespace

std::optional<std::string> system_environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

std::string environment_name(std::span<const std::string> path) {
  std::string out = "POSTROAD";
  for (const auto& part : path) out += "_" + upper(part);
  return out;
}

Result<void> load_environment(const Environment& environment, const Table& root, void* settings) {
  std::vector<Reached> all;
  collect(root, settings, {}, all);
  for (const auto& reached : all) {
    const auto name = environment_name(reached.path);
    const auto text = environment(name);
    if (!text) continue;
    const auto applied = apply(reached, *text, name);
    if (!applied) return applied.error();
  }
  return {};
}

Result<void> set_option(std::string_view assignment, const Table& root, void* settings) {
  const auto equals = assignment.find('=');
  const auto name = trim(assignment.substr(0, equals));
  if (equals == std::string_view::npos) {
    return fail(Fault::input, std::string(name),
                "no value given: write name=value, such as server.port=25");
  }
  std::vector<Reached> all;
  collect(root, settings, {}, all);
  std::vector<std::string> names;
  for (const auto& reached : all) {
    names.push_back(fmt::format("{}", fmt::join(reached.path, ".")));
    if (names.back() == name)
      return apply(reached, trim(assignment.substr(equals + 1)), names.back());
  }
  const std::vector<std::string_view> known(names.begin(), names.end());
  const auto hint = nearest(name, known);
  return fail(Fault::input, std::string(name),
              hint.empty() ? "no option of that name"
                           : fmt::format("no option of that name; did you mean {}?", hint));
}

}  // namespace postroad::config
