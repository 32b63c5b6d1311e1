// The outbox on a real disk with a real server: a submitted message survives a crash, is sent once,
// and its outcome is reported.
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <map>
#include <thread>

#include "outbox_fixture.hpp"

namespace postroad {
namespace {

TEST_F(OutboxTest, SendsAndTellsWhatBecameOfEach) {
  testing::Server server;
  server.at(Stage::rcpt, "bad@y.example").refuse({550, {5, 1, 1}, "no such user"});
  std::atomic<int> told = 0;
  auto made = options(server.url());
  made.on_outcome = [&](const OutboxStatus&) { ++told; };
  const auto outbox = open(std::move(made));
  const auto id = outbox->submit(mail("b@y.example, bad@y.example"));
  ASSERT_TRUE(id) << id.error();
  ASSERT_TRUE(outbox->wait(*id, patience));
  const auto status = outbox->status(*id);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->recipients[0].outcome, Outcome::accepted);
  EXPECT_EQ(status->recipients[1].outcome, Outcome::refused);
  EXPECT_EQ(status->recipients[1].note, "550 5.1.1 no such user");
  EXPECT_EQ(told, 1);
  EXPECT_EQ(server.received().size(), 1U);
}

TEST_F(OutboxTest, TriesAgainUntilItIsTaken) {
  testing::Server server;
  std::atomic<int> times = 0;
  server.decide_by([&](Stage stage, std::string_view, std::uint64_t) -> testing::Act {
    if (stage == Stage::rcpt && ++times <= 3)
      return {testing::Act::Kind::answer, {450, {4, 2, 0}, "greylisted"}};
    return {};
  });
  const auto outbox = open(options(server.url()));
  const auto id = outbox->submit(mail("b@y.example"));
  ASSERT_TRUE(id && outbox->wait(*id, patience));
  EXPECT_EQ(outbox->status(*id)->recipients[0].attempts, 4U);
  EXPECT_EQ(server.received().size(), 1U);
}

TEST_F(OutboxTest, GivesUpInTheEndAndSaysWhy) {
  auto made = options("smtp://127.0.0.1:1");
  made.give_up_after = 150ms;
  const auto outbox = open(std::move(made));
  const auto id = outbox->submit(mail("b@y.example"));
  ASSERT_TRUE(id && outbox->wait(*id, patience));
  const auto one = outbox->status(*id)->recipients[0];
  EXPECT_EQ(one.outcome, Outcome::refused);
  EXPECT_TRUE(one.note.starts_with("given up: ")) << one.note;
}

// The time counts from the decision: a message that took long must not free its key at once.
TEST_F(OutboxTest, WhatIsDoneIsRememberedFromItsEndOn) {
  auto made = options("smtp://127.0.0.1:1");
  made.give_up_after = 400ms;
  made.remember = 300ms;
  const auto outbox = open(std::move(made));
  const auto id = outbox->submit(mail("b@y.example"), "order-1");
  ASSERT_TRUE(id && outbox->wait(*id, patience));
  EXPECT_TRUE(outbox->status(*id));
  EXPECT_TRUE(outbox->find("order-1"));
}

TEST_F(OutboxTest, AKeyIsFreeAgainWhenItsSourceThrows) {
  struct Throwing final : MessageSource {
    Result<std::string_view> next() override { throw std::runtime_error("no data"); }
  };
  const auto outbox = open(options("smtp://127.0.0.1:1"));
  Throwing source;
  const Envelope envelope{Mailbox{"a", "x.example"}, {Mailbox{"b", "y.example"}}, {}, {}};
  EXPECT_THROW((void)outbox->submit(envelope, source, "order-2"), std::runtime_error);
  EXPECT_TRUE(outbox->submit(mail("b@y.example"), "order-2"));
}

TEST_F(OutboxTest, OneKeyIsSentOnceAcrossThreadsAndRestarts) {
  testing::Server server;
  std::map<std::string, int> ids;
  {
    const auto outbox = open(options(server.url()));
    std::mutex mutex;
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&] {
        const auto id = outbox->submit(mail("b@y.example"), "order-4711");
        const std::lock_guard lock(mutex);
        ++ids[id ? *id : id.error().text()];
      });
    }
    for (auto& thread : threads) thread.join();
    ASSERT_EQ(ids.size(), 1U);
    ASSERT_TRUE(outbox->wait(ids.begin()->first, patience));
  }
  const auto again = open(options(server.url()));
  EXPECT_EQ(*again->submit(mail("b@y.example"), "order-4711"), ids.begin()->first);
  EXPECT_EQ(again->find("order-4711")->id, ids.begin()->first);
  EXPECT_FALSE(again->find("order-4712"));
  EXPECT_EQ(server.received().size(), 1U);
}

