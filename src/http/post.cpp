// The request by hand over net::Stream: Beast costs 17 s of compile time per unit, and only the
// status line of the answer is of interest. See post.hpp.
#include "http/post.hpp"

#include <algorithm>
#include <optional>

#include "base/percent.hpp"
#include "base/text.hpp"
#include "net/connect.hpp"
#include "net/stream.hpp"

namespace postroad::http {

namespace asio = boost::asio;
using asio::awaitable;

namespace {

constexpr std::size_t most_reply_header = 65536;  // bytes: an endless header would fill memory
constexpr std::string_view header_end = "\r\n\r\n";

Error wrong_url(std::string why) {
  return fail(Fault::input, "the URL",
              std::move(why) + "; expected http[s]://[user[:password]@]host[:port][/path]");
}

Result<void> take_port(std::string_view text, ServiceUrl& url) {
  url.port = url.tls ? 443 : 80;
  if (text.empty()) return {};
  const auto number = text.front() == ':' ? parse_number(text.substr(1)) : std::nullopt;
  if (!number || *number == 0 || *number > 65535)
    return wrong_url("its port is not a number from 1 to 65535");
  url.port = static_cast<std::uint16_t>(*number);
  return {};
}

Result<void> take_authority(std::string_view text, ServiceUrl& url) {
  if (const auto at = text.rfind('@'); at != std::string_view::npos) {
    auto login = percent_decode(text.substr(0, at));
    if (!login) return wrong_url("a % in its login is not followed by two hexadecimal digits");
    url.login = std::move(*login);
    if (url.login.find(':') == std::string::npos) url.login += ':';
    text.remove_prefix(at + 1);
  }
  const auto bracket = text.starts_with('[') ? text.find(']') : std::string_view::npos;
  const bool is_v6 = bracket != std::string_view::npos;
  const auto end = is_v6 ? bracket + 1 : std::min(text.find(':'), text.size());
  url.host = is_v6 ? text.substr(1, bracket - 1) : text.substr(0, end);
  const bool is_host =
      !url.host.empty() && std::all_of(url.host.begin(), url.host.end(), [&](char c) {
        return is_alnum(c) || c == '.' || c == '-' || c == '_' || (is_v6 && c == ':');
      });
  if (!is_host) return wrong_url("it has no valid host name");
  return take_port(text.substr(end), url);
}

std::string request_of(const ServiceUrl& url, std::string_view content_type,
                       std::string_view body) {
  const bool is_v6 = url.host.find(':') != std::string::npos;
  const bool is_usual = url.port == (url.tls ? 443 : 80);
  std::string out = "POST " + url.target + " HTTP/1.1\r\nHost: ";
  out += is_v6 ? '[' + url.host + ']' : url.host;
  if (!is_usual) out += ':' + std::to_string(url.port);
  if (!url.login.empty()) out += "\r\nAuthorization: Basic " + base64_encode(url.login);
  out += "\r\nContent-Type: " + std::string(content_type);
  out += "\r\nContent-Length: " + std::to_string(body.size());
  out += "\r\nUser-Agent: postroad\r\nAccept: */*\r\nConnection: close\r\n\r\n";
  return out += body;
}

awaitable<Result<void>> write_all(net::Stream& stream, std::string_view bytes,
                                  proto::Time deadline) {
  while (!bytes.empty()) {
    const auto count = co_await stream.write(bytes, deadline);
    if (!count) co_return count.error();
    bytes.remove_prefix(*count);
  }
  co_return Result<void>();
}

// status-line = HTTP-version SP 3DIGIT SP [reason-phrase]                          RFC 9112 section
// 4
std::optional<unsigned> status_of(std::string_view header) {
  if (!header.starts_with("HTTP/1.") || header.size() < 12 || header[8] != ' ') return std::nullopt;
  const auto status = parse_number(header.substr(9, 3));
  const bool ends = header.size() == 12 || header[12] == ' ' || header[12] == '\r';
  if (!status || !ends || *status < 100 || *status > 599) return std::nullopt;
  return static_cast<unsigned>(*status);
}

// The status of the first final answer.
awaitable<Result<unsigned>> read_status(net::Stream& stream, proto::Time deadline) {
  std::string header;
  std::size_t taken = 0;
  char buffer[4096];
  for (;;) {
    const auto end = header.find(header_end);
    if (end != std::string::npos) {
      const auto status = status_of(std::string_view(header).substr(0, end));
      if (!status) co_return fail(Fault::protocol, {}, "the answer is not HTTP/1.1");
      if (*status >= 200) co_return *status;
      header.erase(0, end + header_end.size());
      continue;
    }
    if (taken > most_reply_header)
      co_return fail(Fault::protocol, {}, "the header of the answer has no end");
    const auto count = co_await stream.read(buffer, deadline);
    if (!count) co_return count.error();
    if (*count == 0) co_return fail(Fault::closed, {}, "the service closed the connection");
    taken += *count;
    header.append(buffer, *count);
  }
}

}  // namespace

Result<ServiceUrl> parse_service(std::string_view text) {
  ServiceUrl url;
  if (istarts_with(text, "https://")) {
    url.tls = true;
  } else if (!istarts_with(text, "http://")) {
    return wrong_url("its scheme is neither http nor https");
  }
  text.remove_prefix(url.tls ? 8 : 7);
  text = text.substr(0, text.find('#'));
  const auto end = std::min(text.find_first_of("/?"), text.size());
  const auto target = text.substr(end);
  if (std::any_of(target.begin(), target.end(), [](char c) { return is_control(c) || c == ' '; }))
    return wrong_url("its path contains a space or a control character");
  if (!target.empty()) url.target = (target.front() == '?' ? "/" : "") + std::string(target);
  if (const auto taken = take_authority(text.substr(0, end), url); !taken) return taken.error();
  return url;
}

awaitable<Result<unsigned>> post(const ServiceUrl& url, std::string_view content_type,
                                 std::string_view body, proto::Time deadline) {
  auto socket = co_await net::connect(url.host, url.port, deadline);
  if (!socket) co_return socket.error();
  net::Stream stream(std::move(*socket));
  if (url.tls) {
    if (!url.tls_context) co_return fail(Fault::tls, url.host, "the CA certificates were not read");
    const auto facts = co_await stream.handshake_client(*url.tls_context, url.host, deadline);
    if (!facts) co_return facts.error();
  }
  const auto request = request_of(url, content_type, body);
  const auto written = co_await write_all(stream, request, deadline);
  if (!written) co_return written.error();
  auto status = co_await read_status(stream, deadline);
  stream.close();
  co_return status;
}

}  // namespace postroad::http
