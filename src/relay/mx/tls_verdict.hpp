// The result of a session's TLS as reports to the domain name it (RFC 8460 section 4.3). Pure.
#pragma once

#include <optional>
#include <string>

#include "relay/mx/sessions.hpp"
#include "relay/tls/tls_session.hpp"

namespace postroad::relay::mx {

struct TlsVerdict {
  tls::TlsFailure failure = tls::TlsFailure::none;
  std::string reason{};
};

/// The verdict on a session that was opened; nullopt: it ended before TLS was begun or left out.
std::optional<TlsVerdict> verdict_on(const Sessions::Sent& sent, const tls::HostPolicy& policy,
                                     const tls::StsState& sts);
/// The verdict on a host that its policy rules out; nullopt: the message demanded that, and no
/// policy of the domain.
std::optional<TlsVerdict> verdict_on_refusal(const tls::HostPolicy& policy);

}  // namespace postroad::relay::mx
