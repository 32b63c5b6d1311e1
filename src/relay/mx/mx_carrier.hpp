// The carrier to mail exchangers: asks the DNS where mail for a domain goes, and delivers it to the
// first host that takes it (RFC 5321 section 5.1). One coroutine per message on a thread of its
// own. Not here: which hosts and addresses those are (exchangers.hpp).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dns/resolver.hpp"
#include "queue/carrier.hpp"
#include "relay/mx/mx_settings.hpp"
#include "relay/mx/site_names.hpp"
#include "relay/tls/tls_policies.hpp"
#include "spool/spool.hpp"

namespace postroad::relay::mx {

class MxCarrier final : public queue::Carrier {
 public:
  /// Makes the resolver that runs on the carrier's thread.
  using MakeResolver =
      std::function<Result<std::unique_ptr<dns::Resolver>>(boost::asio::any_io_executor)>;
  /// The spool and the observer outlive it; `observer` may be null. Error: that of `make_resolver`.
  static Result<std::shared_ptr<MxCarrier>> open(spool::Spool& spool, MxSettings settings,
                                                 const MakeResolver& make_resolver,
                                                 tls::TlsObserver* observer = nullptr);
  /// As stop(now).
  ~MxCarrier() override;

  [[nodiscard]] std::size_t limit() const override;
  [[nodiscard]] queue::SiteLimits site_limits(const std::string& site) const override;
  /// As SiteNames::find.
  [[nodiscard]] SiteNames::Known site_of(const std::string& domain) const;
  /// The name of the source of a message to this domain, which is canonical; empty: there are none.
  [[nodiscard]] std::string source_of(const spool::Envelope& envelope,
                                      const std::string& domain) const;
  /// The names of the lines that a site has: one per source.
  [[nodiscard]] std::vector<std::string> sites_with_sources(const std::string& site) const;
  /// Asks for the MX records of the domain.
  void find_site(const std::string& domain, std::function<void()> found) override;
  /// The facts (facts_of) of a search for the exchangers of a domain now, for a message with this
  /// wish. `done` is called once, from any thread; with nothing if the carrier ends before.
  void explain(std::string domain, tls::MessageWish wish,
               std::function<void(std::vector<std::string>)> done);
  /// As TlsPolicies::facts and purge; `done` is called once, from any thread.
  void find_policies(std::vector<std::string> names,
                     std::function<void(std::vector<tls::PolicyFacts>)> done);
  void purge_policy(std::string name, std::function<void(bool was_known)> done);
  /// Recipients in another domain than the first one's are left for the next attempt: a host may
  /// refuse a transaction with several domains, and each has policies of its own.
  void carry(const queue::Part& part, Done done) override;
  void begin_stop() override;
  void stop(std::chrono::steady_clock::time_point until) override;

 private:
  struct State;
  explicit MxCarrier(std::unique_ptr<State> state);
  void carry_whole(const queue::Part& part, Done done);
  std::unique_ptr<State> state_;
};

}  // namespace postroad::relay::mx
