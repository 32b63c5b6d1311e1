// The reload rule of options: which change of settings a running program refuses.
#pragma once

#include <string>
#include <vector>

#include "config/option.hpp"

namespace postroad::config {

std::vector<std::string> fixed_changes(const Table& root, const void* was, const void* is);

/// The options declared `fixed()` whose value differs, as "server.data". Options of repeated tables
/// can always change.
template <class S>
std::vector<std::string> fixed_changes(const Section<S>& root, const S& was, const S& is) {
  return fixed_changes(root.erased(), &was, &is);
}

}  // namespace postroad::config
