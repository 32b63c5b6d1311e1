// See tls_session.hpp.
#include "relay/tls/tls_session.hpp"

namespace postroad::relay::tls {

std::string_view to_string(TlsFailure failure) {
  switch (failure) {
    case TlsFailure::none:
      break;
    case TlsFailure::starttls_not_supported:
      return "starttls-not-supported";
    case TlsFailure::certificate_host_mismatch:
      return "certificate-host-mismatch";
    case TlsFailure::certificate_expired:
      return "certificate-expired";
    case TlsFailure::certificate_not_trusted:
      return "certificate-not-trusted";
    case TlsFailure::validation_failure:
      return "validation-failure";
    case TlsFailure::tlsa_invalid:
      return "tlsa-invalid";
    case TlsFailure::dnssec_invalid:
      return "dnssec-invalid";
    case TlsFailure::sts_policy_fetch_error:
      return "sts-policy-fetch-error";
    case TlsFailure::sts_policy_invalid:
      return "sts-policy-invalid";
    case TlsFailure::sts_webpki_invalid:
      return "sts-webpki-invalid";
  }
  return "";
}

}  // namespace postroad::relay::tls