TEST_F(OutboxTest, WhatIsNotSentGoesOnAfterARestart) {
  std::string id;
  {
    const auto outbox = open(options("smtp://127.0.0.1:1"));
    id = outbox->submit(mail("b@y.example")).value();
  }
  testing::Server server;
  const auto outbox = open(options(server.url()));
  EXPECT_TRUE(outbox->wait(id, patience));
  EXPECT_EQ(server.received().size(), 1U);
}

TEST_F(OutboxTest, AnUnknownOutcomeIsTriedAgain) {
  testing::Server server;
  std::atomic<int> dots = 0;
  server.decide_by([&](Stage stage, std::string_view, std::uint64_t) -> testing::Act {
    if (stage == Stage::end_of_data && ++dots == 1) return {testing::Act::Kind::keep_and_cut, {}};
    return {};
  });
  const auto outbox = open(options(server.url()));
  const auto id = outbox->submit(mail("b@y.example"));
  ASSERT_TRUE(id && outbox->wait(*id, patience));
  EXPECT_EQ(outbox->status(*id)->recipients[0].outcome, Outcome::accepted);
  EXPECT_EQ(server.received().size(), 2U);
}

TEST_F(OutboxTest, AnUnknownOutcomeIsNotTriedAgainWhereThatIsAskedFor) {
  testing::Server server;
  server.at(Stage::end_of_data).keep_and_cut();
  auto made = options(server.url());
  made.retry_unknown = false;
  const auto outbox = open(std::move(made));
  const auto id = outbox->submit(mail("b@y.example"));
  ASSERT_TRUE(id && outbox->wait(*id, patience));
  EXPECT_EQ(outbox->status(*id)->recipients[0].outcome, Outcome::unknown);
  EXPECT_EQ(server.received().size(), 1U);
}

TEST_F(OutboxTest, WhatIsForgottenAtOnceIsDone) {
  testing::Server server;
  auto made = options(server.url());
  made.remember = 0ms;
  const auto outbox = open(std::move(made));
  const auto id = outbox->submit(mail("b@y.example"));
  ASSERT_TRUE(id);
  EXPECT_TRUE(outbox->wait(*id, patience));
  EXPECT_TRUE(outbox->wait(*id, 0ms));
  EXPECT_FALSE(outbox->wait("0", 0ms));
  EXPECT_FALSE(outbox->wait("FZZZZZZZZZZZZ", 0ms)) << "never assigned";
}

TEST_F(OutboxTest, WhatIsDoneIsForgottenInTime) {
  testing::Server server;
  auto made = options(server.url());
  made.remember = 1ms;
  const auto outbox = open(std::move(made));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(outbox->submit(mail("b@y.example"), std::to_string(i)));
  ASSERT_TRUE(server.wait_for(5, patience));
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!outbox->list().empty() && std::chrono::steady_clock::now() < until)
    std::this_thread::yield();
  EXPECT_TRUE(outbox->list().empty());
  EXPECT_FALSE(outbox->find("3"));
}

TEST_F(OutboxTest, WrongInputIsASentence) {
  EXPECT_FALSE(Outbox::open({}));
  EXPECT_FALSE(Outbox::open({.folder = folder_ + "/x"}));
  testing::Server server;
  const auto outbox = open(options(server.url()));
  EXPECT_FALSE(outbox->submit(Message{}.from("a@x.example").text("nobody")));
  EXPECT_FALSE(outbox->status("nonsense!"));
  EXPECT_FALSE(outbox->status("0"));
  const auto second = Outbox::open(options(server.url()));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().fault, Fault::busy);
}

TEST_F(OutboxTest, AnAddressThatIsNoneIsRefusedAndNobodyElseGetsTheMail) {
  testing::Server server;
  const auto outbox = open(options(server.url()));
  const auto message = mail("b@y.example");
  const auto source = message.source();
  for (const auto& wrong : {Mailbox{"bob", {}}, Mailbox{"a b\r\nc", "y.example"}}) {
    const auto id = outbox->submit(Envelope{Mailbox{"a", "x.example"}, {wrong}, {}, {}}, **source);
    ASSERT_FALSE(id);
    EXPECT_EQ(id.error().fault, Fault::input);
    const auto from =
        outbox->submit(Envelope{wrong, {Mailbox{"b", "y.example"}}, {}, {}}, **source);
    ASSERT_FALSE(from);
    EXPECT_EQ(from.error().fault, Fault::input);
  }
}

