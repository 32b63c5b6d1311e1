// Environment variables and `--set`: the options that can be named, gathered with the struct that
// holds each, then looked up by name. Not here: what a value may be (option.cpp). See override.hpp.
#include "config/override.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/text.hpp"

namespace postroad::config {
namespace {

// An option under one of its names, and the struct that holds it.
struct Reached {
  std::vector<std::string> path;
  const Option* option;
  void* settings;
  std::string renamed{};           // today's name, where `path` has an older one
  std::vector<std::string> now{};  // and its path

  [[nodiscard]] std::string name() const { return fmt::format("{}", fmt::join(path, ".")); }
};

std::vector<std::string> below(const std::vector<std::string>& path, const std::string& name) {
  auto longer = path;
  longer.push_back(name);
  return longer;
}

// Whether rows of repeated tables are named, too: not for the environment.
enum class Rows : std::uint8_t { left_out, named };

void collect(const Table& table, void* settings, const std::vector<std::string>& path, Rows rows,
             std::vector<Reached>& out);

// The value of a row's option "name"; empty where it has none.
std::string name_of_row(const Table& table, const void* row) {
  for (const auto& option : table.options) {
    if (option.name != "name" || option.kind != Kind::text) continue;
    return std::get<std::string>(option.get(row));
  }
  return {};
}

void collect_rows(const Table& table, void* settings, const std::vector<std::string>& path,
                  std::vector<Reached>& out) {
  const auto count = table.rows(settings).size();
  for (std::size_t i = 0; i < count; ++i) {
    void* row = table.row(settings, i);
    if (count == 1) collect(table, row, path, Rows::named, out);
    collect(table, row, below(path, std::to_string(i)), Rows::named, out);
    const auto name = name_of_row(table, row);
    if (!name.empty()) collect(table, row, below(path, name), Rows::named, out);
  }
}

void collect(const Table& table, void* settings, const std::vector<std::string>& path, Rows rows,
             std::vector<Reached>& out) {
  for (const auto& option : table.options) {
    out.push_back({below(path, option.name), &option, settings});
    for (const auto& former : option.former_names) {
      // A name with a dot is the path of an option in another table.
      const bool is_whole = former.find('.') != std::string::npos;
      const auto names = split(former, '.');
      auto now = below(path, option.name);
      auto renamed = is_whole ? fmt::format("{}", fmt::join(now, ".")) : option.name;
      auto older =
          is_whole ? std::vector<std::string>(names.begin(), names.end()) : below(path, former);
      out.push_back({std::move(older), &option, settings, std::move(renamed), std::move(now)});
    }
  }
  for (const auto& inner : table.tables) {
    if (!inner.repeated) {
      collect(inner, inner.enter(settings), below(path, inner.name), rows, out);
    } else if (rows == Rows::named) {
      collect_rows(inner, settings, below(path, inner.name), out);
    }
  }
}

void apply(const Reached& reached, std::string_view text, const std::string& source,
           LoadReport& report) {
  const auto word = current_word(*reached.option, text);
  const auto value = parse_value(*reached.option, word);
  if (!value) {
    const auto& error = value.error();
    const auto shown = error.where.empty() ? std::string{} : fmt::format("{}: ", error.where);
    report.errors.push_back(fail(Fault::input, source, shown + error.detail));
    return;
  }
  reached.option->set(reached.settings, *value);
  if (!reached.renamed.empty())
    report.warnings.push_back(fail(
        Fault::input, source, fmt::format("this option was renamed; use {}", reached.renamed)));
  if (word != text)
    report.warnings.push_back(
        fail(Fault::input, source, fmt::format("{} was renamed; use {}", text, word)));
}

constexpr std::string_view prefix = "POSTROAD_";

// `_PORT_25_TCP`, perhaps with `_PROTO`, `_PORT` or `_ADDR`: of a port of a service.
bool is_port_of_service(std::string_view name) {
  for (auto at = name.find("_PORT_"); at != name.npos; at = name.find("_PORT_", at + 1)) {
    auto rest = name.substr(at + std::strlen("_PORT_"));
    const auto digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
    rest.remove_prefix(digits);
    for (const std::string_view protocol : {"_TCP", "_UDP", "_SCTP"}) {
      if (digits == 0 || !rest.starts_with(protocol)) continue;
      rest.remove_prefix(protocol.size());
      return rest.empty() || rest == "_PROTO" || rest == "_PORT" || rest == "_ADDR" ||
             rest == "_START" || rest == "_END" || rest == "_PORT_START" || rest == "_PORT_END";
    }
  }
  return false;
}

// Variables that Kubernetes, and Docker for a link, set for a service named postroad or postroad-…
bool is_of_service(std::string_view name, std::string_view value) {
  const auto ends = [&](std::string_view end) { return name.ends_with(end); };
  const bool is_address =
      value.starts_with("tcp://") || value.starts_with("udp://") || value.starts_with("sctp://");
  return ends("_SERVICE_HOST") || ends("_SERVICE_PORT") ||
         name.find("_SERVICE_PORT_") != name.npos || (ends("_PORT") && is_address) ||
         is_port_of_service(name) || (ends("_NAME") && value.starts_with('/')) ||
         name.find("_ENV_") != name.npos;
}

}  // namespace

Environment system_environment() {
  Environment out;
  out.value = [](const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    out.names.emplace_back(text.substr(0, text.find('=')));
  }
  return out;
}

std::string environment_name(std::span<const std::string> path) {
  std::string out = "POSTROAD";
  for (const auto& part : path) out += "_" + upper(part);
  return out;
}

std::vector<Error> unknown_variables(const Environment& environment, const Table& root,
                                     std::span<const std::string_view> others) {
  std::vector<std::string> ours;
  for (const auto& name : environment.names) {
    if (name.starts_with(prefix) && !is_of_service(name, environment.value(name).value_or("")))
      ours.push_back(name);
  }
  if (ours.empty()) return {};
  std::vector<Reached> all;
  collect(root, root.scratch().get(), {}, Rows::left_out, all);
  std::vector<std::string> names(others.begin(), others.end());
  for (const auto& reached : all) names.push_back(environment_name(reached.path));
  const std::vector<std::string_view> known(names.begin(), names.end());
  std::vector<Error> out;
  for (const auto& name : ours) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const auto hint = nearest(name, known);
    const auto remedy = hint.empty() ? std::string("unset it, or see `postroad config reference`")
                                     : fmt::format("did you mean {}?", hint);
    out.push_back(fail(Fault::input, name, "no option has this environment variable; " + remedy));
  }
  return out;
}

