// An IP address with a port as text: "192.0.2.1:25", "[2001:db8::1]:25".
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <optional>
#include <postroad/result.hpp>
#include <string_view>

namespace postroad::net {

/// The port may be missing where there is a `default_port`; an IPv6 address then needs no brackets.
/// Port 0 is a port here.
/// Error: Fault::input with the text and the accepted forms.
Result<boost::asio::ip::tcp::endpoint> parse_endpoint(
    std::string_view text, std::optional<std::uint16_t> default_port = {});

}  // namespace postroad::net
