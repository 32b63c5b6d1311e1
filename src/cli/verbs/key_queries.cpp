// See key_queries.hpp.
#include "cli/verbs/key_queries.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>

#include "dns/unbound_resolver.hpp"

namespace postroad::cli {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds time_for_all{30};

void give(DkimVerifier& verifier, const std::string& name,
          const Result<dns::Answer<std::string>>& answer) {
  // A name that cannot be in the DNS has no record.
  if (!answer) return verifier.answer(name, std::nullopt);
  switch (answer->status) {
    case dns::Status::records:
      return verifier.answer(name, answer->records.front());
    case dns::Status::no_data:
    case dns::Status::no_domain:
      return verifier.answer(name, std::nullopt);
    case dns::Status::temporary_failure:
    case dns::Status::bogus:
      return verifier.answer_failed(name, answer->reason);
  }
}

asio::awaitable<void> query_all(asio::io_context& context, dns::Resolver& resolver,
                                DkimVerifier& verifier, const std::vector<std::string>& names) {
  const auto deadline = std::chrono::steady_clock::now() + time_for_all;
  for (const auto& name : names) {
    const auto answer = co_await resolver.txt(name, deadline);
    give(verifier, name, answer);
  }
  context.stop();  // libunbound may still work on a query whose deadline passed
}

}  // namespace

Result<void> query_keys(DkimVerifier& verifier, const std::vector<std::string>& names,
                        const std::string& name_server) {
  if (names.empty()) return {};
  dns::UnboundOptions options;
  if (!name_server.empty()) options.name_servers = {name_server};
  asio::io_context context(1);
  const auto resolver = dns::UnboundResolver::open(context.get_executor(), options);
  if (!resolver) return resolver.error();
  asio::co_spawn(context, query_all(context, **resolver, verifier, names),
                 [](const std::exception_ptr& thrown) {
                   if (thrown) std::rethrow_exception(thrown);  // out of context.run()
                 });
  context.run();
  return {};
}

}  // namespace postroad::cli
