// The transports without a server; the test server and its certificates.
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <postroad/client.hpp>
#include <postroad/testing.hpp>
#include <postroad/transport.hpp>
#include <thread>

namespace postroad {
namespace {

using testing::Act;
using namespace std::chrono_literals;

Message mail(const std::string& to) {
  return Message{}.from("a@x.example").to(to).subject("hi").text("hello");
}

TEST(Sendmail, AnUnknownExitCodeIsAnUnknownOutcome) {
  const auto before = ::signal(SIGCHLD, SIG_IGN);
  SendmailTransport transport({"/bin/sh", "-c", "cat >/dev/null; exit 67", "sh"});
  const auto report = transport.send(mail("b@y.example"));
  ::signal(SIGCHLD, before);
  ASSERT_TRUE(report) << report.error();
  EXPECT_EQ(report->recipients[0].outcome, Outcome::unknown);
}

TEST(Memory, ItsAnswerMayReadTheMessagesSoFar) {
  static MemoryTransport transport;
  transport.answer = [](const Mailbox&) {
    return transport.sent().empty() ? Reply{} : Reply{452, {4, 2, 2}, "one is enough"};
  };
  std::promise<int> done;
  auto future = done.get_future();
  std::thread([done = std::move(done)]() mutable {
    (void)transport.send(mail("b@y.example"));
    (void)transport.send(mail("b@y.example"));
    done.set_value(1);
  }).detach();
  ASSERT_EQ(future.wait_for(5s), std::future_status::ready) << "it waits for itself";
  EXPECT_EQ(transport.sent().size(), 1U);
}

TEST(TlsFiles, AFileThatWasChangedIsReadAgain) {
  testing::Server one({.encryption = testing::Encryption::implicit});
  testing::Server two({.encryption = testing::Encryption::implicit});
  const auto file = one.ca_file() + ".copy";
  std::filesystem::copy_file(one.ca_file(), file);
  ClientOptions options;
  options.tls.ca_file = file;
  Client first(one.url(), options);
  ASSERT_TRUE(first.connect());
  std::filesystem::copy_file(two.ca_file(), file,
                             std::filesystem::copy_options::overwrite_existing);
  Client second(two.url(), options);
  const auto connected = second.connect();
  EXPECT_TRUE(connected) << connected.error();
}

TEST(TestServer, SeveralAreMadeAtOnce) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back(
        [] { testing::Server server({.encryption = testing::Encryption::implicit}); });
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace postroad
