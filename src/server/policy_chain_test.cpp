// One question on its way through a chain, where a session cannot show it.
#include "server/policy_chain.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <thread>

namespace postroad::server {
namespace {

namespace asio = boost::asio;

/// Keeps the Answer.
class Keeper final : public SessionPolicy {
 public:
  void connect(const SessionInfo&, Answer answer) override { kept.emplace(std::move(answer)); }
  std::optional<Answer> kept;
};

asio::awaitable<void> ask(const PolicyChain& chain) {
  Inquiry inquiry;
  const auto connect = [](SessionPolicy& policy, Answer answer) {
    policy.connect({}, std::move(answer));
  };
  asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::hours(1));
  if (!inquiry.go_on(chain, connect)) (void)co_await inquiry.wait(timer);
}

// The loop ends while a session waits: frame and timer are gone when the answer comes. A sanitizer
// sees what this would touch otherwise.
TEST(Inquiry, AnAnswerAfterItsFrameWasDestroyedTouchesNothing) {
  for (const bool by_another_thread : {false, true}) {
    const auto policy = std::make_shared<Keeper>();
    const PolicyChain chain{policy};
    {
      asio::io_context loop;
      asio::co_spawn(loop, ask(chain), asio::detached);
      loop.poll();
      ASSERT_TRUE(policy->kept);
    }
    const auto answer = [&] { (*policy->kept)({550, {5, 7, 1}, "late"}); };
    if (!by_another_thread) {
      answer();
    } else {
      std::thread(answer).join();
    }
  }
}

}  // namespace
}  // namespace postroad::server
