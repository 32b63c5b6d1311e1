// The TXT record by which a domain asks for reports about TLS (RFC 8460 section 3). Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace postroad::relay::tlsrpt {

/// The name of the record.
inline std::string record_name(const std::string& domain) { return "_smtp._tls." + domain; }

/// The URIs of `rua`, at most 10, each "mailto:…" or "https://…"; others are left out. Empty:
/// reports are not wanted: not exactly one of the records begins with "v=TLSRPTv1", or it is wrong.
std::vector<std::string> report_uris(const std::vector<std::string>& records);

/// The address of a "mailto:" URI (RFC 6068): percent-decoded, without header fields. nullopt: it
/// is not one address.
std::optional<std::string> address_of(const std::string& uri);

}  // namespace postroad::relay::tlsrpt
