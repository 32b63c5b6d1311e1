// When a policy is fetched, and which one rules: a scripted resolver, a scripted policy host, and a
// clock that the test moves.
#include "relay/tls/sts_policies.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fstream>

#include "dns/testing/await.hpp"
#include "dns/testing/scripted_resolver.hpp"

namespace postroad::relay::tls {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using dns::RecordType;
using namespace std::chrono_literals;

constexpr std::int64_t first_fetch = 1'800'000'000'000;
const std::string sts_domain = "example.org";

std::string enforced(const std::string& host) {
  return "version: STSv1\nmode: enforce\nmx: " + host + "\nmax_age: 1000\n";
}

class StsPoliciesTest : public testing::Test {
 protected:
  StsPoliciesTest() {
    auto name = (fs::temp_directory_path() / "postroad-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder for the test");
    folder = name;
    store = folder / "policies";
    start();
  }
  ~StsPoliciesTest() override {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }

  // Also a restart: only the store is left.
  void start(StsTimes times = {.pause = 1h}) {
    StsPolicies::Parts parts{StsStore(store), times, {}, [this] { return now; }, {}};
    parts.fetch = [this](std::string domain, dns::Time) { return fetch(std::move(domain)); };
    parts.tell = [this](const std::string& domain, const std::string& failure) {
      told.push_back(domain + ": " + failure);
    };
    policies.emplace(context.get_executor(), resolver, std::move(parts));
  }
  void publish(const std::string& id) {
    resolver.script().records("_mta-sts." + sts_domain, RecordType::txt,
                              {dns::txt_data({"v=STSv1; id=" + id + ";"})});
  }
  void publish_nothing() {
    resolver.script().records("_mta-sts." + sts_domain, RecordType::txt, {});
  }
  asio::awaitable<StsState> search() {
    return policies->find(sts_domain, std::chrono::steady_clock::now() + 20s);
  }
  StsState find() { return dns::await_result(context, search()); }
  // The host of the policy that rules; empty: none does.
  static std::string host_of(const StsState& state) {
    return state.kept ? state.kept->policy.mx.at(0) : std::string();
  }
  std::string found_host() { return host_of(find()); }
  void pass(std::chrono::milliseconds time) { now += time.count(); }

  void hold_fetches() {
    is_held_ = true;
    gate_.expires_at((dns::Time::max)());
  }
  void release_fetches() {
    is_held_ = false;
    gate_.expires_at((dns::Time::min)());
    run_all();
  }
  void run_all() {
    context.restart();
    context.run();
  }
  void run_ready() {
    context.restart();
    context.poll();
  }

  asio::io_context context{1};
  dns::ScriptedResolver resolver;
  fs::path folder;
  fs::path store;
  std::int64_t now = first_fetch;
  Result<std::string> answer = enforced("a.example");
  bool ends_at_once = false;
  std::vector<std::string> fetched;
  std::vector<std::string> told;
  std::optional<StsPolicies> policies;

 private:
  asio::awaitable<Result<std::string>> fetch(std::string domain) {
    fetched.push_back(std::move(domain));
    if (ends_at_once) co_return answer;
    if (is_held_)
      (void)co_await gate_.async_wait(asio::as_tuple(asio::use_awaitable));
    else
      co_await asio::post(asio::use_awaitable);
    co_return answer;
  }

