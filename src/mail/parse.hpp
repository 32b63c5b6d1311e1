// Takes the octets of a mail apart into a tree of parts (RFC 2046 §5). Never fails: mail that
// arrived has to be shown, however broken; a limit that stops the reading leaves a mark
// (Part::cut). Limits: depth and number of parts (a mail of nested boundaries costs others the
// stack), octets of a header. Cost: linear in the octets for each level of depth.
#pragma once

#include <string_view>

#include "mail/part.hpp"
#include "mail/reader.hpp"

namespace postroad::mail {

/// `octets` must outlive the result.
Part parse_message(std::string_view octets, const ParseLimits& limits = {});

}  // namespace postroad::mail
