// The TLS policies of outbound sessions: asks the DNS and policy hosts, and remembers what failed.
// Not here: the order of the policies (tls_policy.hpp).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "dns/resolver.hpp"
#include "relay/mx/exchangers.hpp"
#include "relay/tls/failed_tls.hpp"
#include "relay/tls/sts_fetch.hpp"
#include "relay/tls/sts_policies.hpp"
#include "relay/tls/tls_policy.hpp"
#include "relay/tls/tls_session.hpp"

namespace postroad::relay::tls {

/// `[tls_out]`, and the folder of what is remembered.
struct TlsSettings {
  Level level = Level::opportunistic;
  bool dane = true;
  bool mta_sts = true;
  std::string ca_file{};  ///< for exchangers and policy hosts; empty: that of the system
  std::uint16_t sts_port = 443;
  StsTimes sts_times{};
  /// How long a host gets messages without TLS after a failed opportunistic handshake.
  std::chrono::milliseconds failed_memory{std::chrono::hours(24)};
  std::filesystem::path data{};  ///< the data folder; empty: nothing is remembered on disk
  bool only_reads = false;       ///< what is there is used, and nothing is written
  bool operator==(const TlsSettings&) const = default;
};

/// Told of what operators must know. Thread rule: any thread. It must not throw.
class TlsObserver {
 public:
  virtual ~TlsObserver() = default;
  /// A session did not have the TLS that the policy demands, or the host was not used for it.
  virtual void tls_failed(const std::string& domain, const std::string& host,
                          const HostPolicy& policy, const std::string& reason) = 0;
  /// A session was opened as the policy demands.
  virtual void tls_succeeded(const std::string& domain, const std::string& host,
                             const HostPolicy& policy) = 0;
  /// A session would not have been held if the domain's MTA-STS policy were not in testing mode.
  virtual void test_failed(const std::string& domain, const std::string& host,
                           const std::string& reason) = 0;
  /// For reports to the domain (RFC 8460). Not told of messages that set TLS policies aside.
  virtual void session_ended(const TlsSession& session) = 0;
  /// Opportunistic TLS failed; messages go without it until the memory is over.
  virtual void tls_left_out(const std::string& host, const std::string& reason) = 0;
  /// Opportunistic TLS failed, and one message went without it.
  virtual void tls_fell_back(const std::string& host, const std::string& reason) = 0;
  /// `failure` empty: the policy of the domain was fetched.
  virtual void policy_fetched(const std::string& domain, const std::string& failure) = 0;
  /// The resolver validates no answer.
  virtual void validation_off(const std::string& why) = 0;
};

/// The memory about a domain or host, for people and programs.
struct PolicyFacts {
  StsState sts;
  std::optional<FailedTls::Failure> failed_tls{};
};

/// Thread rule: the thread of the executor.
class TlsPolicies final {
 public:
  /// The resolver outlives it; `observer` may be null. `rules` are those of exchangers.
  TlsPolicies(const boost::asio::any_io_executor& executor, dns::Resolver& resolver,
              TlsSettings settings, const mx::AddressRules& rules, TlsObserver* observer);

  /// The MTA-STS policy of the recipients' domain, for all its hosts.
  boost::asio::awaitable<StsState> find_sts(std::string domain, MessageWish wish,
                                            dns::Time deadline);
  /// The policy for one host. `found` is the search that gave it.
  boost::asio::awaitable<HostPolicy> find(const mx::Exchangers& found,
                                          const mx::Exchanger& exchanger, PolicyTarget target,
                                          MessageWish wish, const StsState& sts, Level level,
                                          std::uint16_t port, dns::Time deadline);
  /// Opportunistic TLS with the host failed.
  void add_failed(const std::string& host, const std::string& reason);
  /// The host refuses messages without it.
  void remove_failed(const std::string& host) { (void)failed_.remove(host); }
  /// Why the host gets messages without TLS now; nullopt: TLS is tried.
  [[nodiscard]] std::optional<FailedTls::Failure> failed(const std::string& host) const;

  /// About these names, which may be domains and hosts; without names all that is remembered.
  [[nodiscard]] std::vector<PolicyFacts> facts(const std::vector<std::string>& names);
  /// Forgets what is remembered about a domain or host. False: nothing was.
  bool purge(const std::string& name);

  [[nodiscard]] const TlsSettings& settings() const { return settings_; }
  [[nodiscard]] TlsObserver* observer() const { return observer_; }

 private:
  TlsSettings settings_;
  dns::Resolver& resolver_;
  TlsObserver* observer_;
  StsPolicies sts_;
  FailedTls failed_;
};

}  // namespace postroad::relay::tls
