// TXT records asked for by hand, through the system's name servers. Blocks: for verbs only.
#pragma once

#include <postroad/result.hpp>

#include <optional>
#include <string>

namespace postroad::cli {

/// The strings of the first TXT record of `name`, joined; nullopt when there is none. Error:
/// Fault::resolve when nobody answered, or the answer's DNSSEC signatures are wrong.
Result<std::optional<std::string>> lookup_txt(const std::string& name);

}  // namespace postroad::cli
