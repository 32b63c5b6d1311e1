// The PROXY protocol (HAProxy, versions 1 and 2): a header by which a proxy in front of a server
// names the client of a connection. Accepted only from peers that are listed as proxies; written by
// tests and tools.
//
//   v1: "PROXY" SP ("TCP4" / "TCP6") SP source SP destination SP port SP port CRLF, or "PROXY
//       UNKNOWN" … CRLF; at most 107 bytes
//   v2: 12 bytes of signature, version and command, family, length (16 bits), addresses, TLVs;
//       at most `most_bytes`, so that a declared length reserves no memory
#pragma once

#include <cstdint>
#include <optional>
#include <postroad/result.hpp>
#include <string>
#include <string_view>

namespace postroad::proxy {

/// Bytes of the longest header that is read; the length field of v2 allows 65,551.
constexpr std::size_t most_bytes = 4096;

struct Header {
  bool is_local = false;  ///< LOCAL or UNKNOWN: the proxy itself, as a health check
  bool is_v6 = false;
  std::string source{};  ///< address of the client, without brackets: "192.0.2.1", "2001:db8::1"
  std::uint16_t source_port = 0;
  std::string destination{};
  std::uint16_t destination_port = 0;
  friend bool operator==(const Header&, const Header&) = default;
};

/// Takes a complete header from the front of `input`. nullopt: more bytes are needed, none taken.
/// Error: Fault::protocol; the connection must be closed.
Result<std::optional<Header>> parse(std::string_view& input);

/// Error: Fault::input when an address does not belong to the family.
Result<std::string> format_v1(const Header& header);
Result<std::string> format_v2(const Header& header);

}  // namespace postroad::proxy
