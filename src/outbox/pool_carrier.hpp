// The carrier over a pool of connections: a smarthost, or an outbox's relays. One coroutine per
// message on the pool's own thread.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <postroad/pool.hpp>
#include <string>
#include <vector>

#include "queue/carrier.hpp"
#include "queue/spool_source.hpp"
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
  struct Call {
    Call(spool::Spool& spool, const queue::Part& part_) : part(part_), source(spool, part_) {}
    const queue::Part& part;
    queue::SpoolSource source;
    Pool* pool = nullptr;
    Pool::Ticket ticket = 0;
    Done done;
  };
  Pool& pool_for(const queue::Part& part);
  static void cancel(Call& call) noexcept;
  void begin(const std::shared_ptr<Call>& call);
  void ended(const std::shared_ptr<Call>& call, const Result<SendReport>& result);

  spool::Spool& spool_;
  PoolCarrierSettings settings_;
  std::mutex mutex_;
  std::condition_variable bell_;
  std::map<const Call*, std::shared_ptr<Call>> calls_;
  bool is_stopping_ = false;
  bool is_cut_ = false;  // those too whose final dot was sent
  // They end first: what they call back touches all of the above.
  std::unique_ptr<Pool> pool_;
  /// For messages with TLS-Required: No (RFC 8689 section 5); made when one comes.
  std::unique_ptr<Pool> any_certificate_pool_;
};

}  // namespace postroad::outbox
