// See relays.hpp.
#include "client/pool/relays.hpp"

#include <algorithm>

namespace postroad::client {

Time Pace::take(Time now) {
  if (count_ == 0) return now;
  while (!taken_.empty() && taken_.front() + per_ <= now) taken_.pop_front();
  const auto turn = taken_.size() < count_ ? now : taken_[taken_.size() - count_] + per_;
  taken_.push_back(turn);
  return turn;
}

RelayChooser::RelayChooser(std::size_t count, const PoolOptions& options)
    : options_(options), relays_(count) {}

std::optional<std::size_t> RelayChooser::choose(const std::vector<bool>& tried, Time now) {
  const auto count = relays_.size();
  for (std::size_t step = 0; step < count; ++step) {
    const auto at = options_.relay_order == RelayOrder::round_robin ? (turn_ + step) % count : step;
    if (tried[at] || relays_[at].pauses_until > now) continue;
    turn_ = (at + 1) % count;
    return at;
  }
  return std::nullopt;
}

std::optional<Time> RelayChooser::next_chance(const std::vector<bool>& tried) const {
  std::optional<Time> first;
  for (std::size_t i = 0; i < relays_.size(); ++i) {
    if (!tried[i] && (!first || relays_[i].pauses_until < *first)) first = relays_[i].pauses_until;
  }
  return first;
}

void RelayChooser::failed(std::size_t index, Time now) {
  auto& relay = relays_[index];
  // Several calls under way at the time of a failure count once.
  if (relay.pauses_until > now) return;
  const auto doublings = std::min<std::uint32_t>(relay.failures++, 20);
  relay.pauses_until =
      now + std::min<std::chrono::milliseconds>(
                options_.max_pause, options_.initial_pause * (std::int64_t{1} << doublings));
}

void RelayChooser::worked(std::size_t index) { relays_[index] = {}; }

bool is_relay_failure(const Error& error) {
  switch (error.fault) {
    case Fault::resolve:
    case Fault::connect:
    case Fault::timeout:
    case Fault::closed:
    case Fault::refused:
    case Fault::protocol:
    case Fault::tls:
    case Fault::auth:
      return true;
    case Fault::tls_required:
      return !lacks_extension(error);
    default:
      return false;
  }
}

bool lacks_extension(const Error& error) {
  return error.fault == Fault::unsupported || (error.fault == Fault::tls_required && error.usable);
}

bool is_relay_failure(const RecipientOutcome& outcome) {
  if (outcome.outcome != Outcome::deferred) return false;
  return outcome.reply.code == 421 ||
         (outcome.stage == Stage::mail && outcome.reply.is_temporary_failure());
}

}  // namespace postroad::client
