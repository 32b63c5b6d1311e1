// The state of the outbox: a spool, a dispatcher with one carrier, and the keys. The interface is
// in outbox.cpp.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <postroad/outbox.hpp>

#include "outbox/outbox_values.hpp"
#include "outbox/pool_carrier.hpp"
#include "queue/dispatcher.hpp"
#include "spool/spool.hpp"

namespace postroad {

struct Outbox::State final : queue::DispatcherObserver {
  State(OutboxOptions asked, std::unique_ptr<spool::Spool> opened);
  ~State() override;
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void attempted(spool::QueueId id, const spool::Envelope& envelope) override;
  void removed(spool::QueueId id, const spool::Envelope& envelope) override;

  /// The first invalid relay, with the reason.
  static std::optional<Error> invalid_relay(const OutboxOptions& options);
  [[nodiscard]] bool was_submitted(std::string_view id) const;
  Result<std::string> keep(const Envelope& envelope, MessageSource& source, std::string_view key);

  [[nodiscard]] OutboxStatus status_of(spool::QueueId id, const spool::Envelope& envelope) const {
    return outbox::status_of(id, envelope, retries_unknown);
  }

  OutboxOptions options;
  std::atomic<bool> retries_unknown;  // written under the mutex
  mutable std::mutex mutex;
  mutable std::condition_variable bell;  // rung when a message's state or a key changed
  // By key: the queue id, or an empty one while the message is being written.
  std::map<std::string, std::string, std::less<>> keys;
  std::unique_ptr<spool::Spool> spool;
  std::shared_ptr<const queue::Routes> routes;
  std::optional<queue::Dispatcher> dispatcher;
};

}  // namespace postroad
