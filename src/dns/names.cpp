// See names.hpp.
#include "dns/names.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace postroad::dns {

namespace ip = boost::asio::ip;

namespace {

constexpr std::size_t most_label = 63;
constexpr std::size_t most_name = 253;  // as text; 255 bytes on the wire
constexpr std::size_t most_wire = 255;

constexpr bool is_plain(char c) noexcept { return c > 0x20 && c < 0x7f && c != '\\'; }

Error refuse(std::string_view name, std::string why) {
  return fail(Fault::input, printable(name, 80), "not a domain name: " + std::move(why));
}

void append_label(std::string& out, std::string_view label) {
  for (const char c : label) {
    if (c == '.' || c == '\\') {
      out += '\\';
      out += c;
    } else if (is_plain(c)) {
      out += c;
    } else {
      const auto code = std::to_string(static_cast<unsigned char>(c));
      out += '\\' + std::string(3 - code.size(), '0') + code;
    }
  }
}

}  // namespace

Result<void> check_name(std::string_view name) {
  const auto whole = name;
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty()) return refuse(whole, "it is empty");
  if (name.size() > most_name) return refuse(whole, "it is longer than 253 bytes");
  if (!std::all_of(name.begin(), name.end(), is_plain))
    return refuse(whole, "it has a byte that is not printable ASCII, or a backslash");
  for (const auto label : split(name, '.')) {
    if (label.empty()) return refuse(whole, "it has an empty label");
    if (label.size() > most_label) return refuse(whole, "it has a label longer than 63 bytes");
  }
  return {};
}

std::string reverse_name(const ip::address& address) {
  std::string out;
  const bool is_mapped = address.is_v6() && address.to_v6().is_v4_mapped();
  if (address.is_v4() || is_mapped) {
    const auto v4 =
        is_mapped ? ip::make_address_v4(ip::v4_mapped, address.to_v6()) : address.to_v4();
    const auto bytes = v4.to_bytes();
    for (auto at = bytes.rbegin(); at != bytes.rend(); ++at) out += std::to_string(*at) + '.';
    return out + "in-addr.arpa";
  }
  constexpr std::string_view digits = "0123456789abcdef";
  const auto bytes = address.to_v6().to_bytes();
  for (auto at = bytes.rbegin(); at != bytes.rend(); ++at) {
    for (const int nibble : {*at & 15, *at >> 4}) {
      out += digits[static_cast<std::size_t>(nibble)];
      out += '.';
    }
  }
  return out + "ip6.arpa";
}

std::optional<std::string> take_name(std::string_view& bytes) {
  std::string out;
  for (std::size_t at = 0; at < std::min(bytes.size(), most_wire);) {
    const std::size_t length = static_cast<unsigned char>(bytes[at]);
    if (length == 0) {
      bytes.remove_prefix(at + 1);
      return out.empty() ? "." : out;
    }
    if (length > most_label || at + 1 + length > bytes.size()) return std::nullopt;
    if (!out.empty()) out += '.';
    append_label(out, bytes.substr(at + 1, length));
    at += 1 + length;
  }
  return std::nullopt;
}

}  // namespace postroad::dns
