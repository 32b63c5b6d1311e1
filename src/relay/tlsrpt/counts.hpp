// Sessions counted per domain, policy and kind of failure, as reports about TLS have them (RFC 8460
// section 4), and the lines that keep them on disk (docs/formats/tlsrpt.md). Not here: when a
// period begins and ends (tally.hpp), the report (report.hpp).
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "relay/tls/tls_session.hpp"

namespace postroad::relay::tlsrpt {

/// A policy that was applied to sessions.
struct Policy {
  std::string type;                    ///< "tlsa", "sts" or "no-policy-found"
  std::string domain;                  ///< of "tlsa" the TLSA base domain, else the recipients'
  std::vector<std::string> strings{};  ///< TLSA records, or the lines of the MTA-STS policy
  std::vector<std::string> mx{};       ///< of "sts": the patterns of exchangers; else the host
  auto operator<=>(const Policy&) const = default;
};

struct Failure {
  std::string type;    ///< as tls::to_string gives it
  std::string from{};  ///< address of this machine
  std::string host{};
  std::string to{};  ///< address of the host
  std::string reason{};
  auto operator<=>(const Failure&) const = default;
};

struct Sessions {
  std::uint64_t successful = 0;
  std::uint64_t failed = 0;
  std::map<Failure, std::uint64_t> failures{};  ///< they can add up to less than `failed`
};

/// By policy, for one domain of recipients.
using DomainCounts = std::map<Policy, Sessions>;

/// Thread rule: none of its own.
class Counts final {
 public:
  static constexpr std::size_t most_bytes = 64 << 20;
  static constexpr std::size_t most_of_domain = 256 << 10;  ///< bytes
  static constexpr std::size_t most_failures = 100;  ///< kinds, of one policy; others are summed up

  /// Counts the session. False: there is no room for its policy.
  bool add(const tls::TlsSession& session);
  /// Takes lines in, in their order; those that are damaged are passed over.
  void take(std::string_view lines);
  /// All of it as lines.
  [[nodiscard]] std::string lines() const;
  [[nodiscard]] const std::map<std::string, DomainCounts>& domains() const { return domains_; }
  [[nodiscard]] bool is_empty() const { return domains_.empty(); }
  /// Bytes in memory, about.
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  struct Place {
    std::string domain;
    Policy policy;
  };
  // The sessions of a policy; null: there is no room for it.
  Sessions* find(const std::string& domain, const Policy& policy);
  void add_failed(const std::string& domain, Sessions& sessions, const Failure* failure,
                  std::uint64_t count);
  void take_counts(const std::vector<std::string_view>& words, const Place& place);
  [[nodiscard]] bool has_room(const std::string& domain) const;

  std::map<std::string, DomainCounts> domains_;
  std::map<std::string, std::size_t> sizes_;  // of the domains
  std::size_t size_ = 0;
};

/// The policy that a session was held to.
Policy policy_of(const tls::TlsSession& session);

}  // namespace postroad::relay::tlsrpt