TEST_F(OutboxTest, AWrongRelayIsSaidAtOnceAndCostsNoMail) {
  std::string id;
  {
    const auto outbox = open(options("smtp://127.0.0.1:1"));
    id = outbox->submit(mail("b@y.example")).value();
  }
  const auto wrong = Outbox::open(options("smtp://no host"));
  EXPECT_FALSE(wrong);
  if (wrong) {
    (*wrong)->wait(id, 200ms);
    EXPECT_FALSE((*wrong)->status(id)->is_done()) << (*wrong)->status(id)->recipients[0].note;
  }
}

TEST_F(OutboxTest, AMailThatTheProgramStoppedIsTriedAgain) {
  testing::Server server;
  auto made = options(server.url());
  std::atomic<int> times = 0;
  made.client.progress = [&](std::uint64_t, std::optional<std::uint64_t>) { return ++times > 1; };
  const auto outbox = open(std::move(made));
  const auto id = outbox->submit(mail("b@y.example"));
  ASSERT_TRUE(id && outbox->wait(*id, 3s));
  EXPECT_EQ(server.received().size(), 1U);
}

TEST_F(OutboxTest, FlushingAllTheTimeSendsNothingTwice) {
  testing::Server server;
  std::map<std::string, int> asked;
  server.decide_by([&](Stage stage, std::string_view to, std::uint64_t) -> testing::Act {
    if (stage == Stage::rcpt && ++asked[std::string(to)] <= 1)
      return {testing::Act::Kind::answer, {450, {4, 2, 0}, "greylisted"}};
    return {};
  });
  const auto outbox = open(options(server.url()));
  std::atomic<bool> over = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      while (!over) outbox->flush();
    });
  }
  std::vector<std::string> ids;
  for (int i = 0; i < 300; ++i)
    ids.push_back(outbox->submit(mail("r" + std::to_string(i) + "@y.example")).value());
  for (const auto& id : ids) EXPECT_TRUE(outbox->wait(id, patience));
  over = true;
  for (auto& thread : threads) thread.join();
  for (const auto& id : ids) EXPECT_TRUE(outbox->wait(id, patience));
  EXPECT_FALSE(server.wait_for(ids.size() + 1, 200ms)) << "a second copy";
  EXPECT_EQ(server.received().size(), ids.size());
}

TEST_F(OutboxTest, AKeyThatIsForgottenIsFree) {
  testing::Server server;
  auto made = options(server.url());
  made.remember = 0ms;
  const auto outbox = open(std::move(made));
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 40; ++i)
        EXPECT_TRUE(outbox->submit(mail("b@y.example"), std::to_string(1000 * t + i)));
    });
  }
  for (auto& thread : threads) thread.join();
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!outbox->list().empty() && std::chrono::steady_clock::now() < until)
    std::this_thread::yield();
  for (int t = 0; t < 8; ++t) {
    for (int i = 0; i < 40; ++i) {
      const auto id = outbox->submit(mail("b@y.example"), std::to_string(1000 * t + i));
      ASSERT_TRUE(id);
    }
  }
  EXPECT_TRUE(server.wait_for(640, 5s)) << server.received().size();
}

// The disk refuses writes while a message is sent; its outcome is not forgotten.
TEST_F(OutboxTest, AnOutcomeThatTheDiskRefusedIsKeptAllTheSame) {
  testing::Server server;
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  server.decide_by([&](Stage stage, std::string_view, std::uint64_t) -> testing::Act {
    rlimit none{0, before.rlim_max};
    if (stage == Stage::end_of_data) ::setrlimit(RLIMIT_FSIZE, &none);
    return {};
  });
  auto made = options(server.url());
  made.remember = 1500ms;
  std::promise<void> told;
  made.on_outcome = [&](const OutboxStatus&) { told.set_value(); };
  const auto outbox = open(std::move(made));
  const auto id = outbox->submit(mail("b@y.example"));
  ASSERT_TRUE(id) << id.error();
  EXPECT_TRUE(server.wait_for(1, patience));
  EXPECT_EQ(told.get_future().wait_for(patience), std::future_status::ready);
  ::setrlimit(RLIMIT_FSIZE, &before);
  server.decide_by({});
  EXPECT_TRUE(outbox->wait(*id, patience));
  const auto status = outbox->status(*id);
  ASSERT_TRUE(status) << status.error();
  EXPECT_TRUE(status->is_done()) << status->recipients[0].note;
  EXPECT_FALSE(server.wait_for(2, 2s)) << "a second copy";
}

