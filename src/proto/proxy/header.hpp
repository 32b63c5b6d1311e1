// The PROXY protocol (HAProxy, versions 1 and 2): what a proxy in front of a server says first, of
// the connection that it carries. Read only from peers that are listed as proxies; written by tests
// and tools.
//
//   v1: "PROXY" SP ("TCP4" / "TCP6") SP source SP destination SP port SP port CRLF, or "PROXY
//       UNKNOWN" … CRLF; at most 107 octets
//   v2: 12 octets of signature, version and command, family, length (16 bits), addresses, TLVs;
//       at most `most_octets`, so that a length reserves nothing
#pragma once

#include <cstdint>
#include <optional>
#include <postroad/result.hpp>
#include <string>
#include <string_view>

namespace postroad::proxy {

/// Octets of the longest header that is read: a v2 length may say 65,551.
constexpr std::size_t most_octets = 4096;

struct Header {
  bool is_local = false;  ///< LOCAL or UNKNOWN: the proxy speaks for itself, as a health check
  bool is_v6 = false;
  std::string source{};  ///< address of the client, without brackets: "192.0.2.1", "2001:db8::1"
  std::uint16_t source_port = 0;
  std::string destination{};
  std::uint16_t destination_port = 0;
  friend bool operator==(const Header&, const Header&) = default;
};

/// Takes a whole header from the front of `input`. nullopt: more octets are needed, none was taken.
/// Error: Fault::protocol; the connection must be closed.
Result<std::optional<Header>> parse(std::string_view& input);

/// Error: Fault::input when an address is not one of its family.
Result<std::string> format_v1(const Header& header);
Result<std::string> format_v2(const Header& header);

}  // namespace postroad::proxy
