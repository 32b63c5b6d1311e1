// What the outbox reads of an envelope in its spool, and a call of the spool's that is waited for.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <postroad/outbox.hpp>
#include <string>

#include "spool/spool.hpp"

namespace postroad::relay::outbox {

/// The envelope's option that holds the idempotency key.
inline constexpr std::string_view key_option = "KEY";

Mailbox mailbox_of(const std::string& text);
std::string key_of(const spool::Envelope& envelope);
OutboxStatus status_of(spool::QueueId id, const spool::Envelope& envelope);
/// What was asked for counts from the submission: the time that is left is less.
MailOptions options_now(const spool::Envelope& envelope);
/// Whether it can be read back from the envelope as it stands.
bool is_kept_as(const Mailbox& mailbox);
bool is_done(const spool::Envelope& envelope);

/// A spool's call that ends by a callback, waited for.
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

}  // namespace postroad::relay::outbox
