// See idle_connections.hpp.
#include "relay/mx/idle_connections.hpp"

#include <algorithm>

namespace postroad::relay::mx {

std::unique_ptr<client::Connection> IdleConnections::take(const std::string& key,
                                                          const std::vector<Address>& addresses,
                                                          Time now, Time& opened) {
  for (auto at = idle_.rbegin(); at != idle_.rend(); ++at) {
    if (at->key != key || is_over(*at, now)) continue;
    auto& connection = *at->lease.connection;
    const bool is_there = std::any_of(addresses.begin(), addresses.end(),
                                      [&](const Address& one) { return at->peer == one; });
    if (!is_there || !connection.is_open() || connection.has_pending_input()) continue;
    auto lease = std::move(at->lease);
    idle_.erase(std::next(at).base());
    opened = lease.opened;
    return std::move(lease.connection);
  }
  return nullptr;
}

void IdleConnections::give_back(const std::string& key, Lease lease, std::size_t most, Time now) {
  auto& connection = *lease.connection;
  if (!connection.is_open() || connection.messages() >= most || now - lease.opened >= limits_.age)
    return;
  const auto peer = connection.address();
  const auto is_same = [&](const Idle& one) { return one.peer == peer; };
  const auto same = std::count_if(idle_.begin(), idle_.end(), is_same);
  if (static_cast<std::size_t>(same) >= limits_.per_address)
    idle_.erase(std::find_if(idle_.begin(), idle_.end(), is_same));
  if (idle_.size() >= limits_.connections) idle_.pop_front();
  idle_.push_back({key, std::move(lease), now, peer});
  if (!is_sweeping_) sweep();
}

void IdleConnections::close(const std::string& key) {
  std::erase_if(idle_, [&](const Idle& one) { return one.key == key; });
}

// While there are idle connections it looks at them twice within their time.
void IdleConnections::sweep() {
  is_sweeping_ = false;
  if (idle_.empty()) return;
  sweeper_.expires_after(std::max(limits_.idle / 2, std::chrono::milliseconds(10)));
  sweeper_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    const auto now = std::chrono::steady_clock::now();
    std::erase_if(idle_, [&](const Idle& one) {
      return is_over(one, now) || one.lease.connection->has_pending_input();
    });
    sweep();
  });
  is_sweeping_ = true;
}

}  // namespace postroad::relay::mx
