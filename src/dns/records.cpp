// See records.hpp.
#include "dns/records.hpp"

#include <algorithm>

#include "dns/names.hpp"

namespace postroad::dns {

namespace ip = boost::asio::ip;

namespace {

std::uint8_t byte_at(std::string_view data, std::size_t at) {
  return static_cast<std::uint8_t>(data[at]);
}

template <class Address>
std::optional<ip::address> parse_address(std::string_view data) {
  typename Address::bytes_type bytes{};
  if (data.size() != bytes.size()) return std::nullopt;
  std::transform(data.begin(), data.end(), bytes.begin(),
                 [](char c) { return static_cast<std::uint8_t>(c); });
  return ip::address(Address(bytes));
}

}  // namespace

std::string_view to_string(RecordType type) noexcept {
  switch (type) {
    case RecordType::a:
      return "A";
    case RecordType::cname:
      return "CNAME";
    case RecordType::ptr:
      return "PTR";
    case RecordType::mx:
      return "MX";
    case RecordType::txt:
      return "TXT";
    case RecordType::aaaa:
      return "AAAA";
    case RecordType::dnskey:
      return "DNSKEY";
    case RecordType::tlsa:
      return "TLSA";
  }
  return "?";
}

std::optional<ip::address> parse_a(std::string_view data) {
  return parse_address<ip::address_v4>(data);
}

std::optional<ip::address> parse_aaaa(std::string_view data) {
  return parse_address<ip::address_v6>(data);
}

std::optional<MxRecord> parse_mx(std::string_view data) {
  if (data.size() < 2) return std::nullopt;
  const auto preference = static_cast<std::uint16_t>(byte_at(data, 0) << 8 | byte_at(data, 1));
  auto exchange = parse_ptr(data.substr(2));
  if (!exchange) return std::nullopt;
  return MxRecord{preference, std::move(*exchange)};
}

std::optional<TlsaRecord> parse_tlsa(std::string_view data) {
  if (data.size() < 3) return std::nullopt;
  return TlsaRecord{byte_at(data, 0), byte_at(data, 1), byte_at(data, 2),
                    std::string(data.substr(3))};
}

std::optional<std::string> parse_txt(std::string_view data) {
  if (data.empty()) return std::nullopt;
  std::string out;
  while (!data.empty()) {
    const std::size_t length = byte_at(data, 0);
    if (1 + length > data.size()) return std::nullopt;
    out += data.substr(1, length);
    data.remove_prefix(1 + length);
  }
  return out;
}

std::optional<std::string> parse_ptr(std::string_view data) {
  auto name = take_name(data);
  return data.empty() ? std::move(name) : std::nullopt;
}

bool has_signature(std::string_view message) {
  constexpr std::size_t header = 12;
  constexpr std::uint16_t rrsig = 46;
  std::size_t at = header;
  const auto number = [&](std::size_t from) {
    return static_cast<std::uint16_t>(byte_at(message, from) << 8 | byte_at(message, from + 1));
  };
  const auto has = [&](std::size_t count) { return message.size() - at >= count; };
  const auto pass_name = [&] {
    while (has(1)) {
      const auto length = byte_at(message, at);
      const bool is_pointer = length >= 0xc0;
      const std::size_t size = is_pointer ? 2 : length + std::size_t{1};
      if (!has(size)) return false;
      at += size;
      if (is_pointer || length == 0) return true;
    }
    return false;
  };
  if (message.size() < header) return false;
  for (auto left = number(4); left > 0; --left) {
    if (!pass_name() || !has(4)) return false;
    at += 4;
  }
  for (auto left = number(6); left > 0; --left) {
    constexpr std::size_t fixed = 10;  // type, class, TTL, length of the data
    if (!pass_name() || !has(fixed)) return false;
    if (number(at) == rrsig) return true;
    const std::size_t size = fixed + number(at + fixed - 2);
    if (!has(size)) return false;
    at += size;
  }
  return false;
}

}  // namespace postroad::dns
