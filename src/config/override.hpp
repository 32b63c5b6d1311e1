// Single options from outside the file: environment variables and `--set name=value`. Not in rows
// of a repeated table: those have no name. Later sources win, so apply the file first, then these
// in the order you promise.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "config/option.hpp"

namespace postroad::config {

/// Looks a variable up; nullopt when it is not set. `system_environment` is the process's own.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
std::optional<std::string> system_environment(const std::string& name);

/// `POSTROAD_SERVER_MAX_MESSAGE_SIZE` for {"server", "max_message_size"}.
std::string environment_name(std::span<const std::string> path);

Result<void> load_environment(const Environment& environment, const Table& root, void* settings);
Result<void> set_option(std::string_view assignment, const Table& root, void* settings);

/// Applies every variable that is set, or none of them. Error: Fault::input, `where` the variable.
template <class S>
Result<void> load_environment(const Environment& environment, const Section<S>& root, S& into) {
  S copy = into;
  const auto loaded = load_environment(environment, root.erased(), &copy);
  if (!loaded) return loaded.error();
  into = std::move(copy);
  return {};
}

/// Applies one `server.max_message_size=35MiB`, as `--set` takes it. Error: Fault::input, `where`
/// the name.
template <class S>
Result<void> set_option(std::string_view assignment, const Section<S>& root, S& into) {
  return set_option(assignment, root.erased(), &into);
}

}  // namespace postroad::config
