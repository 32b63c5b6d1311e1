// The carrier to mail exchangers: asks the DNS where mail for a domain goes, and delivers it to the
// first host that takes it (RFC 5321 section 5.1). One coroutine per message on a thread of its
// own. Not here: which hosts and addresses those are (exchangers.hpp).
#pragma once

#include <functional>
#include <memory>
#include <postroad/client_options.hpp>
#include <string>

#include "dns/resolver.hpp"
#include "queue/carrier.hpp"
#include "relay/mx/find_exchangers.hpp"
#include "relay/mx/idle_connections.hpp"
#include "spool/spool.hpp"

namespace postroad::relay::mx {

/// TLS is used where the host offers it, whatever its certificate, and a failed handshake is
/// followed by a session without TLS (RFC 7435).
struct MxSettings {
  std::string helo_name;
  std::uint16_t port = 25;
  AddressRules rules;
  FindTimes dns;
  ClientTimeouts timeouts;
  std::size_t connections = 20;  ///< to the hosts of one domain
  std::size_t initial = 2;       ///< as queue::SiteLimits
  std::uint32_t failures = 3;    ///< as queue::SiteLimits
  /// Hosts of one attempt to which a session was opened; further ones wait for the next attempt.
  std::size_t sessions = 2;
  ReuseLimits reuse;
  friend bool operator==(const MxSettings&, const MxSettings&) = default;
};

class MxCarrier final : public queue::Carrier {
 public:
  /// Makes the resolver that runs on the carrier's thread.
  using MakeResolver =
      std::function<Result<std::unique_ptr<dns::Resolver>>(boost::asio::any_io_executor)>;
  /// The spool outlives it. Error: that of `make_resolver`.
  static Result<std::shared_ptr<MxCarrier>> open(spool::Spool& spool, MxSettings settings,
                                                 const MakeResolver& make_resolver);
  /// As stop(now).
  ~MxCarrier() override;

  [[nodiscard]] std::size_t limit() const override;
  [[nodiscard]] queue::SiteLimits site_limits() const override;
  /// The facts (facts_of) of a search for the exchangers of a domain now. `done` is called once,
  /// from any thread; with nothing if the carrier ends before.
  void explain(std::string domain, std::function<void(std::vector<std::string>)> done);
  /// All recipients of the part have one domain.
  void carry(const queue::Part& part, Done done) override;
  void begin_stop() override;
  void stop(std::chrono::steady_clock::time_point until) override;

 private:
  struct State;
  explicit MxCarrier(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace postroad::relay::mx
