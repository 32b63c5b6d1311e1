// See endpoint.hpp.
#include "net/endpoint.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include "base/text.hpp"

namespace postroad::net {

namespace {

using boost::asio::ip::tcp;

std::optional<boost::asio::ip::address> parse_address(std::string_view text) {
  boost::system::error_code error;
  auto address = boost::asio::ip::make_address(std::string(text), error);
  if (error) return std::nullopt;
  return address;
}

}  // namespace

Result<tcp::endpoint> parse_endpoint(std::string_view text,
                                     std::optional<std::uint16_t> default_port) {
  auto invalid = fail(Fault::input, '\'' + printable(text, 80) + '\'',
                      "not an IP address with a port; the forms are 192.0.2.1:25 and "
                      "[2001:db8::1]:25");
  const bool has_brackets = text.starts_with('[');
  const auto colon = text.rfind(':');
  const bool is_bare_v6 = !has_brackets && std::count(text.begin(), text.end(), ':') > 1;
  const bool has_port =
      !is_bare_v6 && colon != std::string_view::npos && (!has_brackets || text[colon - 1] == ']');
  auto host = has_port ? text.substr(0, colon) : text;
  if (has_brackets) {
    if (!host.ends_with(']')) return invalid;
    host = host.substr(1, host.size() - 2);
  }
  const auto address = parse_address(host);
  std::optional<unsigned long long> port = default_port;
  if (has_port) port = parse_number(text.substr(colon + 1));
  if (!address || !port || *port > std::numeric_limits<std::uint16_t>::max() ||
      address->is_v6() != (has_brackets || is_bare_v6))
    return invalid;
  return tcp::endpoint(*address, static_cast<std::uint16_t>(*port));
}

}  // namespace postroad::net