TEST_F(OutboxTest, AGreatMessageIsNotHeldInMemory) {
  struct Great final : MessageSource {
    std::string chunk = std::string(65534, 'x') + "\r\n";
    int left = 8000;  // 500 MiB
    Result<std::string_view> next() override {
      return left-- > 0 ? std::string_view(chunk) : std::string_view();
    }
  };
  const auto outbox = open(options("smtp://127.0.0.1:1"));
  rusage before{};
  ::getrusage(RUSAGE_SELF, &before);
  Great source;
  const auto id = outbox->submit(
      Envelope{Mailbox{"a", "x.example"}, {Mailbox{"b", "y.example"}}, {}, {}}, source);
  ASSERT_TRUE(id) << id.error();
  rusage after{};
  ::getrusage(RUSAGE_SELF, &after);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 100'000) << "KiB";
}

TEST_F(OutboxTest, TimesThatWereAskedForCountFromTheSubmission) {
  testing::Server server({.extensions = {"DELIVERBY", "FUTURERELEASE"}});
  std::atomic<int> times = 0;
  server.decide_by([&](Stage stage, std::string_view, std::uint64_t) -> testing::Act {
    if (stage == Stage::rcpt && ++times == 1)
      return {testing::Act::Kind::answer, {450, {4, 2, 0}, "greylisted"}};
    return {};
  });
  auto made = options(server.url());
  made.initial_retry_delay = made.max_retry_delay = 2500ms;
  const auto outbox = open(std::move(made));
  const auto message = mail("b@y.example");
  Envelope envelope{Mailbox{"a", "x.example"}, {Mailbox{"b", "y.example"}}, {}, {}};
  envelope.options.deliver_by = DeliverBy{100s, DeliverBy::Else::notify, false};
  envelope.options.hold_for = 50s;
  const auto source = message.source();
  const auto id = outbox->submit(envelope, **source);
  ASSERT_TRUE(id && outbox->wait(*id, patience));
  ASSERT_EQ(server.received().size(), 1U);
  const auto got = server.received()[0].envelope.options;
  ASSERT_TRUE(got.deliver_by);
  EXPECT_LE(got.deliver_by->within, 98s);
  EXPECT_LE(got.hold_for, 48s);
}

TEST_F(OutboxTest, GoesAtOnceThoughAnOldCallStalls) {
  testing::Server server;
  std::atomic<int> messages = 0;
  server.decide_by([&](Stage stage, std::string_view, std::uint64_t) -> testing::Act {
    if (stage == Stage::end_of_data && ++messages == 1) return {testing::Act::Kind::stall, {}};
    return {};
  });
  auto outbox = open(options(server.url()));
  for (int i = 0; i < 1100; ++i) ASSERT_TRUE(outbox->submit(mail("b@y.example")));
  ASSERT_TRUE(server.wait_for(1099, 60s));
  auto gone = std::async(std::launch::async, [&] { outbox.reset(); });
  EXPECT_EQ(gone.wait_for(5s), std::future_status::ready) << "it waits for the one that stalls";
  server.decide_by([](Stage, std::string_view, std::uint64_t) -> testing::Act { return {}; });
}

// A child process submits and is killed at any moment; each id that it received is there
// afterwards.
TEST_F(OutboxTest, NothingThatWasSubmittedIsLostByAKill) {
  for (int round = 0; round < 5; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const auto child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto outbox = Outbox::open(options("smtp://127.0.0.1:1"));
      if (!outbox) ::_exit(1);
      for (;;) {
        const auto id = (*outbox)->submit(mail("b@y.example"));
        if (!id) ::_exit(1);
        const auto line = *id + '\n';
        if (::write(ends[1], line.data(), line.size()) < 0) ::_exit(0);
      }
    }
    ::close(ends[1]);
    std::string told;
    char buffer[256];
    while (std::count(told.begin(), told.end(), '\n') < 20 + 7 * round) {
      const auto n = ::read(ends[0], buffer, sizeof buffer);
      if (n <= 0) break;
      told.append(buffer, static_cast<std::size_t>(n));
    }
    ::kill(child, SIGKILL);
    for (ssize_t n = 0; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;)
      told.append(buffer, static_cast<std::size_t>(n));
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    const auto outbox = open(options("smtp://127.0.0.1:1"));
    std::size_t begin = 0;
    int count = 0;
    for (auto end = told.find('\n'); end != std::string::npos; end = told.find('\n', begin)) {
      EXPECT_TRUE(outbox->status(told.substr(begin, end - begin)))
          << told.substr(begin, end - begin);
      begin = end + 1;
      ++count;
    }
    EXPECT_GE(count, 20);
  }
}

}  // namespace
}  // namespace postroad
