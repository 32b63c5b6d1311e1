// The MTA-STS policy of a domain when a message for it leaves: from memory, from the disk, or from
// its policy host. Not here: its format (sts_policy.hpp), the meaning for a session
// (tls_policy.hpp).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dns/resolver.hpp"
#include "relay/tls/sts_store.hpp"

namespace postroad::relay::tls {

struct StsTimes {
  std::chrono::milliseconds fetch{std::chrono::minutes(1)};  ///< for one fetch
  std::chrono::milliseconds pause{std::chrono::minutes(5)};  ///< after one that failed
  friend bool operator==(const StsTimes&, const StsTimes&) = default;
};

/// The place where the fetch of a policy failed.
enum class StsFault : std::uint8_t { connection, certificate, policy };

/// The knowledge about a domain.
struct StsState {
  std::string domain;
  std::optional<KeptPolicy> kept;
  std::string failure{};                  ///< of the last fetch; empty: none failed lately
  StsFault fault = StsFault::connection;  ///< of that failure
  /// Whether the domain has a policy is not known: the DNS did not answer, the fetch failed or goes
  /// on. Not with a policy in `kept`.
  bool is_open = false;
  bool is_unreadable = false;  ///< `failure` says why the policy on disk cannot be read
};

/// The policies of all domains. A policy that was fetched rules until its max_age is over, whatever
/// the DNS and the policy host say then (RFC 8461 section 5.1).
/// Thread rule: the thread of the executor.
class StsPolicies final {
 public:
  using Fetch = std::function<boost::asio::awaitable<Result<std::string>>(std::string domain,
                                                                          dns::Time deadline)>;
  using Now = std::function<std::int64_t()>;  ///< Unix milliseconds
  /// Told of each fetch: the domain, and why it failed; empty: it succeeded.
  using Tell = std::function<void(const std::string& domain, const std::string& failure)>;

  struct Parts {
    StsStore store;
    StsTimes times;
    Fetch fetch;
    Now now;
    Tell tell{};
  };

  /// The resolver outlives the calls.
  StsPolicies(boost::asio::any_io_executor executor, dns::Resolver& resolver, Parts parts);

  /// The policy that rules now, which may have Mode::none; none while it is not known. A new id in
  /// the DNS is waited for; the refreshing of a policy that is half over is not. `deadline` is that
  /// of the DNS.
  boost::asio::awaitable<StsState> find(std::string domain, dns::Time deadline);
  /// The same without a query.
  [[nodiscard]] StsState known(const std::string& domain);
  /// Those that are kept.
  [[nodiscard]] std::vector<std::string> domains() const;
  /// Forgets the policy and the failure of a domain. False: there was none.
  bool purge(const std::string& domain);

 private:
  struct State;
  class Ring;
  using Bell = std::shared_ptr<boost::asio::steady_timer>;
  static boost::asio::awaitable<void> fetch(std::shared_ptr<State> state, std::string domain,
                                            std::string id, Bell bell);
  std::shared_ptr<State> state_;
};

}  // namespace postroad::relay::tls
