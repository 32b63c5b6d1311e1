// DKIM key records from the DNS, for a verb: blocks until all are there.
#pragma once

#include <postroad/dkim.hpp>
#include <postroad/result.hpp>
#include <string>
#include <vector>

namespace postroad::cli {

/// Gives `verifier` the answer for each name, within 30 seconds for all. `name_server` as in
/// dns::UnboundOptions; empty: those of the system. Error: Fault::input for a wrong `name_server`,
/// Fault::io.
Result<void> query_keys(DkimVerifier& verifier, const std::vector<std::string>& names,
                        const std::string& name_server);

}  // namespace postroad::cli
