// The reload rule of options: which change of settings a running program refuses.
#pragma once

#include <string>

#include "config/option.hpp"

namespace postroad::config {

std::string fixed_change(const Table& root, const void* was, const void* is);

/// The first option declared `fixed()` whose value differs, as "server.data"; empty: none. Options
/// of repeated tables can always change.
template <class S>
std::string fixed_change(const Section<S>& root, const S& was, const S& is) {
  return fixed_change(root.erased(), &was, &is);
}

}  // namespace postroad::config
