// See sts_fetch.hpp.
#include "relay/tls/sts_fetch.hpp"

#include "base/text.hpp"
#include "http/exchange.hpp"

namespace postroad::relay::tls {

namespace asio = boost::asio;
using asio::awaitable;

namespace {

constexpr std::size_t largest_policy = 64 << 10;
constexpr std::uint16_t usual_port = 443;

Result<std::string> policy_in(const http::Answer& answer) {
  if (answer.status != 200)
    return fail(Fault::protocol, {}, "the status is " + std::to_string(answer.status));
  if (answer.type != "text/plain")
    return fail(Fault::protocol, {},
                "the content is not text/plain but '" + printable(answer.type, 60) + '\'');
  return answer.body;
}

awaitable<Result<std::string>> ask(dns::Resolver& resolver, const std::string& host,
                                   const HttpsHosts& hosts, dns::Time deadline) {
  auto stream = co_await connect_https(resolver, host, hosts, deadline);
  if (!stream) co_return stream.error();
  const auto request =
      "GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: " +
      http::host_field(host, hosts.port, usual_port) +
      "\r\nUser-Agent: postroad\r\nAccept: text/plain\r\nConnection: close\r\n\r\n";
  const auto answer = co_await http::exchange(*stream, request, largest_policy, deadline);
  stream->close();
  if (!answer) co_return answer.error();
  co_return policy_in(*answer);
}

}  // namespace

awaitable<Result<std::string>> fetch_sts_policy(dns::Resolver& resolver, std::string domain,
                                                HttpsHosts hosts, dns::Time deadline) {
  const auto host = "mta-sts." + domain;
  auto text = co_await ask(resolver, host, hosts, deadline);
  if (text) co_return text;
  auto error = text.error();
  if (!error.where.empty()) error.detail = error.where + ": " + error.detail;
  error.where = "https://" + host;
  co_return error;
}

}  // namespace postroad::relay::tls
