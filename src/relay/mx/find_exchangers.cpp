// The queries for the exchangers of a domain; see find_exchangers.hpp.
#include "relay/mx/find_exchangers.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <optional>

#include "base/text.hpp"
#include "dns/names.hpp"
#include "mail/address/idn.hpp"

namespace postroad::relay::mx {

namespace asio = boost::asio;

namespace {

using AddressAnswer = dns::Answer<Address>;

// Lower case, A-labels, no final dot; nullopt: not a domain name.
std::optional<std::string> canonical(const std::string& domain) {
  auto name = mail::to_ascii_domain(domain);
  if (!name) return std::nullopt;
  *name = lower(*name);
  if (name->ends_with('.')) name->pop_back();
  if (!dns::check_name(*name)) return std::nullopt;
  return name;
}

std::optional<Address> literal(std::string_view text) {
  text = text.substr(1, text.size() - 2);
  if (istarts_with(text, "IPv6:")) text.remove_prefix(5);
  boost::system::error_code error;
  auto address = asio::ip::make_address(std::string(text), error);
  if (error) return std::nullopt;
  return address;
}

Exchangers none(std::string reason) {
  Exchangers made;
  made.none = NoHost{Outcome::refused, std::move(reason)};
  return made;
}

// One query for the addresses of a host, and where its answer goes.
struct AddressQuery {
  std::string name;
  bool is_ipv4;
  AddressAnswer* answer;
};

template <class Answer>
void keep(Answer answer, AddressAnswer& into) {
  if (answer)
    into = std::move(*answer);
  else
    into.reason = answer.error().detail;
}

asio::awaitable<void> ask(dns::Resolver& resolver, AddressQuery query, dns::Time deadline) {
  if (query.is_ipv4)
    keep(co_await resolver.a(query.name, deadline), *query.answer);
  else
    keep(co_await resolver.aaaa(query.name, deadline), *query.answer);
}

// Also for a family that is switched off: an address of it can be this server's own.
std::vector<AddressQuery> queries_of(const Hosts& hosts, std::vector<HostAnswers>& answers) {
  std::vector<AddressQuery> queries;
  for (std::size_t i = 0; i < hosts.hosts.size(); ++i) {
    answers[i].ipv4.status = answers[i].ipv6.status = dns::Status::temporary_failure;
    queries.push_back({hosts.hosts[i].name, true, &answers[i].ipv4});
    queries.push_back({hosts.hosts[i].name, false, &answers[i].ipv6});
  }
  return queries;
}

asio::awaitable<void> ask_all(dns::Resolver& resolver, std::vector<AddressQuery> queries,
                              dns::Time deadline) {
  const auto executor = co_await asio::this_coro::executor;
  const auto begin = [&](AddressQuery& query) {
    return asio::co_spawn(executor, ask(resolver, std::move(query), deadline), asio::deferred);
  };
  std::vector<decltype(begin(queries.front()))> calls;
  calls.reserve(queries.size());
  for (auto& query : queries) calls.push_back(begin(query));
  const auto [order, exceptions] =
      co_await asio::experimental::make_parallel_group(std::move(calls))
          .async_wait(asio::experimental::wait_for_all(), asio::use_awaitable);
  for (const auto& exception : exceptions)
    if (exception) std::rethrow_exception(exception);
}

}  // namespace

asio::awaitable<Result<Exchangers>> find_exchangers(dns::Resolver& resolver, std::string domain,
                                                    const AddressRules& rules, std::uint64_t seed,
                                                    FindTimes times, RankOf rank_of) {
  if (domain.starts_with('[') && domain.ends_with(']')) {
    const auto address = literal(domain);
    if (!address) co_return none("5.1.3 " + printable(domain, 80) + " is not an address literal");
    co_return exchangers_of_literal(domain, *address, rules);
  }
  const auto name = canonical(domain);
  if (!name) co_return none("5.1.2 " + printable(domain, 80) + " is not a domain name");
  const auto begun = std::chrono::steady_clock::now();
  const auto mx = co_await resolver.mx(*name, begun + std::min(times.name, times.whole));
  if (!mx) co_return mx.error();
  const auto hosts = hosts_of(*name, *mx, seed);
  std::vector<HostAnswers> answers(hosts.hosts.size());
  if (!answers.empty()) {
    const auto deadline =
        std::min(std::chrono::steady_clock::now() + times.name, begun + times.whole);
    co_await asio::this_coro::throw_if_cancelled(false);
    co_await ask_all(resolver, queries_of(hosts, answers), deadline);
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none)
      co_return fail(Fault::cancelled, *name, "the search for exchangers was cancelled");
  }
  auto made = exchangers_of(*name, hosts, answers, rules, rank_of);
  made.names = hosts.names;
  made.is_secure = hosts.is_secure;
  made.alias_of = hosts.alias_of;
  co_return made;
}

}  // namespace postroad::relay::mx
