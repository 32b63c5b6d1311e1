// The carrier over a pool of connections: a smarthost, or an outbox's relays. One coroutine per
// message on the pool's own thread.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <postroad/pool.hpp>
#include <string>
#include <vector>

#include "outbox/attempts.hpp"
#include "queue/carrier.hpp"
#include "spool/spool.hpp"

namespace postroad::outbox {

struct PoolCarrierSettings {
  std::vector<std::string> urls;
  std::optional<Login> login;
  ClientOptions client;
  PoolOptions pool;
  /// The relay is asked to hold the message (FUTURERELEASE) for the time that is left. Otherwise
  /// the queue has held it already.
  bool passes_holds_on = false;
};

class PoolCarrier final : public queue::Carrier {
 public:
  /// The spool outlives it.
  PoolCarrier(spool::Spool& spool, PoolCarrierSettings settings);
  ~PoolCarrier() override;
  [[nodiscard]] std::size_t limit() const override;
  void carry(const queue::Part& part, Done done) override;
  void begin_stop() override;
  void stop(std::chrono::steady_clock::time_point until) override;

 private:
  Pool& pool_for(const queue::Part& part);
  void start(const std::shared_ptr<Call>& call, Pool& pool);
  void ended(const std::shared_ptr<Call>& call, Pool& pool, const Result<SendReport>& result);

  PoolCarrierSettings settings_;
  Calls calls_;
  std::mutex mutex_;
  // They end first: what they call back touches all of the above.
  std::unique_ptr<Pool> pool_;
  /// For messages with TLS-Required: No (RFC 8689 section 5); made when one comes. Guarded by
  /// mutex_ until the stop.
  std::unique_ptr<Pool> any_certificate_pool_;
};

}  // namespace postroad::outbox
