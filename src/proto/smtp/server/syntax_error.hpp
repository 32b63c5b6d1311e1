// A 501 that shows the syntax of the command.
#pragma once

#include <postroad/reply.hpp>
#include <string>
#include <string_view>

#include "base/text.hpp"
#include "proto/smtp/server/command.hpp"

namespace postroad::smtp {

inline std::string_view syntax_of(Verb verb) {
  for (const auto& row : command_table()) {
    if (row.verb == verb) return row.syntax;
  }
  return {};
}

inline Reply syntax_error(std::string_view what, std::string_view syntax) {
  return {501, {5, 5, 4}, printable(what, 300) + "; syntax: " + std::string(syntax)};
}

}  // namespace postroad::smtp
