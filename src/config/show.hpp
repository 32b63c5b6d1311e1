// The declaration and its values as text: the effective settings as a file, and the reference page.
// Not here: reading (file.hpp, override.hpp).
#pragma once

#include <string>

#include "config/option.hpp"

namespace postroad::config {

std::string show(const Table& root, const void* settings);

/// The settings as TOML that loads back unchanged. A comment marks each value that is not the
/// default. A secret is never printed: a comment tells whether it is set.
template <class S>
std::string show(const Section<S>& root, const S& settings) {
  return show(root.erased(), &settings);
}

/// A Markdown page: each table with its options, their form, default, environment variable and
/// meaning.
std::string reference(const Table& root);
template <class S>
std::string reference(const Section<S>& root) {
  return reference(root.erased());
}

}  // namespace postroad::config
