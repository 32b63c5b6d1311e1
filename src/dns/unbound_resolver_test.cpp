// libunbound behind the resolver: its options, its bounds and its thread. Answers are in
// testing/contract_test.cpp; DNSSEC and a real name server in tests/interop/test_dns.py.
#include "dns/unbound_resolver.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "dns/testing/await.hpp"
#include "dns/testing/test_name_server.hpp"

namespace postroad::dns {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

Time soon() { return std::chrono::steady_clock::now() + 20s; }

class UnboundTest : public testing::Test {
 protected:
  std::unique_ptr<UnboundResolver> open() {
    UnboundOptions options;
    options.name_servers = {server_.address()};
    return UnboundResolver::open(context_.get_executor(), options).value();
  }

  asio::io_context context_{1};
  TestNameServer server_{context_};
};

TEST_F(UnboundTest, AWrongOptionIsNamed) {
  const auto error_of = [&](const UnboundOptions& options) {
    const auto opened = UnboundResolver::open(context_.get_executor(), options);
    return opened ? Error{} : opened.error();
  };
  UnboundOptions options;
  for (const auto* server : {"nowhere", "192.0.2.1:53", "192.0.2.1@0x35", ""}) {
    options.name_servers = {"192.0.2.1", server};
    EXPECT_EQ(error_of(options).fault, Fault::input) << server;
    EXPECT_EQ(error_of(options).where, "name server");
  }
  options = {};
  options.trust_anchors = {"example.org. IN DS what"};
  EXPECT_EQ(error_of(options).where, "trust anchor");
  options = {};
  options.trust_anchor_file = "/nonexistent/root.key";
  EXPECT_EQ(error_of(options).where, "trust anchor");
}

TEST_F(UnboundTest, MoreQueriesThanAreWorkedOnAtATimeAreAllAnswered) {
  constexpr std::size_t many = 3 * UnboundResolver::max_under_way;
  const auto resolver = open();
  std::size_t answered = 0;
  for (std::size_t i = 0; i < many; ++i) {
    const auto name = 'n' + std::to_string(i) + ".example.org";
    server_.script().records(name, RecordType::txt, {txt_data({name})});
    asio::co_spawn(context_, resolver->txt(name, soon()),
                   [&, name](std::exception_ptr, Result<Answer<std::string>> answer) {
                     ASSERT_TRUE(answer);
                     EXPECT_EQ(answer->records, std::vector<std::string>{name}) << answer->reason;
                     if (++answered == many) context_.stop();
                   });
  }
  context_.run();
  EXPECT_EQ(answered, many);
}

TEST_F(UnboundTest, TheLineIsBounded) {
  constexpr std::size_t room = UnboundResolver::max_under_way + UnboundResolver::max_waiting;
  server_.fall_silent();
  auto resolver = open();
  std::size_t ended = 0;
  std::vector<std::string> reasons;
  for (std::size_t i = 0; i <= room; ++i) {
    asio::co_spawn(context_, resolver->txt('n' + std::to_string(i) + ".example.org", soon() + 1h),
                   [&](std::exception_ptr, Result<Answer<std::string>> answer) {
                     if (++ended == 1) reasons.push_back(answer->reason);
                     if (ended == 1 || ended == room + 1) context_.stop();
                   });
  }
  context_.run();
  EXPECT_EQ(reasons, std::vector<std::string>{"too many DNS queries are under way"});
  resolver.reset();
  context_.restart();
  context_.run();
  EXPECT_EQ(ended, room + 1);
}

TEST_F(UnboundTest, AbandonedQueriesMakeRoomInTheLine) {
  server_.fall_silent();
  const auto resolver = open();
  const std::pair<std::string, std::size_t> rounds[] = {
      {"first", UnboundResolver::max_under_way + UnboundResolver::max_waiting},
      {"second", UnboundResolver::max_waiting}};
  for (const auto& [round, count] : rounds) {
    std::size_t ended = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const auto name = round + std::to_string(i) + ".example.org";
      asio::co_spawn(context_, resolver->txt(name, std::chrono::steady_clock::now() + 1s),
                     [&, many = count](std::exception_ptr, Result<Answer<std::string>> answer) {
                       EXPECT_EQ(answer->reason, "no answer before the deadline");
                       if (++ended == many) context_.stop();
                     });
    }
    context_.restart();
    context_.run();
  }
}

#ifdef __linux__
std::set<std::string> threads() {
  std::set<std::string> found;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task"))
    found.insert(task.path().string());
  return found;
}

std::string blocked_signals(const std::string& task) {
  std::ifstream file(task + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("SigBlk:")) return line.substr(line.find_first_not_of(" \t", 7));
  }
  return {};
}

TEST_F(UnboundTest, HasOneThreadThatTakesNoSignalAndEndsWithIt) {
  const auto before = threads();
  {
    const auto resolver = open();
    for (const auto* name : {"a.example.org", "b.example.org"})
      (void)await_result(context_, resolver->txt(name, soon()));
    auto during = threads();
    for (const auto& task : before) during.erase(task);
    ASSERT_EQ(during.size(), 1U);
    // All but SIGKILL and SIGSTOP, and the two that the C library keeps for itself.
    EXPECT_EQ(blocked_signals(*during.begin()), "fffffffe7ffbfeff");
  }
  // The system lists a thread a moment longer than the join of it takes.
  const auto limit = soon();
  while (threads() != before && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
  EXPECT_EQ(threads(), before);
}
#endif

}  // namespace
}  // namespace postroad::dns
