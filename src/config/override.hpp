// Single options from outside the file: environment variables and `--set name=value`. Later sources
// win, so apply the file first, then these in the order that you document.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "config/option.hpp"
#include "config/report.hpp"

namespace postroad::config {

/// Environment variables: a value by its name (nullopt: not set), and all names.
struct Environment {
  std::function<std::optional<std::string>(const std::string& name)> value;
  std::vector<std::string> names;
};
/// The process's own.
Environment system_environment();

/// `POSTROAD_SERVER_MAX_MESSAGE_SIZE` for {"server", "max_message_size"}.
std::string environment_name(std::span<const std::string> path);

/// The variables whose names begin with POSTROAD_ and that neither an option nor `others` explains:
/// misspelt ones, which would be ignored silently. One Error each, Fault::input, `where` the
/// variable. Except the variables that Kubernetes sets for a service named postroad
/// (POSTROAD_PORT_25_TCP …).
std::vector<Error> unknown_variables(const Environment& environment, const Table& root,
                                     std::span<const std::string_view> others = {});

LoadReport load_environment(const Environment& environment, const Table& root, void* settings);
LoadReport set_option(std::string_view assignment, const Table& root, void* settings);

/// Applies every variable that is set, or none of them. Options of repeated tables have no
/// variable. Errors: Fault::input, `where` the variable.
template <class S>
[[nodiscard]] LoadReport load_environment(const Environment& environment, const Section<S>& root,
                                          S& into) {
  S copy = into;
  auto report = load_environment(environment, root.erased(), &copy);
  if (report) into = std::move(copy);
  return report;
}

/// Applies one `server.max_message_size=35MiB`, as `--set` takes it. A row of a repeated table is
/// named by its index from 0 or by the value of its option "name": `listener.0.port=25`,
/// `listener.inbound.port=25`; a single row needs neither: `listener.port=25`. Errors:
/// Fault::input, `where` "--set" and the name.
template <class S>
[[nodiscard]] LoadReport set_option(std::string_view assignment, const Section<S>& root, S& into) {
  S copy = into;
  auto report = set_option(assignment, root.erased(), &copy);
  if (report) into = std::move(copy);
  return report;
}

}  // namespace postroad::config
