// Takes the octets of a mail apart into a tree of parts (RFC 2046 §5). Never fails: mail that
// arrived has to be shown, however broken; a limit that stops the reading leaves a mark
// (Part::cut). Limits: depth and number of parts (a mail of nested boundaries costs others the
// stack), octets of a header. Cost: linear in the octets for each level of depth.
#pragma once

#include <string_view>

#include "mail/part.hpp"

namespace postroad::mail {

struct ParseLimits {
  std::size_t depth = 32;            ///< of parts in parts
  std::size_t parts = 1000;          ///< in the whole mail
  std::size_t header = 1024 * 1024;  ///< octets of one header
};

/// `octets` must outlive the result.
Part parse_message(std::string_view octets, const ParseLimits& limits = {});

}  // namespace postroad::mail
