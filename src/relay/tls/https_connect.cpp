// See https_connect.hpp.
#include "relay/tls/https_connect.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <vector>

#include "net/connect.hpp"

namespace postroad::relay::tls {

namespace asio = boost::asio;
using asio::awaitable;

namespace {

using Endpoints = std::vector<asio::ip::tcp::endpoint>;

// Adds the addresses that may be used, and notes why others may not.
void add(const dns::Answer<mx::Address>& answer, const HttpsHosts& hosts, Endpoints& into,
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
                                  const HttpsHosts& hosts, dns::Time deadline) {
  Endpoints found;
  std::string refused;
  boost::system::error_code not_address;
  const auto literal = asio::ip::make_address(host, not_address);
  if (!not_address) {
    dns::Answer<mx::Address> given;
    given.records.push_back(literal);
    add(given, hosts, found, refused);
  } else {
    const auto v6 = co_await resolver.aaaa(host, deadline);
    if (!v6) co_return v6.error();
    const auto v4 = co_await resolver.a(host, deadline);
    if (!v4) co_return v4.error();
    add(*v6, hosts, found, refused);
    add(*v4, hosts, found, refused);
  }
  if (found.empty())
    co_return fail(Fault::resolve, {},
                   "no address that may be used" + (refused.empty() ? "" : ": " + refused));
  found = net::interleave(std::move(found));
  if (found.size() > hosts.rules.max_addresses) found.resize(hosts.rules.max_addresses);
  co_return found;
}

}  // namespace

awaitable<Result<net::Stream>> connect_https(dns::Resolver& resolver, std::string host,
                                             HttpsHosts hosts, dns::Time deadline) {
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
  co_return std::move(stream);
}

mx::AddressRules https_rules(mx::AddressRules rules) {
  rules.own.clear();
  rules.owns_interfaces = false;
  rules.preferred.reset();
  return rules;
}

}  // namespace postroad::relay::tls
