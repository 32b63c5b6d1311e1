// The TXT record by which a domain asks for reports about TLS (RFC 8460 section 3). Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace postroad::relay::tlsrpt {

/// The name of the record.
inline std::string record_name(const std::string& domain) { return "_smtp._tls." + domain; }

struct ReportUris {
  /// At most five, each "mailto:…" or "https://…"; others are left out, and those to an address
  /// that is there already. Empty: reports are not wanted.
  std::vector<std::string> uris{};
  std::string fault{};  ///< of a record that asks for none although it is there: "has no rua"
};

/// The URIs in the one record that begins with "v=TLSRPTv1".
ReportUris report_uris(const std::vector<std::string>& records);

/// The address of a "mailto:" URI (RFC 6068): percent-decoded, without header fields. nullopt: it
/// is not one address.
std::optional<std::string> address_of(const std::string& uri);

}  // namespace postroad::relay::tlsrpt
