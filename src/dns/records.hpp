// The records that mail needs, and their parsers. Record data are foreign bytes: each parser is
// pure, reads nothing outside its input, and refuses data that its type's format does not allow.
// The layers above decide the meaning of a record for a delivery.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postroad::dns {

/// TYPE numbers (RFC 1035 section 3.2.2, RFC 3596, RFC 6698).
enum class RecordType : std::uint16_t {
  a = 1,
  cname = 5,
  ptr = 12,
  mx = 15,
  txt = 16,
  aaaa = 28,
  dnskey = 48,
  tlsa = 52
};

/// "MX"; for messages.
std::string_view to_string(RecordType type) noexcept;

/// A mail exchanger (RFC 5321 section 5.1).
struct MxRecord {
  std::uint16_t preference = 0;
  std::string exchange;  ///< as take_name returns it

  /// The exchange of a domain that accepts no mail (RFC 7505).
  [[nodiscard]] bool is_null() const noexcept { return exchange == "."; }
  friend bool operator==(const MxRecord&, const MxRecord&) = default;
};

/// A certificate association (RFC 6698 section 2.1). Unknown numbers are kept.
struct TlsaRecord {
  std::uint8_t usage = 0;
  std::uint8_t selector = 0;
  std::uint8_t matching = 0;
  std::string data;  ///< bytes: a digest, or a whole certificate or key

  friend bool operator==(const TlsaRecord&, const TlsaRecord&) = default;
};

/// The parsers of record data (RDATA) without its length. nullopt: malformed.
/// A = 4OCTET; AAAA = 16OCTET
std::optional<boost::asio::ip::address> parse_a(std::string_view data);
std::optional<boost::asio::ip::address> parse_aaaa(std::string_view data);
/// MX = 2OCTET name
std::optional<MxRecord> parse_mx(std::string_view data);
/// TLSA = usage selector matching *OCTET
std::optional<TlsaRecord> parse_tlsa(std::string_view data);
/// TXT = 1*( length *OCTET ); the strings are joined without a separator (RFC 7208 section 3.3).
std::optional<std::string> parse_txt(std::string_view data);
/// PTR = name; CNAME likewise
std::optional<std::string> parse_ptr(std::string_view data);

/// Whether a message of the DNS (RFC 1035 section 4.1) has an RRSIG record (RFC 4034 section 3) in
/// its answer. False for what is not a message.
bool has_signature(std::string_view message);

}  // namespace postroad::dns
