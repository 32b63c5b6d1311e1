// One message to one mail exchanger: over a connection that waits or a new one, with the TLS that
// the policy demands. Not here: which exchanger (mx_carrier.hpp), which policy (relay/tls).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <memory>
#include <postroad/report.hpp>
#include <postroad/result.hpp>
#include <string>

#include "client/connection.hpp"
#include "outbox/attempts.hpp"
#include "relay/mx/exchangers.hpp"
#include "relay/mx/failed_lately.hpp"
#include "relay/mx/idle_connections.hpp"
#include "relay/mx/learnt_counts.hpp"
#include "relay/mx/mx_settings.hpp"
#include "relay/tls/tls_policies.hpp"

namespace postroad::relay::mx {

/// Thread rule: the thread of the io_context.
class Sessions final {
 public:
  template <class T>
  using awaitable = boost::asio::awaitable<T>;
  struct Sent {
    Result<SendReport> report;
    bool is_new = false;  ///< a session was opened for the message
    /// As queue::Attempt::latency: of small messages on connections that were open.
    std::optional<std::chrono::milliseconds> latency{};
    /// Of HostPolicy::is_tested: why the certificate is not verified, or that there is no TLS.
    std::string doubt{};
    bool has_tls = false;
    bool is_fault_here = false;         ///< as client::Connection::has_fault_here, with an error
    std::optional<Error> failed_tls{};  ///< of opportunistic TLS; the message went without it
    net::CertificateFault certificate = net::CertificateFault::none;  ///< of a failure or doubt
    std::optional<Address> from{};  ///< the addresses of the connection
    std::optional<Address> to{};
  };
  /// All references outlive it.
  Sessions(boost::asio::io_context& context, const MxSettings& settings, tls::TlsPolicies& policies,
           LearntCounts& learnt)
      : settings_(settings), policies_(policies), learnt_(learnt), idle_(context, settings.reuse) {}

  /// Sends the message of the call; `most`: messages on one connection. A connection that its host
  /// closed while it was idle costs nothing: another one is opened. `policy` has no refusal.
  /// `source` null: from any address.
  awaitable<Sent> send(outbox::Call& call, const Exchanger& exchanger,
                       const tls::HostPolicy& policy, const Source* source, std::size_t most);
  /// An address of the other family than IPv6 won the race for the domain lately.
  [[nodiscard]] bool is_ipv6_slow(const std::string& domain) const {
    return slow_ipv6_.has(domain);
  }
  void close_idle() { idle_.clear(); }

 private:
  struct Way;
  [[nodiscard]] std::unique_ptr<client::Connection> connect(const Way& way) const;
  void note_failed_tls(const std::string& host, const Error& error);
  awaitable<Sent> send_by(outbox::Call& call, Way& way);
  awaitable<Sent> send_without_tls(outbox::Call& call, Exchanger exchanger, tls::HostPolicy policy,
                                   const Source* source, std::size_t most);

  const MxSettings& settings_;
  tls::TlsPolicies& policies_;
  LearntCounts& learnt_;
  IdleConnections idle_;
  std::shared_ptr<net::TlsSessions> tls_sessions_ = std::make_shared<net::TlsSessions>();
  SlowIpv6 slow_ipv6_;
  FailedLately lost_in_tls_{std::chrono::minutes(60)};  // hosts
};

}  // namespace postroad::relay::mx
