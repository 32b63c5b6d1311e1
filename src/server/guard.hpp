// Limits per client address and per login: token buckets and open sessions. An IPv4 address is a
// client; an IPv6 client is its /64, because a host may use any address of it. Time is an argument.
// Not here: replies (session_answers.cpp), the limits of a single session
// (proto/smtp/server/server_options.hpp), the limits of the whole server (ceilings.hpp).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/rate.hpp"
#include "net/network.hpp"

namespace postroad::server {

/// The things that are counted per client and per login.
enum class Counted : std::uint8_t {
  connections,
  messages,    ///< at MAIL
  recipients,  ///< at RCPT
  bytes,       ///< bytes of messages, charged after each: the next MAIL is refused
  errors,  ///< refused commands and failed TLS handshakes, charged at RCPT and when a session ends:
           ///< the next session or login is refused
  failed_logins,
  lookups,  ///< VRFY and EXPN
};
constexpr std::size_t counted_kinds = 7;

/// A rate for each. For logins, that of lookups is not used.
using Rates = std::array<Rate, counted_kinds>;

struct GuardSettings {
  Rates client{};
  Rates login{};
  std::uint32_t sessions_of_client = 0;  ///< open at once; 0: no limit
  std::uint32_t sessions_of_login = 0;   ///< open at once; 0: no limit
  std::vector<net::Network> exempt;      ///< clients to which nothing of `client` applies
  std::size_t most_accounts = 65536;     ///< clients, and as many logins, that are kept;
                                         ///< beyond, the fullest are removed: many
                                         ///< addresses must not fill the memory
};

class Guard final {
 public:
  using Time = std::chrono::steady_clock::time_point;
  explicit Guard(GuardSettings settings = {}) : settings_(std::move(settings)) {}
  /// Replaces the limits; what was used up stays used up. Any thread.
  void configure(GuardSettings settings);

 private:
  struct Account {
    std::array<Time, counted_kinds> full_at{};  ///< when each bucket will be full again
    std::uint32_t sessions = 0;
    Time failed_login_at{};  ///< the client's last one
    [[nodiscard]] Time in_debt_until() const;
    [[nodiscard]] bool is_idle(Time now) const;
  };

 public:
  /// A client while one of its sessions is open, and the login of that session. Thread rule: one
  /// thread. The guard outlives it.
  class Visit {
   public:
    Visit() = default;
    Visit(Guard& guard, Account* client, std::uint64_t key)
        : guard_(&guard), client_(client), key_(key) {}
    Visit(Visit&& other) noexcept
        : guard_(other.guard_),
          client_(std::exchange(other.client_, nullptr)),
          key_(other.key_),
          login_(std::exchange(other.login_, nullptr)) {}
    Visit& operator=(Visit&& other) noexcept {
      std::swap(guard_, other.guard_);
      std::swap(client_, other.client_);
      std::swap(key_, other.key_);
      std::swap(login_, other.login_);
      return *this;
    }
    ~Visit();
    /// Takes one of a kind from the client and from the login, if one is known; false when either
    /// is used up, and then nothing is taken.
    bool take(Counted what, Time now);
    /// Whether one of a kind is left.
    [[nodiscard]] bool has(Counted what, Time now) const;
    /// Counts `n` that have happened, even if fewer are left.
    void charge(Counted what, std::uint64_t n, Time now);
    /// Whether the client's open sessions are within its limit.
    [[nodiscard]] bool may_stay() const;
    /// Takes one of failed_logins from client and login before a password is checked; false if the
    /// client has none left, or the login, and then nothing is taken. A client without a failed
    /// login of late may try though the login has none left: a client that guesses at a name must
    /// not lock its owner out.
    bool try_password(std::string_view login, Time now);
    /// The result of the check; an accepted login gets its charge back.
    void tried_password(std::string_view login, bool is_accepted, Time now);
    /// The login was accepted: from now on the session counts for it too. Returns the limit that
    /// the login exceeds, "sessions", "connections" or "errors", and then nothing has changed;
    /// empty: none.
    std::string_view log_in(std::string_view login, Time now);
    /// From now on the session counts for no login.
    void log_out();

   private:
    Account& account_of_guesses(Time now);  // under the lock
    Guard* guard_ = nullptr;
    Account* client_ = nullptr;  // null: exempt
    std::uint64_t key_ = 0;      // of the client, exempt or not
    Account* login_ = nullptr;   // null: no login
  };

  /// A session of this address opens. Any thread.
  Visit enter(const boost::asio::ip::address& client, Time now, bool is_counted = true);
  /// The number of clients and logins that are remembered.
  [[nodiscard]] std::size_t accounts();

 private:
  [[nodiscard]] bool has(const Account* client, const Account* login, Counted what, Time now) const;
  void charge(Account* client, Account* login, Counted what, std::uint64_t n, Time now) const;
  Account& account_of_client(std::uint64_t key, Time now);
  Account& account_of_name(std::string_view login, Time now);

  std::mutex mutex_;
  GuardSettings settings_;
  std::unordered_map<std::uint64_t, Account> clients_;
  std::unordered_map<std::string, Account> logins_;
  std::size_t clients_seen_ = 0;  // the bucket up to which idle accounts were looked for
  std::size_t logins_seen_ = 0;
};

}  // namespace postroad::server
