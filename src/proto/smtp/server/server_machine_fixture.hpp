// One session of the server machine for its unit tests: the clock and the answers are the test's.
#pragma once

#include <gtest/gtest.h>

#include "proto/smtp/server/server_machine.hpp"

namespace postroad::smtp {
namespace {

using proto::Action;
using proto::Time;
using proto::Wish;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// One session: a driver whose clock is `now` and whose policy allows everything.
struct SessionUnderTest {
  explicit SessionUnderTest(ServerOptions given = {})
      : options(std::move(given)), machine(options) {}

  // Grants everything until the machine wants bytes, or is done.
  Action settle() {
    for (;;) {
      const auto action = machine.next(now);
      switch (action.wish) {
        case Wish::send:
          EXPECT_LE(action.bytes.size(), options.limits.replies + 4096)
              << "more held back than the limit and one reply";
          largest = std::max(largest, action.bytes.size());
          said += action.bytes;
          secret_said = action.secret ? secret_said + std::string(action.bytes) : secret_said;
          machine.sent(action.bytes.size());
          break;
        case Wish::consult:
          consult();
          break;
        case Wish::start_tls:
          machine.tls_up({"TLSv1.3", "test", false});
          break;
        case Wish::receive:
        case Wish::done:
          return action;
      }
    }
  }

  void consult() {
    const auto& question = machine.question();
    if (const auto* body = std::get_if<AskBody>(&question)) kept += body->bytes.size();
    if (std::holds_alternative<AskHelo>(question)) machine.tell_time(wall);
    now += answer_takes;
    if (const auto* end = std::get_if<AskEnd>(&question); end != nullptr && end->why != nullptr)
      reason = end->why->one_line();
    if (std::holds_alternative<AskAuth>(question)) return machine.answered({235, {2, 7, 0}, "in"});
    machine.answered({});
  }

  Action feed(std::string bytes) {
    held = std::move(bytes);
    machine.received(held);
    return settle();
  }

  // Everything up to the 354.
  void begin_text() {
    settle();
    feed("HELO client.example\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nDATA\r\n");
    ASSERT_TRUE(said.ends_with("354 End data with <CR><LF>.<CR><LF>\r\n")) << said;
  }

  std::size_t count(std::string_view words) const {
    std::size_t found = 0;
    for (auto at = said.find(words); at != std::string::npos; at = said.find(words, at + 1))
      ++found;
    return found;
  }

  ServerOptions options;
  ServerMachine machine;
  Time now{std::chrono::hours(100)};
  std::string held;
  std::string said;
  std::string secret_said;
  std::chrono::sys_seconds wall{};  // of the listener, told with EHLO
  std::string reason;               // the reason why a message was not kept
  seconds answer_takes{0};
  std::size_t largest = 0;
  std::size_t kept = 0;
};

}  // namespace
}  // namespace postroad::smtp
