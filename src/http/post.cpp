// See post.hpp.
#include "http/post.hpp"

#include <algorithm>
#include <optional>

#include "base/percent.hpp"
#include "base/text.hpp"
#include "http/exchange.hpp"
#include "net/connect.hpp"
#include "net/stream.hpp"

namespace postroad::http {

namespace asio = boost::asio;
using asio::awaitable;

namespace {

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
  std::string out = "POST " + url.target + " HTTP/1.1\r\nHost: ";
  out += host_field(url.host, url.port, url.tls ? 443 : 80);
  if (!url.login.empty()) out += "\r\nAuthorization: Basic " + base64_encode(url.login);
  out += "\r\nContent-Type: " + std::string(content_type);
  out += "\r\nContent-Length: " + std::to_string(body.size());
  out += "\r\nUser-Agent: postroad\r\nAccept: */*\r\nConnection: close\r\n\r\n";
  return out += body;
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
    const net::TlsPeer peer{url.host};
    const auto facts = co_await stream.handshake_client(*url.tls_context, peer, deadline);
    if (!facts) co_return facts.error();
  }
  co_return co_await post_over(stream, url, content_type, body, deadline);
}

awaitable<Result<unsigned>> post_over(net::Stream& stream, const ServiceUrl& url,
                                      std::string_view content_type, std::string_view body,
                                      proto::Time deadline) {
  const auto request = request_of(url, content_type, body);
  const auto answer = co_await exchange(stream, request, 0, deadline);
  stream.close();
  if (!answer) co_return answer.error();
  co_return answer->status;
}

}  // namespace postroad::http
