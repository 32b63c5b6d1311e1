// Token buckets, each kept as one point in time: when it will be full again. See guard.hpp.
#include "server/guard.hpp"

#include <algorithm>
#include <utility>

namespace postroad::server {

namespace {

using Time = Guard::Time;

std::chrono::nanoseconds cost(const Rate& rate, std::uint64_t n) {
  const auto each = std::chrono::duration<double, std::nano>(rate.per) /
                    static_cast<double>(std::max<std::uint64_t>(rate.count, 1));
  // A charge of any size expires within ten periods: no client is refused for ever.
  const auto whole = std::min(each * static_cast<double>(n),
                              std::chrono::duration<double, std::nano>(rate.per) * 10.0);
  return std::chrono::duration_cast<std::chrono::nanoseconds>(whole);
}

bool has_one(const Rate& rate, Time full_at, Time now) {
  return rate.count == 0 || std::max(full_at, now) + cost(rate, 1) <= now + rate.per;
}

void spend(const Rate& rate, Time& full_at, std::uint64_t n, Time now) {
  if (rate.count == 0) return;
  full_at = std::min(std::max(full_at, now) + cost(rate, n), now + 10 * rate.per);
}

// IPv4 as it is, IPv6 by its first 64 bits; an IPv4 address mapped into IPv6 counts as IPv4. The
// first bits of IPv6 in use are never 0, so the two do not meet.
std::uint64_t key_of(boost::asio::ip::address address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    address = boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6());
  if (address.is_v4()) return address.to_v4().to_uint();
  std::uint64_t key = 0;
  const auto bytes = address.to_v6().to_bytes();
  for (std::size_t i = 0; i < 8; ++i) key = key << 8 | bytes[i];
  return key;
}

void give_back(const Rate& rate, Time& full_at) {
  if (rate.count != 0) full_at -= cost(rate, 1);
}

// Makes room in a full table: continues where it stopped the last time and removes the accounts
// whose buckets are full; if there is none, the one whose buckets are full again soonest. An
// account with a session stays, so that the table may hold as many more as there are sessions.
template <class Table>
void make_room(Table& table, std::size_t& seen, Time now) {
  constexpr std::size_t looks = 256;
  const typename Table::value_type* least = nullptr;
  std::vector<typename Table::key_type> idle;
  const auto buckets = table.bucket_count();
  for (std::size_t i = 0; i < buckets && (i < looks || (idle.empty() && least == nullptr)); ++i) {
    seen = (seen + 1) % buckets;
    for (auto at = table.begin(seen); at != table.end(seen); ++at) {
      if (at->second.sessions > 0) continue;
      if (at->second.is_idle(now)) idle.push_back(at->first);
      if (least == nullptr || at->second.in_debt_until() < least->second.in_debt_until())
        least = &*at;
    }
  }
  if (idle.empty() && least != nullptr) idle.push_back(least->first);
  for (const auto& key : idle) table.erase(key);
}

}  // namespace

bool Guard::Account::is_idle(Time now) const {
  return sessions == 0 &&
         std::all_of(full_at.begin(), full_at.end(), [&](Time full) { return full <= now; });
}

Time Guard::Account::in_debt_until() const {
  return *std::max_element(full_at.begin(), full_at.end());
}

void Guard::configure(GuardSettings settings) {
  const std::lock_guard lock(mutex_);
  settings_ = std::move(settings);
}

// Under the lock, like everything that reads or changes an account.
bool Guard::has(const Account* client, const Account* login, Counted what, Time now) const {
  const auto i = static_cast<std::size_t>(what);
  return (client == nullptr || has_one(settings_.client[i], client->full_at[i], now)) &&
         (login == nullptr || has_one(settings_.login[i], login->full_at[i], now));
}

void Guard::charge(Account* client, Account* login, Counted what, std::uint64_t n, Time now) const {
  const auto i = static_cast<std::size_t>(what);
  if (client != nullptr) spend(settings_.client[i], client->full_at[i], n, now);
  if (login != nullptr) spend(settings_.login[i], login->full_at[i], n, now);
}

Guard::Account& Guard::account_of_client(std::uint64_t key, Time now) {
  if (const auto found = clients_.find(key); found != clients_.end()) return found->second;
  if (clients_.size() >= settings_.most_accounts) make_room(clients_, clients_seen_, now);
  return clients_[key];
}

Guard::Account& Guard::account_of_name(std::string_view login, Time now) {
  const std::string name(login.substr(0, 255));
  if (const auto found = logins_.find(name); found != logins_.end()) return found->second;
  if (logins_.size() >= settings_.most_accounts) make_room(logins_, logins_seen_, now);
  return logins_[name];
}

