// The answer of a policy: given before the hook returns, or later from any thread. An answer costs
// no allocation in either case; the place where it is kept outlives the session and the policy.
#pragma once

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <mutex>
#include <optional>
#include <postroad/reply.hpp>
#include <string>
#include <utility>
#include <vector>

#include "server/recycled.hpp"

namespace postroad::server {

/// Additions of a policy to a message at its end.
struct Additions {
  /// Whole header fields, each ended by CRLF. They are put in front of the message as received; the
  /// fields of a later policy precede those of an earlier one.
  std::string header;
  /// Names and values that the store keeps with the envelope, apart from its own options. Names are
  /// free; each value is kept where two policies use one name.
  std::vector<std::pair<std::string, std::string>> options;
  [[nodiscard]] bool is_empty() const { return header.empty() && options.empty(); }
};

struct Verdict {
  Reply reply;
  Additions additions{};
  std::string reason{};
};

class PendingAnswer;

/// Gives the answer to one question. Move-only. Any thread, and the session may have ended before:
/// the answer is ignored then. An Answer that is destroyed before it was called answers 451.
class [[nodiscard]] Answer final {
 public:
  explicit Answer(PendingAnswer& pending);
  Answer(Answer&& other) noexcept : pending_(std::exchange(other.pending_, nullptr)) {}
  Answer& operator=(Answer&& other) noexcept;
  ~Answer();
  /// Code 0: no objection. 2yz: yes, in these words. 4yz, 5yz: refused; 421 also ends the session.
  /// Only `message` uses the additions. Only `auth` uses the reason: why the login cannot be
  /// checked now, for the log. A second call does nothing.
  void operator()(Reply reply = {}, Additions additions = {}, std::string reason = {});

 private:
  PendingAnswer* pending_;
};

/// Where an answer arrives. Made by the session that asks, which alone calls the public functions,
/// on its own thread.
class PendingAnswer final : public Recycled {
 public:
  struct Release {
    void operator()(PendingAnswer* pending) const noexcept { pending->release(); }
  };
  using Owner = std::unique_ptr<PendingAnswer, Release>;

  static Owner make() { return Owner(new PendingAnswer); }
  PendingAnswer(const PendingAnswer&) = delete;
  PendingAnswer& operator=(const PendingAnswer&) = delete;

  /// The answer if it has been given. Only once.
  std::optional<Verdict> take();
  /// From now on an answer cancels `timer`, on the timer's executor. False: the answer is in.
  bool wake(boost::asio::steady_timer& timer);
  /// The wait is over: what was answered, or nothing, and then an answer that comes is ignored.
  std::optional<Verdict> end_wait();

 private:
  friend class Answer;
  PendingAnswer() = default;
  ~PendingAnswer() = default;
  void add_reference() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept;
  void give(Verdict verdict);
  void cancel_timer();

  std::atomic<unsigned> references_ = 1;
  std::mutex mutex_;
  std::optional<Verdict> verdict_;
  boost::asio::steady_timer* timer_ = nullptr;  // that the session waits on
};

}  // namespace postroad::server
