// Our side of test_dns.py: asks UnboundResolver all queries of the command line at the same time
// and prints one line of JSON per answer, in the order of the queries.
//   dns_query SERVERS ANCHORS MILLISECONDS (TYPE NAME)...
// SERVERS: addresses with commas between; ANCHORS: a file of DS or DNSKEY records, or - for none.
#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <iostream>

#include "base/text.hpp"
#include "dns/unbound_resolver.hpp"
#include "observe/sinks.hpp"

namespace {

namespace asio = boost::asio;
using namespace postroad;

std::string text_of(const std::string& text) { return text; }
std::string text_of(const asio::ip::address& address) { return address.to_string(); }
std::string text_of(const dns::MxRecord& mx) {
  return fmt::format("{} {}", mx.preference, mx.exchange);
}
std::string text_of(const dns::TlsaRecord& tlsa) {
  std::string digits;
  for (const char c : tlsa.data) digits += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return fmt::format("{} {} {} {}", tlsa.usage, tlsa.selector, tlsa.matching, digits);
}

template <class Record>
std::string json_of(const Result<dns::Answer<Record>>& answer) {
  if (!answer)
    return fmt::format("{{\"status\":\"error\",\"reason\":{}}}",
                       observe::json_string(answer.error().text()));
  std::string records;
  for (const auto& one : answer->records)
    records += (records.empty() ? "" : ",") + observe::json_string(text_of(one));
  return fmt::format(
      "{{\"status\":\"{}\",\"security\":\"{}\",\"canonical\":{},\"ttl\":{},\"reason\":{},"
      "\"records\":[{}]}}",
      to_string(answer->status), to_string(answer->security()),
      observe::json_string(answer->canonical_name), answer->ttl.count(),
      observe::json_string(answer->reason), records);
}

struct Question {
  std::string type, name, answer;
};

template <class Record>
asio::awaitable<std::string> shown(dns::Resolver::Lookup<Record> query) {
  const auto answer = co_await std::move(query);
  co_return json_of(answer);
}

asio::awaitable<std::string> ask(dns::Resolver& resolver, const Question& question,
                                 dns::Time deadline) {
  if (question.type == "MX") return shown<dns::MxRecord>(resolver.mx(question.name, deadline));
  if (question.type == "TLSA")
    return shown<dns::TlsaRecord>(resolver.tlsa(question.name, deadline));
  if (question.type == "TXT") return shown<std::string>(resolver.txt(question.name, deadline));
  if (question.type == "PTR")
    return shown<std::string>(resolver.ptr(asio::ip::make_address(question.name), deadline));
  return shown<asio::ip::address>(question.type == "A" ? resolver.a(question.name, deadline)
                                                       : resolver.aaaa(question.name, deadline));
}

asio::awaitable<void> fill(dns::Resolver& resolver, Question& question, dns::Time deadline,
                           std::size_t& left, asio::io_context& context) {
  question.answer = co_await ask(resolver, question, deadline);
  if (--left == 0) context.stop();
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 6 || count % 2 != 0) return 64;
  dns::UnboundOptions options;
  const std::string servers = arguments[1];
  for (const auto server : split(servers, ',')) options.name_servers.emplace_back(server);
  if (std::string_view(arguments[2]) != "-") options.trust_anchor_file = arguments[2];
  const std::chrono::milliseconds within(std::stol(arguments[3]));
  std::vector<Question> questions;
  for (int i = 4; i < count; i += 2) questions.push_back({arguments[i], arguments[i + 1], {}});

  asio::io_context context(1);
  const auto resolver = dns::UnboundResolver::open(context.get_executor(), options);
  if (!resolver) {
    std::cerr << resolver.error() << '\n';
    return 65;
  }
  const auto deadline = std::chrono::steady_clock::now() + within;
  auto left = questions.size();
  for (auto& question : questions)
    asio::co_spawn(context, fill(**resolver, question, deadline, left, context), asio::detached);
  context.run();
  for (const auto& question : questions) std::cout << question.answer << '\n';
  return 0;
}