LoadReport load_environment(const Environment& environment, const Table& root, void* settings) {
  std::vector<Reached> all;
  collect(root, settings, {}, Rows::left_out, all);
  LoadReport report;
  for (const auto& reached : all) {
    const auto name = environment_name(reached.path);
    const auto text = environment.value(name);
    // A service may have the name of a table: POSTROAD_MX_PORT of postroad-mx is an address.
    if (!text || is_of_service(name, *text)) continue;
    const auto now = environment_name(reached.now);
    if (!reached.renamed.empty() && environment.value(now)) {
      report.errors.push_back(
          fail(Fault::input, name, "the older name of " + now + ", which is set, too; unset it"));
    } else {
      apply(reached, *text, name, report);
    }
  }
  return report;
}

LoadReport set_option(std::string_view assignment, const Table& root, void* settings) {
  LoadReport report;
  const auto equals = assignment.find('=');
  const auto name = trim(assignment.substr(0, equals));
  const auto source = fmt::format("--set {}", printable(name, 80));
  if (equals == std::string_view::npos || name.empty()) {
    report.errors.push_back(
        fail(Fault::input, source, "no value; write NAME=VALUE such as server.data=/var/mail"));
    return report;
  }
  std::vector<Reached> all;
  collect(root, settings, {}, Rows::named, all);
  std::vector<std::string> names;
  for (const auto& reached : all) {
    if (reached.name() == name) {
      apply(reached, trim(assignment.substr(equals + 1)), source, report);
      return report;
    }
    if (reached.renamed.empty()) names.push_back(reached.name());
  }
  const std::vector<std::string_view> known(names.begin(), names.end());
  const auto hint = nearest(name, known);
  report.errors.push_back(fail(Fault::input, source,
                               hint.empty()
                                   ? "no such option; see `postroad config reference`"
                                   : fmt::format("no such option; did you mean {}?", hint)));
  return report;
}

}  // namespace postroad::config
