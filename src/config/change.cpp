// The comparison of two settings structs; see change.hpp.
#include "config/change.hpp"

namespace postroad::config {

std::string fixed_change(const Table& root, const void* was, const void* is) {
  for (const auto& option : root.options) {
    if (option.fixed && option.get(was) != option.get(is)) return option.name;
  }
  for (const auto& inner : root.tables) {
    if (inner.repeated) continue;
    const auto found = fixed_change(inner, inner.rows(was).front(), inner.rows(is).front());
    if (!found.empty()) return inner.name + '.' + found;
  }
  return {};
}

}  // namespace postroad::config
