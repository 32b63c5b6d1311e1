// Why the hosts of one attempt did not take the message, and the end of an attempt that none took.
#pragma once

#include <optional>
#include <postroad/report.hpp>
#include <postroad/result.hpp>
#include <string>

#include "outbox/attempts.hpp"
#include "relay/mx/exchangers.hpp"
#include "relay/mx/sessions.hpp"
#include "relay/mx/tls_verdict.hpp"
#include "relay/tls/tls_policies.hpp"

namespace postroad::relay::mx {

class HostFailures final {
 public:
  /// For the domain of `sts`, which outlives it. `observer` may be null. `sets_aside`: the message
  /// says that the TLS policies of the domain do not count (TLS-Required: No).
  HostFailures(const tls::StsState& sts, bool sets_aside, tls::TlsObserver* observer)
      : sts_(sts), sets_aside_(sets_aside), observer_(observer) {}

  void add(const std::string& text) { text_ += (text_.empty() ? "" : "; ") + text; }
  /// The policy keeps the host from being used.
  void add_refusal(const std::string& host, const tls::HostPolicy& policy);
  /// Whether the session did not have the TLS that the policy or the message demands.
  bool note_tls(const std::string& host, const tls::HostPolicy& policy, const Sessions::Sent& sent);
  /// The end of the attempt. A policy that no host met is about the recipients' domain: it says
  /// nothing about the site, and a message that demands TLS is refused (RFC 8689 section 4.2.1).
  [[nodiscard]] outbox::Ended end(const outbox::Call& call, const Exchangers& found,
                                  bool had_session, std::optional<queue::Throttle> throttle) const;

 private:
  void tell(const std::string& host, const tls::HostPolicy& policy, const std::string& doubt) const;
  void count(const std::string& host, const tls::HostPolicy& policy,
             std::optional<TlsVerdict> verdict, const Sessions::Sent* sent) const;
  const tls::StsState& sts_;
  bool sets_aside_;
  tls::TlsObserver* observer_;
  std::string text_;
  std::size_t tls_failures_ = 0;
  std::size_t lasting_ = 0;  // of these: the next attempt would end the same
  bool lacks_requiretls_ = false;
};

}  // namespace postroad::relay::mx
