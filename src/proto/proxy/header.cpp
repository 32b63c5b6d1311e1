// Both versions of the PROXY header; see header.hpp.
#include "proto/proxy/header.hpp"

#include <arpa/inet.h>

#include <array>

#include "base/text.hpp"

namespace postroad::proxy {

namespace {

constexpr std::string_view signature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::size_t front = 16;     // of v2: signature, version, family, length
constexpr std::size_t most_v1 = 107;  // with CRLF
constexpr std::size_t v4_bytes = 12;  // two addresses and two ports
constexpr std::size_t v6_bytes = 36;

Error bad(std::string what) { return fail(Fault::protocol, "PROXY", std::move(what)); }

bool is_address(const std::string& text, bool v6) {
  if (text.find('\0') != std::string::npos) return false;  // inet_pton would stop there
  std::array<char, sizeof(in6_addr)> bytes{};
  return ::inet_pton(v6 ? AF_INET6 : AF_INET, text.c_str(), bytes.data()) == 1;
}

std::string address_text(std::string_view bytes, bool v6) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(v6 ? AF_INET6 : AF_INET, bytes.data(), text.data(), text.size());
  return text.data();
}

std::uint16_t number_of(std::string_view bytes) {
  return static_cast<std::uint16_t>((static_cast<unsigned char>(bytes[0]) << 8) |
                                    static_cast<unsigned char>(bytes[1]));
}

void append_number(std::uint16_t number, std::string& out) {
  out += static_cast<char>(number >> 8);
  out += static_cast<char>(number & 0xff);
}

std::optional<std::uint16_t> port_of(std::string_view text) {
  const auto number = parse_number(text);
  if (!number || *number > 65535 || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

Result<std::optional<Header>> parse_v1(std::string_view& input) {
  const auto end = input.substr(0, most_v1).find('\n');
  if (end == std::string_view::npos) {
    if (input.size() >= most_v1) return bad("PROXY header version 1 without CRLF");
    return std::optional<Header>{};
  }
  auto line = input.substr(0, end);
  if (!line.ends_with('\r')) return bad("PROXY header version 1 must end with CRLF");
  line.remove_suffix(1);
  const auto words = split(line, ' ');
  Header header;
  if (words.size() >= 2 && words[1] == "UNKNOWN") {
    header.is_local = true;
  } else {
    if (words.size() != 6 || (words[1] != "TCP4" && words[1] != "TCP6"))
      return bad("malformed PROXY header: " + printable(line, 120));
    header.is_v6 = words[1] == "TCP6";
    header.source = words[2];
    header.destination = words[3];
    const auto from = port_of(words[4]);
    const auto to = port_of(words[5]);
    if (!from || !to || !is_address(header.source, header.is_v6) ||
        !is_address(header.destination, header.is_v6))
      return bad("malformed address or port: " + printable(line, 120));
    header.source_port = *from;
    header.destination_port = *to;
  }
  input.remove_prefix(end + 1);
  return std::optional<Header>(std::move(header));
}

Result<std::optional<Header>> parse_v2(std::string_view& input) {
  if (input.size() < front) return std::optional<Header>{};
  const auto version = static_cast<unsigned char>(input[12]);
  const auto family = static_cast<unsigned char>(input[13]);
  const std::size_t length = number_of(input.substr(14));
  if ((version & 0xf0) != 0x20 || (version & 0x0f) > 1) return bad("unknown PROXY header version");
  if (length > most_bytes - front) return bad("PROXY header longer than 4096 bytes");
  if (input.size() < front + length) return std::optional<Header>{};
  const auto rest = input.substr(front, length);
  Header header;
  const bool is_tcp = family == 0x11 || family == 0x21;
  if ((version & 0x0f) == 0 || !is_tcp) {
    // Other families (Unix sockets): the peer's own address stays.
    header.is_local = true;
  } else {
    header.is_v6 = family == 0x21;
    if (rest.size() < (header.is_v6 ? v6_bytes : v4_bytes)) return bad("PROXY header too short");
    const std::size_t size = header.is_v6 ? 16 : 4;
    header.source = address_text(rest, header.is_v6);
    header.destination = address_text(rest.substr(size), header.is_v6);
    header.source_port = number_of(rest.substr(2 * size));
    header.destination_port = number_of(rest.substr(2 * size + 2));
  }
  input.remove_prefix(front + length);
  return std::optional<Header>(std::move(header));
}

Result<void> check(const Header& header) {
  if (header.is_local) return {};
  for (const auto& address : {header.source, header.destination}) {
    if (!is_address(address, header.is_v6))
      return fail(Fault::input, "PROXY", "not an address: " + printable(address, 80));
  }
  return {};
}

}  // namespace

Result<std::optional<Header>> parse(std::string_view& input) {
  constexpr std::string_view v1 = "PROXY ";
  const auto common = [&](std::string_view start) {
    return input.substr(0, start.size()) == start.substr(0, input.size());
  };
  if (common(signature))
    return input.size() < signature.size() ? Result<std::optional<Header>>(std::nullopt)
                                           : parse_v2(input);
  if (common(v1))
    return input.size() < v1.size() ? Result<std::optional<Header>>(std::nullopt) : parse_v1(input);
  return bad("expected a PROXY header");
}

Result<std::string> format_v1(const Header& header) {
  if (const auto checked = check(header); !checked) return checked.error();
  if (header.is_local) return std::string("PROXY UNKNOWN\r\n");
  return std::string("PROXY ") + (header.is_v6 ? "TCP6 " : "TCP4 ") + header.source + ' ' +
         header.destination + ' ' + std::to_string(header.source_port) + ' ' +
         std::to_string(header.destination_port) + "\r\n";
}

Result<std::string> format_v2(const Header& header) {
  if (const auto checked = check(header); !checked) return checked.error();
  std::string out(signature);
  out += header.is_local ? '\x20' : '\x21';
  out += header.is_local ? '\0' : header.is_v6 ? '\x21' : '\x11';
  if (header.is_local) {
    append_number(0, out);
    return out;
  }
  append_number(header.is_v6 ? v6_bytes : v4_bytes, out);
  for (const auto& address : {header.source, header.destination}) {
    std::array<char, sizeof(in6_addr)> bytes{};
    ::inet_pton(header.is_v6 ? AF_INET6 : AF_INET, address.c_str(), bytes.data());
    out.append(bytes.data(), header.is_v6 ? 16 : 4);
  }
  append_number(header.source_port, out);
  append_number(header.destination_port, out);
  return out;
}

}  // namespace postroad::proxy
