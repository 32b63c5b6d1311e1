// A TOML file into a settings struct, by its declaration (option.hpp). Not here: finding the file;
// the caller reads it. Read on in file.cpp for the walk.
#pragma once

#include <string_view>

#include "config/option.hpp"
#include "config/report.hpp"

namespace postroad::config {

/// As below, the struct erased: `settings` may be left half changed.
LoadReport load_toml(std::string_view text, std::string_view file_name, const Table& root,
                     void* settings);

/// Applies a whole file, or nothing of it. Options that it does not name keep their values. All
/// errors are found in one round, in the order of the file; `where` is file:line:column.
template <class S>
[[nodiscard]] LoadReport load_toml(std::string_view text, std::string_view file_name,
                                   const Section<S>& root, S& into) {
  S copy = into;
  auto report = load_toml(text, file_name, root.erased(), &copy);
  if (report) into = std::move(copy);
  return report;
}

}  // namespace postroad::config
