// The hosts that accept mail for a domain (RFC 5321 section 5.1, RFC 7505): from the answers of
// the DNS to the hosts and addresses that are tried, in their order, or to the reason why there
// are none. Pure: no query, no clock, chance by a seed. Not here: the queries
// (find_exchangers.hpp), which address may be used (address_rules.hpp).
#pragma once

#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <postroad/report.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "dns/answer.hpp"
#include "dns/records.hpp"
#include "relay/mx/address_rules.hpp"

namespace postroad::relay::mx {

/// Why there is no host to connect to.
struct NoHost {
  Outcome outcome = Outcome::deferred;  ///< refused or deferred
  std::string reason;  ///< enhanced status code and one sentence: "5.1.10 example.org accepts …"
  friend bool operator==(const NoHost&, const NoHost&) = default;
};

/// A host that the domain names.
struct Host {
  std::string name;  ///< lower case, A-labels, no final dot; or an address literal's address
  std::uint16_t preference = 0;
};

/// The first step: what the answer about the MX records means.
struct Hosts {
  /// At most `max_hosts`; by preference, in a random order where the preference is the same.
  std::vector<Host> hosts;
  std::vector<std::string> names{};  ///< of all hosts, sorted
  bool is_implicit = false;          ///< the domain has no MX record and is its own host
  std::string answer{};              ///< as Exchangers::answers
  bool is_secure = false;            ///< as Exchangers::is_secure
  std::string alias_of{};            ///< as Exchangers::alias_of
  std::optional<NoHost> none;

  static constexpr std::size_t max_hosts = 20;
};

/// `domain` is lower case, A-labels, no final dot. A host that is listed twice counts with its
/// lower preference. An exchange that is not a host name is left out.
Hosts hosts_of(const std::string& domain, const dns::Answer<dns::MxRecord>& answer,
               std::uint64_t seed);

/// The answers about one host. A family that is not used has Status::no_data.
struct HostAnswers {
  dns::Answer<Address> ipv4;
  dns::Answer<Address> ipv6;
};

/// A host with the addresses that are tried.
struct Exchanger {
  Host host;
  std::vector<Address> addresses;  ///< the families alternate, IPv6 first; never empty
  bool is_secure = false;  ///< DNSSEC proves the addresses of one family, with the whole alias
  std::string
      alias_of{};  ///< the name that has the addresses, where `host` is an alias; else empty
};

/// The second step.
struct Exchangers {
  /// In the order in which they are tried; at most AddressRules::max_addresses addresses in all.
  std::vector<Exchanger> usable;
  /// This server is one of the hosts: it and all hosts that are not preferred to it are left out.
  /// When the others cannot be reached, the domain is deferred with 4.4.4.
  bool has_own = false;
  std::optional<NoHost> none;  ///< set when `usable` is empty
  /// One line per query that failed, and per host and address that is left out: why.
  std::vector<std::string> notes;
  /// The answers of the DNS, one line per query: "MX of example.org: 10 mx.example.org (insecure)".
  std::vector<std::string> answers;
  /// Hosts::names, whether they are usable or not; of an address literal: none.
  std::vector<std::string> names;
  bool is_secure = false;    ///< DNSSEC proves the MX records, or that there are none
  bool is_implicit = false;  ///< no MX record names the host: the domain has none, or is a literal
  std::string alias_of{};    ///< the name that has the MX records, where the domain is an alias

  /// Addresses of one host if there are other hosts, so that these are tried too.
  static constexpr std::size_t max_of_host = 2;
};

/// When a host is tried, whatever its preference: those of lower rank come first.
enum class Rank : std::uint8_t {
  first,  ///< it asked to come back (greylisting)
  usual,
  last,  ///< it failed lately
};
using RankOf = std::function<Rank(const std::string& host)>;

/// `answers` are about `hosts.hosts`, in their order. Without `rank_of` all have the usual rank.
Exchangers exchangers_of(const std::string& domain, const Hosts& hosts,
                         const std::vector<HostAnswers>& answers, const AddressRules& rules,
                         const RankOf& rank_of = {});

/// For people: what the DNS answered, the hosts in their order, what is left out and why; one fact
/// per line, "dns: …", "mx: 10 mx.example.org 192.0.2.1", "left out: …".
std::vector<std::string> facts_of(const Exchangers& found);

/// An address literal (RFC 5321 section 4.1.3), without brackets and tag: `domain` is as the
/// recipient has it, for the reason.
Exchangers exchangers_of_literal(const std::string& domain, const Address& address,
                                 const AddressRules& rules);

}  // namespace postroad::relay::mx
