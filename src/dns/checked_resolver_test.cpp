// The check of the name servers, which here pass on no signatures. Those that do:
// tests/interop/test_dns.py.
#include "dns/checked_resolver.hpp"

#include <gtest/gtest.h>

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
    options.name_servers = {server_.address()};
    options.trust_anchors = std::move(anchors);
    resolver_ = CheckedResolver::open(context_.get_executor(), options, [this](const auto& why) {
                  told_.push_back(why);
                }).value();
    server_.script().records("example.org", RecordType::a, {address_data("192.0.2.1")});
    server_.script().records("example.net", RecordType::a, {address_data("192.0.2.2")});
  }
  Answer<Resolver::Address> ask(const std::string& name) {
    return await_result(context_, resolver_->a(name, std::chrono::steady_clock::now() + 20s))
        .value();
  }

  asio::io_context context_{1};
  TestNameServer server_{context_};
  std::vector<std::string> told_;
  std::unique_ptr<CheckedResolver> resolver_;
};

TEST_F(CheckedResolverTest, ValidatesNothingWhereSignaturesAreRemoved) {
  for (const auto& anchors : {std::vector<std::string>(), root_anchors()}) {
    told_.clear();
    server_.script().records(".", RecordType::dnskey, {std::string("\1\1\3\x08key", 7)});
    open(anchors);
    for (const auto* name : {"example.org", "example.net"}) {
      const auto answer = ask(name);
      EXPECT_EQ(answer.status, Status::records) << answer.reason;
      EXPECT_EQ(answer.security(), Security::insecure);
    }
    EXPECT_EQ(told_, std::vector<std::string>{"the keys of the zone . came without DNSSEC "
                                              "signatures: the name server removes them"});
  }
}

TEST_F(CheckedResolverTest, ValidatesWithoutAnAnswerOnlyByAnchorsThatWereGiven) {
  server_.script().fail(".", RecordType::dnskey);
  open({});
  EXPECT_EQ(ask("example.org").status, Status::records);
  ASSERT_EQ(told_.size(), 1U);
  EXPECT_TRUE(told_[0].starts_with("the keys of the zone . came ")) << told_[0];
  told_.clear();
  open(root_anchors());
  const auto answer = ask("example.org");
  EXPECT_TRUE(answer.status == Status::bogus || answer.status == Status::temporary_failure)
      << to_string(answer.status);
  EXPECT_TRUE(told_.empty());
}

TEST_F(CheckedResolverTest, NamesTheZoneOfTheFirstAnchor) {
  open({"Example.ORG. 3600 IN DS 1 8 2 " + std::string(64, 'A'), root_anchors().front()});
  EXPECT_EQ(ask("example.net").status, Status::records);
  ASSERT_EQ(told_.size(), 1U);
  EXPECT_NE(told_[0].find("Example.ORG."), std::string::npos) << told_[0];
}

TEST_F(CheckedResolverTest, RefusesAWrongAnchor) {
  const auto opened = CheckedResolver::open(context_.get_executor(),
                                            {.trust_anchors = {"example.org. IN DS what"}}, {});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().where, "trust anchor");
}

TEST_F(CheckedResolverTest, QueriesThatWaitForTheCheckEndWithTheResolver) {
  server_.fall_silent();
  open({});
  std::optional<Result<Answer<Resolver::Address>>> answer;
  asio::co_spawn(context_, resolver_->a("example.org", std::chrono::steady_clock::now() + 20s),
                 [&](const std::exception_ptr&, auto found) {
                   answer = std::move(found);
                   context_.stop();
                 });
  context_.poll();
  resolver_.reset();
  context_.restart();
  context_.run();
  ASSERT_TRUE(answer && *answer);
  EXPECT_EQ((*answer)->reason, "the resolver was closed");
}

}  // namespace
}  // namespace postroad::dns