std::size_t Guard::accounts() {
  const std::lock_guard lock(mutex_);
  return clients_.size() + logins_.size();
}

Guard::Visit Guard::enter(const boost::asio::ip::address& client, Time now, bool is_counted) {
  const std::lock_guard lock(mutex_);
  const auto text = client.to_string();
  const bool exempt =
      !is_counted || std::any_of(settings_.exempt.begin(), settings_.exempt.end(),
                                 [&](const auto& network) { return network.contains(text); });
  const auto key = key_of(client);
  if (exempt) return {*this, nullptr, key};
  auto& account = account_of_client(key, now);
  ++account.sessions;
  return {*this, &account, key};
}

Guard::Visit::~Visit() {
  if (client_ == nullptr && login_ == nullptr) return;
  const std::lock_guard lock(guard_->mutex_);
  if (client_ != nullptr) --client_->sessions;
  if (login_ != nullptr) --login_->sessions;
}

bool Guard::Visit::has(Counted what, Time now) const {
  if (client_ == nullptr && login_ == nullptr) return true;
  const std::lock_guard lock(guard_->mutex_);
  return guard_->has(client_, login_, what, now);
}

bool Guard::Visit::take(Counted what, Time now) {
  if (client_ == nullptr && login_ == nullptr) return true;
  const std::lock_guard lock(guard_->mutex_);
  if (!guard_->has(client_, login_, what, now)) return false;
  guard_->charge(client_, login_, what, 1, now);
  return true;
}

void Guard::Visit::charge(Counted what, std::uint64_t n, Time now) {
  if ((client_ == nullptr && login_ == nullptr) || n == 0) return;
  const std::lock_guard lock(guard_->mutex_);
  guard_->charge(client_, login_, what, n, now);
}

bool Guard::Visit::may_stay() const {
  if (client_ == nullptr) return true;
  const std::lock_guard lock(guard_->mutex_);
  const auto most = guard_->settings_.sessions_of_client;
  return most == 0 || client_->sessions <= most;
}

// The account that remembers the client's last failed login. An exempt client is not counted, but
// others' guesses must not lock it out either. Looked up each time: without a session of its own
// the account may be forgotten.
Guard::Account& Guard::Visit::account_of_guesses(Time now) {
  return client_ != nullptr ? *client_ : guard_->account_of_client(key_, now);
}

bool Guard::Visit::try_password(std::string_view login, Time now) {
  if (guard_ == nullptr) return true;
  const std::lock_guard lock(guard_->mutex_);
  auto& name = guard_->account_of_name(login, now);
  if (!guard_->has(client_, nullptr, Counted::failed_logins, now)) return false;
  if (!guard_->has(nullptr, &name, Counted::failed_logins, now)) {
    const auto& rate = guard_->settings_.login[static_cast<std::size_t>(Counted::failed_logins)];
    const auto failed_at = account_of_guesses(now).failed_login_at;
    if (failed_at != Time{} && now - failed_at < rate.per) return false;
  }
  guard_->charge(client_, &name, Counted::failed_logins, 1, now);
  return true;
}

void Guard::Visit::tried_password(std::string_view login, bool is_accepted, Time now) {
  if (guard_ == nullptr) return;
  const std::lock_guard lock(guard_->mutex_);
  if (!is_accepted) {
    account_of_guesses(now).failed_login_at = now;
    return;
  }
  constexpr auto i = static_cast<std::size_t>(Counted::failed_logins);
  const auto& settings = guard_->settings_;
  if (client_ != nullptr) give_back(settings.client[i], client_->full_at[i]);
  give_back(settings.login[i], guard_->account_of_name(login, now).full_at[i]);
}

void Guard::Visit::log_out() {
  if (login_ == nullptr) return;
  const std::lock_guard lock(guard_->mutex_);
  --std::exchange(login_, nullptr)->sessions;
}

std::string_view Guard::Visit::log_in(std::string_view login, Time now) {
  if (guard_ == nullptr) return {};
  const std::lock_guard lock(guard_->mutex_);
  auto* account = &guard_->account_of_name(login, now);
  const auto most = guard_->settings_.sessions_of_login;
  if (most != 0 && account->sessions >= most) return "sessions";
  if (!guard_->has(nullptr, account, Counted::errors, now)) return "errors";
  if (!guard_->has(nullptr, account, Counted::connections, now)) return "connections";
  guard_->charge(nullptr, account, Counted::connections, 1, now);
  if (login_ != nullptr) --login_->sessions;
  login_ = account;
  ++login_->sessions;
  return {};
}

}  // namespace postroad::server
