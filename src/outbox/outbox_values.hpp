// The values that the outbox reads from an envelope in its spool, and a call of the spool that a
// thread waits for.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <postroad/outbox.hpp>
#include <string>

#include "spool/spool.hpp"

namespace postroad::outbox {

Mailbox mailbox_of(const std::string& text);
/// With `retries_unknown`, more attempts follow an unknown outcome.
OutboxStatus status_of(spool::QueueId id, const spool::Envelope& envelope, bool retries_unknown);
/// Whether it can be read back from the envelope unchanged.
bool is_kept_as(const Mailbox& mailbox);

/// A call of the spool that ends by a callback, and the wait for it.
class Waiter final {
 public:
  spool::Done done() {
    return [this](const Result<void>& result) {
      const std::lock_guard lock(mutex_);
      result_ = result;
      bell_.notify_one();
    };
  }
  Result<void> wait() {
    std::unique_lock lock(mutex_);
    bell_.wait(lock, [this] { return result_.has_value(); });
    return *result_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable bell_;
  std::optional<Result<void>> result_;
};

}  // namespace postroad::outbox
