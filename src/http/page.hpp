// Requests and answers of the endpoint as text, without I/O (RFC 9112, the part that GET and HEAD
// without a body need).
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace postroad::http {

struct Page {
  unsigned status = 200;  ///< HTTP status code
  std::string type = "text/plain; charset=utf-8";
  std::string text;
};

/// Makes the page of a path ("/metrics"). Called on the loop: it must be quick and must not throw.
using Pages = std::function<Page(std::string_view path)>;

/// The answer to a request, whole. `head` is the request up to the empty line:
///   request-line = method SP request-target SP HTTP-version CRLF        RFC 9112 section 3
/// A request that is not one gets 400, a method other than GET and HEAD 405. The fields are not
/// looked at. The connection is to be closed after the answer.
std::string respond(std::string_view head, const Pages& pages);
/// The answer to a request whose head is longer than the endpoint reads.
std::string respond_too_long();

}  // namespace postroad::http