  bool is_held_ = false;
  asio::steady_timer gate_{context};
};

TEST_F(StsPoliciesTest, ThePolicyIsFetchedForTheFirstMessage) {
  publish("1");
  const auto state = find();
  ASSERT_TRUE(state.kept);
  EXPECT_EQ(state.domain, sts_domain);
  EXPECT_EQ(state.kept->id, "1");
  EXPECT_EQ(state.kept->fetched, first_fetch);
  EXPECT_EQ(state.kept->until(), first_fetch + 1'000'000);
  EXPECT_EQ(host_of(state), "a.example");
  EXPECT_EQ(state.failure, "");
  EXPECT_EQ(fetched, std::vector{sts_domain});
  EXPECT_EQ(told, std::vector{sts_domain + ": "});
  EXPECT_EQ(policies->domains(), std::vector{sts_domain});
}

TEST_F(StsPoliciesTest, NothingIsFetchedWithoutAnId) {
  EXPECT_EQ(found_host(), "");
  publish("a-b");
  EXPECT_EQ(found_host(), "");
  resolver.script().fail("_mta-sts." + sts_domain, RecordType::txt);
  EXPECT_EQ(found_host(), "");
  EXPECT_TRUE(fetched.empty());
  EXPECT_EQ(resolver.count("_mta-sts." + sts_domain, RecordType::txt), 3U);
}

TEST_F(StsPoliciesTest, ThePolicyIsFetchedAgainForANewId) {
  publish("1");
  ASSERT_EQ(found_host(), "a.example");
  answer = enforced("b.example");
  EXPECT_EQ(found_host(), "a.example");
  EXPECT_EQ(fetched.size(), 1U);
  publish("2");
  EXPECT_EQ(found_host(), "b.example");
  EXPECT_EQ(fetched.size(), 2U);
  EXPECT_EQ(find().kept->id, "2");
}

TEST_F(StsPoliciesTest, APolicyThatIsHalfOverIsRefreshedInTheBackground) {
  publish("1");
  ASSERT_EQ(found_host(), "a.example");
  answer = enforced("b.example");
  hold_fetches();
  pass(499'999ms);
  EXPECT_EQ(found_host(), "a.example");
  EXPECT_EQ(fetched.size(), 1U);
  pass(1ms);
  EXPECT_EQ(found_host(), "a.example");
  EXPECT_EQ(found_host(), "a.example");
  EXPECT_EQ(fetched.size(), 2U);
  release_fetches();
  const auto state = find();
  EXPECT_EQ(host_of(state), "b.example");
  EXPECT_EQ(state.kept->fetched, first_fetch + 500'000);
  EXPECT_EQ(fetched.size(), 2U);
}

TEST_F(StsPoliciesTest, AFetchThatFailedIsNotRepeatedDuringThePause) {
  publish("1");
  answer = fail(Fault::closed, "https://mta-sts.example.org", "the connection was lost");
  const auto state = find();
  EXPECT_FALSE(state.kept);
  EXPECT_NE(state.failure.find("the connection was lost"), std::string::npos) << state.failure;
  answer = enforced("a.example");
  publish("2");
  EXPECT_EQ(found_host(), "");
  EXPECT_EQ(fetched.size(), 1U);
  EXPECT_EQ(told, std::vector{sts_domain + ": " + state.failure});
}

TEST_F(StsPoliciesTest, AFetchThatFailedIsRepeatedAfterThePause) {
  start({.pause = 0ms});
  publish("1");
  answer = std::string("<html>");
  EXPECT_EQ(found_host(), "");
  ASSERT_EQ(told.size(), 1U);
  EXPECT_NE(told[0].find("https://mta-sts.example.org: the policy is wrong: "), std::string::npos);
  answer = enforced("a.example");
  const auto state = find();
  EXPECT_EQ(host_of(state), "a.example");
  EXPECT_EQ(state.failure, "");
  EXPECT_EQ(fetched.size(), 2U);
}

TEST_F(StsPoliciesTest, TheOldPolicyRulesWhereANewOneCannotBeFetched) {
  publish("1");
  ASSERT_EQ(found_host(), "a.example");
  answer = fail(Fault::timeout, {}, "no answer in time");
  publish("2");
  const auto state = find();
  EXPECT_EQ(host_of(state), "a.example");
  EXPECT_NE(state.failure, "");
  EXPECT_EQ(found_host(), "a.example");
  EXPECT_EQ(fetched.size(), 2U);
  pass(1000s);
  EXPECT_EQ(found_host(), "") << "it is over";
}

TEST_F(StsPoliciesTest, ARefreshThatFailsChangesNothing) {
  publish("1");
  ASSERT_EQ(found_host(), "a.example");
  pass(600s);
  answer = fail(Fault::timeout, {}, "no answer in time");
  EXPECT_EQ(found_host(), "a.example");
  run_all();
  const auto state = find();
  EXPECT_EQ(host_of(state), "a.example");
  EXPECT_EQ(state.kept->fetched, first_fetch);
  EXPECT_NE(state.failure, "");
  EXPECT_EQ(fetched.size(), 2U);
}

TEST_F(StsPoliciesTest, APolicyRulesUntilItsEndThoughItsRecordIsGone) {
  publish("1");
  ASSERT_EQ(found_host(), "a.example");
  publish_nothing();
  answer = fail(Fault::connect, "the policy host", "no answer");
  pass(999'999ms);
  EXPECT_EQ(found_host(), "a.example");
  resolver.script().fail("_mta-sts." + sts_domain, RecordType::txt);
  EXPECT_EQ(found_host(), "a.example");
  pass(1ms);
  EXPECT_EQ(found_host(), "");
}

// An attacker may hide it.
TEST_F(StsPoliciesTest, APolicyIsRefreshedThoughItsRecordIsGone) {
  publish("1");
  ASSERT_EQ(found_host(), "a.example");
  publish_nothing();
  pass(499s);
  EXPECT_EQ(found_host(), "a.example");
  EXPECT_EQ(fetched.size(), 1U);
  pass(1s);
  EXPECT_EQ(found_host(), "a.example");
  run_all();
  EXPECT_EQ(fetched.size(), 2U);
  pass(999s);
  EXPECT_EQ(found_host(), "a.example");
}

TEST_F(StsPoliciesTest, IsOpenUntilItIsKnownWhetherThereIsAPolicy) {
  publish_nothing();
  EXPECT_FALSE(find().is_open);
  resolver.script().fail("_mta-sts." + sts_domain, RecordType::txt);
  EXPECT_TRUE(find().is_open);
  publish("1");
  answer = fail(Fault::connect, "the policy host", "no answer");
  EXPECT_TRUE(find().is_open);
}

TEST_F(StsPoliciesTest, AFileThatCannotBeReadIsNotNoPolicy) {
  publish_nothing();
  fs::create_directories(store / sts_domain);
  const auto state = find();
  EXPECT_TRUE(state.is_unreadable);
  EXPECT_NE(state.failure.find("cannot be read"), std::string::npos) << state.failure;
  fs::remove(store / sts_domain);
  EXPECT_FALSE(find().is_unreadable);
}

TEST_F(StsPoliciesTest, APolicyThatIsOverIsFetchedAndWaitedFor) {
  publish("1");
  ASSERT_EQ(found_host(), "a.example");
  pass(1000s);
  answer = enforced("b.example");
  EXPECT_EQ(found_host(), "b.example");
  EXPECT_EQ(fetched.size(), 2U);
}

TEST_F(StsPoliciesTest, MessagesShareOneFetch) {
  publish("1");
  hold_fetches();
  std::vector<std::string> hosts;
  for (int i = 0; i < 3; ++i)
    asio::co_spawn(context, search(), [&](const std::exception_ptr& error, const StsState& state) {
      EXPECT_FALSE(error);
      hosts.push_back(host_of(state));
    });
  run_ready();
  EXPECT_EQ(fetched.size(), 1U);
  EXPECT_TRUE(hosts.empty()) << "they wait";
  release_fetches();
  EXPECT_EQ(hosts, std::vector<std::string>(3, "a.example"));
  EXPECT_EQ(fetched.size(), 1U);
}

TEST_F(StsPoliciesTest, AFetchGoesOnWithoutTheMessageThatWantedIt) {
  publish("1");
  hold_fetches();
  asio::cancellation_signal signal;
  bool has_ended = false;
  asio::co_spawn(
      context, search(),
      asio::bind_cancellation_slot(
          signal.slot(), [&](const std::exception_ptr&, const StsState&) { has_ended = true; }));
  run_ready();
  signal.emit(asio::cancellation_type::terminal);
  run_ready();
  EXPECT_TRUE(has_ended);
  release_fetches();
  EXPECT_EQ(host_of(policies->known(sts_domain)), "a.example");
}

// As where the DNS answers about the policy host come from the cache, and it has no address.
TEST_F(StsPoliciesTest, AFetchMayEndBeforeItsMessageWaits) {
  publish("1");
  ends_at_once = true;
  EXPECT_EQ(found_host(), "a.example");
  answer = fail(Fault::resolve, {}, "no address that may be used");
  publish("2");
  EXPECT_EQ(found_host(), "a.example");
  EXPECT_EQ(fetched.size(), 2U);
}

TEST_F(StsPoliciesTest, PoliciesOutliveARestart) {
  publish("1");
  ASSERT_EQ(found_host(), "a.example");
  start();
  pass(400s);
  const auto state = find();
  EXPECT_EQ(host_of(state), "a.example");
  EXPECT_EQ(state.kept->fetched, first_fetch);
  EXPECT_EQ(fetched.size(), 1U);
  start();
  resolver.script().fail("_mta-sts." + sts_domain, RecordType::txt);
  EXPECT_EQ(found_host(), "a.example") << "without the DNS also";
}

TEST_F(StsPoliciesTest, APolicyThatCannotBeWrittenRulesUntilTheRestart) {
  std::ofstream(store) << "a file\n";
  publish("1");
  const auto state = find();
  EXPECT_EQ(host_of(state), "a.example");
  EXPECT_EQ(state.failure, "");
  ASSERT_EQ(told.size(), 1U);
  EXPECT_NE(told[0].find("cannot be written"), std::string::npos) << told[0];
  EXPECT_EQ(found_host(), "a.example");
  EXPECT_EQ(fetched.size(), 1U);
}

TEST_F(StsPoliciesTest, KnownAsksNobody) {
  EXPECT_FALSE(policies->known(sts_domain).kept);
  publish("1");
  ASSERT_EQ(found_host(), "a.example");
  const auto queries = resolver.queries().size();
  EXPECT_EQ(host_of(policies->known(sts_domain)), "a.example");
  pass(1000s);
  EXPECT_FALSE(policies->known(sts_domain).kept);
  EXPECT_EQ(resolver.queries().size(), queries);
  EXPECT_EQ(fetched.size(), 1U);
}

TEST_F(StsPoliciesTest, PurgeForgetsThePolicyAndTheFailure) {
  EXPECT_FALSE(policies->purge(sts_domain));
  publish("1");
  ASSERT_EQ(found_host(), "a.example");
  EXPECT_TRUE(policies->purge(sts_domain));
  EXPECT_FALSE(policies->purge(sts_domain));
  EXPECT_FALSE(policies->known(sts_domain).kept);
  EXPECT_TRUE(policies->domains().empty());
  answer = fail(Fault::timeout, {}, "no answer in time");
  EXPECT_NE(find().failure, "");
  EXPECT_TRUE(policies->purge(sts_domain));
  answer = enforced("b.example");
  EXPECT_EQ(found_host(), "b.example") << "there is no pause";
}

TEST_F(StsPoliciesTest, ModeNoneTakesThePlaceOfAPolicy) {
  publish("1");
  ASSERT_EQ(found_host(), "a.example");
  publish("2");
  answer = std::string("version: STSv1\nmode: none\nmax_age: 1000\n");
  const auto state = find();
  ASSERT_TRUE(state.kept);
  EXPECT_EQ(state.kept->policy.mode, StsPolicy::Mode::none);
  (void)find();
  EXPECT_EQ(fetched.size(), 2U);
}

}  // namespace
}  // namespace postroad::relay::tls
