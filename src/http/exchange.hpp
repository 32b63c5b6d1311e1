// One request and its answer over HTTP/1.1 on a connection that is already there.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <postroad/result.hpp>
#include <string>
#include <string_view>

#include "net/stream.hpp"
#include "proto/action.hpp"

namespace postroad::http {

struct Answer {
  unsigned status = 0;  ///< 200 to 599
  std::string type{};   ///< Content-Type, without parameters, lower case
  std::string body{};
};

/// Writes `request`, whole, and reads the final answer; interim answers (1yz) are skipped. A
/// header of 64 KiB and a body of `most` bytes are read: one byte more is Fault::protocol; 0: the
/// body is not read. Other errors: Fault::closed, Fault::timeout, Fault::protocol for an answer
/// that is not HTTP. The arguments outlive the call.
boost::asio::awaitable<Result<Answer>> exchange(net::Stream& stream, std::string_view request,
                                                std::size_t most, proto::Time deadline);

/// "example.org", "example.org:8443", "[2001:db8::1]": the value of the Host field.
std::string host_field(const std::string& host, std::uint16_t port, std::uint16_t usual_port);

}  // namespace postroad::http
