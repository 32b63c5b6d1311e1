// Sends messages of a queue over a pool; see pool_carrier.hpp.
#include "outbox/pool_carrier.hpp"

#include <algorithm>

namespace postroad::outbox {

namespace {

constexpr std::chrono::milliseconds quit_patience{2'000};

std::unique_ptr<Pool> make_pool(const PoolCarrierSettings& settings, bool any_certificate) {
  auto client = settings.client;
  if (any_certificate) client.tls.insecure_accept_any_certificate = true;
  if (!settings.login)
    return std::make_unique<Pool>(settings.urls, std::move(client), settings.pool);
  return std::make_unique<Pool>(settings.urls, *settings.login, std::move(client), settings.pool);
}

}  // namespace

PoolCarrier::PoolCarrier(spool::Spool& spool, PoolCarrierSettings settings)
    : settings_(std::move(settings)), calls_(spool), pool_(make_pool(settings_, false)) {}

PoolCarrier::~PoolCarrier() { stop(std::chrono::steady_clock::now()); }

// At most as many as the pool has connections: the others wait in the site's line, in order.
std::size_t PoolCarrier::limit() const {
  const auto relays =
      settings_.pool.relay_order == RelayOrder::round_robin ? settings_.urls.size() : 1;
  return std::max<std::size_t>(settings_.pool.connections * relays, 1);
}

// Credentials are never sent to a server whose certificate is invalid, whatever the message says.
Pool& PoolCarrier::pool_for(const queue::Part& part) {
  if (!part.handling.tls_optional || settings_.login) return *pool_;
  const std::lock_guard lock(mutex_);
  if (!any_certificate_pool_) any_certificate_pool_ = make_pool(settings_, true);
  return *any_certificate_pool_;
}

void PoolCarrier::carry(const queue::Part& part, Done done) {
  auto& pool = pool_for(part);
  calls_.begin(part, std::move(done), [&](const auto& call) { start(call, pool); });
}

void PoolCarrier::start(const std::shared_ptr<Call>& call, Pool& pool) {
  const auto ticket = pool.start_send(
      envelope_of(call->part, settings_.passes_holds_on), call->source,
      [this, call, &pool](const Result<SendReport>& result) { ended(call, pool, result); });
  call->cancel = [&pool, ticket] { pool.cancel(ticket); };
}

// On the pool's thread.
void PoolCarrier::ended(const std::shared_ptr<Call>& call, Pool& pool,
                        const Result<SendReport>& result) {
  if (call->can_hide_8bit(result))
    return calls_.begin_again(call, [&](const auto& again) { start(again, pool); });
  calls_.end(call, ended_by(result, call->part.recipients.size()));
}

void PoolCarrier::begin_stop() { calls_.begin_stop(); }

void PoolCarrier::stop(std::chrono::steady_clock::time_point until) {
  calls_.stop(until);
  for (auto* pool : {pool_.get(), any_certificate_pool_.get()}) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    if (pool != nullptr && left.count() > 0) pool->close(std::min(left, quit_patience));
  }
}

}  // namespace postroad::outbox
