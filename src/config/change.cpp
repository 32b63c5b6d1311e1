// The comparison of two settings structs; see change.hpp.
#include "config/change.hpp"

namespace postroad::config {

std::vector<std::string> fixed_changes(const Table& root, const void* was, const void* is) {
  std::vector<std::string> found;
  for (const auto& option : root.options) {
    if (option.fixed && option.get(was) != option.get(is)) found.push_back(option.name);
  }
  for (const auto& inner : root.tables) {
    if (inner.repeated) continue;
    for (const auto& name : fixed_changes(inner, inner.rows(was).front(), inner.rows(is).front()))
      found.push_back(inner.name + '.' + name);
  }
  return found;
}

}  // namespace postroad::config
