// See sts_fetch.hpp.
#include "relay/tls/sts_fetch.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <vector>

#include "base/text.hpp"
#include "http/exchange.hpp"
#include "net/connect.hpp"
#include "net/stream.hpp"

namespace postroad::relay::tls {

namespace asio = boost::asio;
using asio::awaitable;

namespace {

constexpr std::size_t largest_policy = 64 << 10;
constexpr std::uint16_t usual_port = 443;

using Endpoints = std::vector<asio::ip::tcp::endpoint>;

// Adds the addresses that may be used, and notes why others may not.
void add(const dns::Answer<mx::Address>& answer, const StsHosts& hosts, Endpoints& into,
         std::string& refused) {
  if (!answer.reason.empty()) refused = answer.reason;
  for (const auto& address : answer.records) {
    const auto refusal = hosts.rules.refusal(address);
    if (!refusal.empty())
      refused = address.to_string() + ": " + refusal;
    else
      into.emplace_back(address, hosts.port);
  }
}

awaitable<Result<Endpoints>> find(dns::Resolver& resolver, const std::string& host,
                                  const StsHosts& hosts, dns::Time deadline) {
  Endpoints found;
  std::string refused;
  const auto v6 = co_await resolver.aaaa(host, deadline);
  if (!v6) co_return v6.error();
  const auto v4 = co_await resolver.a(host, deadline);
  if (!v4) co_return v4.error();
  add(*v6, hosts, found, refused);
  add(*v4, hosts, found, refused);
  if (found.empty())
    co_return fail(Fault::resolve, {},
                   "no address that may be used" + (refused.empty() ? "" : ": " + refused));
  found = net::interleave(std::move(found));
  if (found.size() > hosts.rules.max_addresses) found.resize(hosts.rules.max_addresses);
  co_return found;
}

Result<std::string> policy_in(const http::Answer& answer) {
  if (answer.status != 200)
    return fail(Fault::protocol, {}, "the status is " + std::to_string(answer.status));
  if (answer.type != "text/plain")
    return fail(Fault::protocol, {},
                "the content is not text/plain but '" + printable(answer.type, 60) + '\'');
  return answer.body;
}

awaitable<Result<std::string>> ask(dns::Resolver& resolver, const std::string& host,
                                   const StsHosts& hosts, dns::Time deadline) {
  auto endpoints = co_await find(resolver, host, hosts, deadline);
  if (!endpoints) co_return endpoints.error();
  auto socket = co_await net::race(std::move(*endpoints), deadline);
  if (!socket) co_return socket.error();
  net::Stream stream(std::move(*socket));
  net::TlsClientSettings settings;
  settings.ca_file = hosts.ca_file;
  const auto context = net::TlsContext::client(settings);
  if (!context) co_return context.error();
  const net::TlsPeer peer{host};
  const auto facts = co_await stream.handshake_client(*context, peer, deadline);
  if (!facts) co_return facts.error();
  const auto request =
      "GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: " +
      http::host_field(host, hosts.port, usual_port) +
      "\r\nUser-Agent: postroad\r\nAccept: text/plain\r\nConnection: close\r\n\r\n";
  const auto answer = co_await http::exchange(stream, request, largest_policy, deadline);
  stream.close();
  if (!answer) co_return answer.error();
  co_return policy_in(*answer);
}

}  // namespace

awaitable<Result<std::string>> fetch_sts_policy(dns::Resolver& resolver, std::string domain,
                                                StsHosts hosts, dns::Time deadline) {
  const auto host = "mta-sts." + domain;
  auto text = co_await ask(resolver, host, hosts, deadline);
  if (text) co_return text;
  auto error = text.error();
  if (!error.where.empty()) error.detail = error.where + ": " + error.detail;
  error.where = "https://" + host;
  co_return error;
}

}  // namespace postroad::relay::tls
