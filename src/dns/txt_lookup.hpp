// A blocking lookup of a TXT record through the system's name servers, for commands.
#pragma once

#include <postroad/result.hpp>

#include <optional>
#include <string>

namespace postroad::dns {

/// The strings of the first TXT record of `name`, joined; nullopt when there is none. `server` is
/// the name server, `192.0.2.1` or `192.0.2.1@5353`; empty: the system's. Error: Fault::input for a
/// wrong `server`; Fault::resolve when no server answered, or the DNSSEC signatures of the answer
/// are wrong.
Result<std::optional<std::string>> lookup_txt(const std::string& name, const std::string& server);

}  // namespace postroad::dns
