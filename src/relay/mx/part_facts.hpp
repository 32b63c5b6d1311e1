// The facts about a message that decide how a delivery to mail exchangers goes. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "queue/carrier.hpp"
#include "relay/mx/address_rules.hpp"
#include "relay/tls/tls_policy.hpp"

namespace postroad::relay::mx {

/// The domain of the first recipient, as the envelope has it.
std::string domain_of(const queue::Part& part);
/// At most `most` recipients in the domain of the first one: those of one transaction.
std::vector<std::uint32_t> of_one_transaction(const queue::Part& part, std::size_t most);
tls::MessageWish wish_of(const queue::Part& part);
tls::MessageWish wish_of(const spool::Envelope& envelope, const queue::Handling& handling);
/// Each message and attempt has its own: together they use all hosts of one preference.
std::uint64_t seed_of(const queue::Part& part);

/// The host that greylisted the first recipient at its first attempt: it knows the client now.
struct KnownHost {
  std::string name;  ///< empty: none did
  std::optional<Address> address{};
};
KnownHost host_to_return_to(const queue::Part& part);

/// IPv4 first; the families still alternate.
void begin_with_ipv4(std::vector<Address>& addresses);

}  // namespace postroad::relay::mx
