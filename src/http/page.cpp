// Parsing the request line and writing the answer; see page.hpp.
#include "http/page.hpp"

#include <algorithm>
#include <optional>

#include "base/text.hpp"

namespace postroad::http {

namespace {

struct RequestLine {
  std::string_view method;
  std::string_view path;  ///< the target without its query
};

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return is_alnum(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool is_version(std::string_view text) {
  return text.size() == 8 && text.starts_with("HTTP/1.") && is_digit(text[7]);
}

std::optional<RequestLine> parse_request_line(std::string_view head) {
  const auto line = head.substr(0, head.find("\r\n"));
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return std::nullopt;
  const auto target = line.substr(first + 1, last - first - 1);
  const bool is_visible =
      std::all_of(target.begin(), target.end(), [](char c) { return c > ' ' && c != 0x7f; });
  const RequestLine found{line.substr(0, first), target.substr(0, target.find('?'))};
  if (!is_token(found.method) || target.empty() || !is_visible ||
      !is_version(line.substr(last + 1)))
    return std::nullopt;
  return found;
}

std::string_view reason_of(unsigned status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    default:
      return "";
  }
}

std::string format(const Page& page, bool with_body = true, std::string_view fields = {}) {
  std::string out = "HTTP/1.1 " + std::to_string(page.status) + ' ';
  out += reason_of(page.status);
  out += "\r\nConnection: close\r\nCache-Control: no-store\r\nContent-Type: " + page.type +
         "\r\nContent-Length: " + std::to_string(page.text.size()) + "\r\n";
  (out += fields) += "\r\n";
  if (with_body) out += page.text;
  return out;
}

}  // namespace

std::string respond(std::string_view head, const Pages& pages) {
  const auto request = parse_request_line(head);
  if (!request) return format({.status = 400, .text = "this is not an HTTP/1 request\n"});
  const bool is_head = request->method == "HEAD";
  if (!is_head && request->method != "GET")
    return format({.status = 405, .text = "only GET and HEAD are supported\n"}, true,
                  "Allow: GET, HEAD\r\n");
  return format(pages(request->path), !is_head);
}

std::string respond_too_long() {
  return format({.status = 431, .text = "the header of the request is too long\n"});
}

}  // namespace postroad::http
