// See tls_verdict.hpp.
#include "relay/mx/tls_verdict.hpp"

#include "relay/mx/result_meaning.hpp"

namespace postroad::relay::mx {

namespace {

using tls::TlsFailure;

TlsFailure failure_of(net::CertificateFault fault) {
  switch (fault) {
    case net::CertificateFault::name:
      return TlsFailure::certificate_host_mismatch;
    case net::CertificateFault::expired:
      return TlsFailure::certificate_expired;
    case net::CertificateFault::untrusted:
      return TlsFailure::certificate_not_trusted;
    case net::CertificateFault::none:
    case net::CertificateFault::other:
      break;
  }
  return TlsFailure::validation_failure;
}

// STARTTLS is not in the reply to EHLO, or the host refused the command.
bool lacks_starttls(const Error& error) {
  return error.fault == Fault::tls_required || error.reply_code != 0;
}

TlsVerdict of_handshake(const Error& error, net::CertificateFault fault) {
  return {lacks_starttls(error) ? TlsFailure::starttls_not_supported : failure_of(fault),
          error.text()};
}

TlsFailure failure_of(tls::StsFault fault) {
  return fault == tls::StsFault::policy        ? TlsFailure::sts_policy_invalid
         : fault == tls::StsFault::certificate ? TlsFailure::sts_webpki_invalid
                                               : TlsFailure::sts_policy_fetch_error;
}

}  // namespace

std::optional<TlsVerdict> verdict_on(const Sessions::Sent& sent, const tls::HostPolicy& policy,
                                     const tls::StsState& sts) {
  const auto& report = sent.report;
  const bool has_dane = !policy.tlsa_base.empty();
  if (is_failed_handshake(report)) {
    // The domain did not promise a valid certificate: it is our configuration that demands one.
    const bool is_own_demand =
        policy.kind == tls::HostPolicy::Kind::verify && !has_dane && !sts.kept;
    if (sent.is_fault_here || (is_own_demand && sent.certificate != net::CertificateFault::none))
      return std::nullopt;
    return of_handshake(report.error(), sent.certificate);
  }
  if (sent.failed_tls) return of_handshake(*sent.failed_tls, sent.certificate);
  if (!sent.has_tls) {
    const bool had_session_without =
        report || (report.error().stage >= Stage::mail && report.error().stage != Stage::quit);
    if (!had_session_without) return std::nullopt;
    return TlsVerdict{TlsFailure::starttls_not_supported, "STARTTLS is not offered"};
  }
  if (policy.is_tested && !policy.test_failure.empty())
    return TlsVerdict{TlsFailure::validation_failure, policy.test_failure};
  if (policy.is_tested && !sent.doubt.empty())
    return TlsVerdict{failure_of(sent.certificate), sent.doubt};
  if (has_dane && !policy.is_tested && policy.peer.associations.empty())
    return TlsVerdict{TlsFailure::tlsa_invalid, "no TLSA record is usable"};
  if (!has_dane && !sts.kept && !sts.failure.empty())
    return TlsVerdict{failure_of(sts.fault), sts.failure};
  return TlsVerdict{};
}

std::optional<TlsVerdict> verdict_on_refusal(const tls::HostPolicy& policy) {
  if (policy.by == "DANE") return TlsVerdict{TlsFailure::dnssec_invalid, policy.refusal};
  if (policy.by == "MTA-STS") return TlsVerdict{TlsFailure::validation_failure, policy.refusal};
  return std::nullopt;
}

}  // namespace postroad::relay::mx
