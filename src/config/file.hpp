// A TOML file into a settings struct, by its declaration (option.hpp). Not here: finding the file;
// the caller reads it. Read on in file.cpp for the walk.
#pragma once

#include <string_view>

#include "config/option.hpp"

namespace postroad::config {

/// As below, the struct erased: `settings` may be left half changed.
Result<void> load_toml(std::string_view text, std::string_view file_name, const Table& root,
                       void* settings);

/// Applies a file wholly or not at all. Options that it does not name keep their values. Error:
/// Fault::input, `where` the file:line:column of the first fault, `detail` its sentence and, after
/// a semicolon each, the further faults with their places, 20 at most.
template <class S>
Result<void> load_toml(std::string_view text, std::string_view file_name, const Section<S>& root,
                       S& into) {
  S copy = into;
  const auto loaded = load_toml(text, file_name, root.erased(), &copy);
  if (!loaded) return loaded.error();
  into = std::move(copy);
  return {};
}

}  // namespace postroad::config
