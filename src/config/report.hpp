// The result of reading settings: every error and warning at once, and the place of each key in the
// file.
#pragma once

#include <iterator>
#include <map>
#include <postroad/error.hpp>
#include <string>
#include <vector>

namespace postroad::config {

/// The outcome of load_toml, load_environment and set_option. Settings are changed only when there
/// is no error.
struct LoadReport {
  std::vector<Error> errors;    ///< Fault::input; `where` is file:line:column, a variable or --set
  std::vector<Error> warnings;  ///< older spellings, still read; the text names the current one
  /// The line of each key and table of the file: "server.data", "listener.0", "listener.0.port".
  /// Rows of a repeated table are counted from 0.
  std::map<std::string, unsigned> lines;
  bool is_parsed = true;  ///< false: the file cannot be read or is not TOML; there are no settings

  explicit operator bool() const noexcept { return errors.empty(); }
  /// Appends the other's findings to these.
  void add(LoadReport other) {
    std::move(other.errors.begin(), other.errors.end(), std::back_inserter(errors));
    std::move(other.warnings.begin(), other.warnings.end(), std::back_inserter(warnings));
    lines.merge(other.lines);
    is_parsed = is_parsed && other.is_parsed;
  }
};

}  // namespace postroad::config
