// One POST over HTTP/1.1, for asking a service of the operator's: the request and the status of its
// answer. No redirect is followed, no proxy is used, the body of the answer is not read. Thread
// rule: a coroutine of the io_context that it runs on; `parse_service` any thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <postroad/result.hpp>
#include <string>
#include <string_view>

#include "net/stream.hpp"
#include "proto/action.hpp"

namespace postroad::http {

/// Where a service is.
struct ServiceUrl {
  bool tls = false;  ///< https
  std::string host;  ///< a name or an address, without brackets
  std::uint16_t port = 0;
  std::string login;         ///< "user:password" of the URL, decoded; empty for none
  std::string target = "/";  ///< path and query, as the request has them
  /// The CA certificates that https trusts. The caller sets it, since reading them blocks.
  std::optional<net::TlsContext> tls_context{};
};

/// `http[s]://[user[:password]@]host[:port][/path][?query]`. Error: Fault::input; it never shows
/// the login.
Result<ServiceUrl> parse_service(std::string_view url);

/// Posts `body` and returns the status (100 to 599) of the answer; interim answers (1yz) are
/// skipped. Error: as of net::connect; Fault::tls; Fault::closed; Fault::timeout; Fault::protocol
/// for an answer that is not HTTP.
boost::asio::awaitable<Result<unsigned>> post(const ServiceUrl& url, std::string_view content_type,
                                              std::string_view body, proto::Time deadline);

/// The same over a connection to the service.
boost::asio::awaitable<Result<unsigned>> post_over(net::Stream& stream, const ServiceUrl& url,
                                                   std::string_view content_type,
                                                   std::string_view body, proto::Time deadline);

}  // namespace postroad::http
