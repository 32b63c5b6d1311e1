// The check of the name servers, which here pass on no signatures. Those that do:
// tests/interop/test_dns.py.
#include "dns/checked_resolver.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "dns/testing/await.hpp"
#include "dns/testing/test_name_server.hpp"

namespace postroad::dns {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

class CheckedResolverTest : public testing::Test {
 protected:
  void open(std::vector<std::string> anchors) {
    UnboundOptions options;
    options.name_servers = {server.address()};
    options.trust_anchors = std::move(anchors);
    resolver = CheckedResolver::open(
                   context.get_executor(), options,
                   [this](const auto& why) { told.push_back(why); }, memory)
                   .value();
    server.script().records("example.org", RecordType::a, {address_data("192.0.2.1")});
    server.script().records("example.net", RecordType::a, {address_data("192.0.2.2")});
  }
  Answer<Resolver::Address> ask(const std::string& name) {
    return await_result(context, resolver->a(name, std::chrono::steady_clock::now() + 20s)).value();
  }

  asio::io_context context{1};
  TestNameServer server{context};
  std::vector<std::string> told;
  std::filesystem::path memory;
  std::unique_ptr<CheckedResolver> resolver;
};

TEST_F(CheckedResolverTest, ValidatesNothingWhereSignaturesAreRemoved) {
  for (const auto& anchors : {std::vector<std::string>(), root_anchors()}) {
    told.clear();
    server.script().records(".", RecordType::dnskey, {std::string("\1\1\3\x08key", 7)});
    open(anchors);
    for (const auto* name : {"example.org", "example.net"}) {
      const auto answer = ask(name);
      EXPECT_EQ(answer.status, Status::records) << answer.reason;
      EXPECT_EQ(answer.security(), Security::insecure);
    }
    EXPECT_EQ(told, std::vector<std::string>{"the keys of the zone . came without DNSSEC "
                                             "signatures: the name server removes them"});
  }
}

TEST_F(CheckedResolverTest, ValidatesWithoutAnAnswerOnlyByAnchorsThatWereGiven) {
  server.script().fail(".", RecordType::dnskey);
  open({});
  EXPECT_EQ(ask("example.org").status, Status::records);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_TRUE(told[0].starts_with("the keys of the zone . came ")) << told[0];
  told.clear();
  open(root_anchors());
  const auto answer = ask("example.org");
  EXPECT_TRUE(answer.status == Status::bogus || answer.status == Status::temporary_failure)
      << to_string(answer.status);
  EXPECT_TRUE(told.empty());
}

// An attacker may lose one answer.
TEST_F(CheckedResolverTest, ValidatesWithoutAnAnswerIfItDidBefore) {
  auto name = (std::filesystem::temp_directory_path() / "postroad-test-XXXXXX").string();
  ASSERT_NE(::mkdtemp(name.data()), nullptr);
  memory = std::filesystem::path(name) / "dnssec";
  std::ofstream(memory) << "validated\n";
  server.script().fail(".", RecordType::dnskey);
  open({});
  EXPECT_NE(ask("example.org").status, Status::records);
  EXPECT_TRUE(told.empty());
  EXPECT_TRUE(std::filesystem::exists(memory));
  server.script().records(".", RecordType::dnskey, {std::string("\1\1\3\x08key", 7)});
  open({});
  EXPECT_EQ(ask("example.org").status, Status::records);
  EXPECT_EQ(told.size(), 1U);
  EXPECT_FALSE(std::filesystem::exists(memory));
  std::filesystem::remove_all(name);
}

TEST_F(CheckedResolverTest, NamesTheZoneOfTheFirstAnchor) {
  open({"Example.ORG. 3600 IN DS 1 8 2 " + std::string(64, 'A'), root_anchors().front()});
  EXPECT_EQ(ask("example.net").status, Status::records);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_NE(told[0].find("Example.ORG."), std::string::npos) << told[0];
}

TEST_F(CheckedResolverTest, RefusesAWrongAnchor) {
  const auto opened = CheckedResolver::open(context.get_executor(),
                                            {.trust_anchors = {"example.org. IN DS what"}}, {});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().where, "trust anchor");
}

TEST_F(CheckedResolverTest, QueriesThatWaitForTheCheckEndWithTheResolver) {
  server.fall_silent();
  open({});
  std::optional<Result<Answer<Resolver::Address>>> answer;
  asio::co_spawn(context, resolver->a("example.org", std::chrono::steady_clock::now() + 20s),
                 [&](const std::exception_ptr&, auto found) {
                   answer = std::move(found);
                   context.stop();
                 });
  context.poll();
  resolver.reset();
  context.restart();
  context.run();
  ASSERT_TRUE(answer && *answer);
  EXPECT_EQ((*answer)->reason, "the resolver was closed");
}

}  // namespace
}  // namespace postroad::dns
