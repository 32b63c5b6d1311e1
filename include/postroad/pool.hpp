// Many messages at once: several connections to one relay or to several, used from any number of
// threads and tasks.
//
//   postroad::Pool pool{{"smtp://one.example:587", "smtp://two.example:587"}, login};
//   auto report = pool.send(message);           // from any thread
//
// For Asio's completion tokens: async_send in async.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <postroad/client.hpp>
#include <string>
#include <vector>

namespace postroad {

/// The order in which relays are used.
enum class RelayOrder : std::uint8_t {
  failover,     ///< the first that works; the others when it does not
  round_robin,  ///< in turn
};

struct POSTROAD_EXPORT PoolOptions {
  RelayOrder relay_order = RelayOrder::failover;
  std::size_t connections = 4;                ///< limit per relay
  std::size_t messages_per_connection = 100;  ///< then the connection is replaced; 0: no limit
  std::chrono::milliseconds connection_age{300'000};  ///< then the connection is replaced
  std::chrono::milliseconds idle{60'000};             ///< then an unused connection is closed
  std::uint64_t rate = 0;  ///< messages per relay in `rate_per`, in bursts or spread; 0: no limit
  std::chrono::milliseconds rate_per{60'000};
  /// How long a relay that failed is left alone; doubles with each failure up to `max_pause`.
  std::chrono::milliseconds initial_pause{1'000};
  std::chrono::milliseconds max_pause{300'000};
  /// How long one call waits for a relay when all are paused.
  std::chrono::milliseconds patience{30'000};
  /// The commands of the next call that waits go out behind the final dot of a message, in one
  /// group (RFC 2920 section 3.1): one round trip per message, where the relay offers PIPELINING.
  /// Not with a `rate`, and not with several relays.
  bool pipelines_messages = true;
  /// Called with the error of each relay that failed, or lacks an extension that the message needs:
  /// the result of a call has the last one alone. On the pool's thread; short, must not throw.
  std::function<void(const Error&)> relay_failed{};
};

/// Numbers of a pool.
struct POSTROAD_EXPORT PoolMetrics {
  std::size_t waiting = 0;           ///< calls whose turn has not come
  std::size_t under_way = 0;         ///< calls
  std::size_t connections = 0;       ///< connections open or being opened
  std::uint64_t connects = 0;        ///< connections opened so far
  std::uint64_t messages = 0;        ///< messages so far, whatever their outcome
  std::uint64_t relay_failures = 0;  ///< so far
};

/// A pool of connections.
///
/// A relay that fails (it cannot be reached, closes, refuses the login or the session, replies 421)
/// is paused, and the message goes to the next relay for the recipients that are undecided: never
/// again for one that was accepted, refused or is unknown. A 4yz or 5yz for a recipient concerns
/// the message and is in the report. Calls are served in turn by caller, so that one caller with a
/// thousand messages does not hold up another. An idle connection is checked before it is used
/// again, which costs no NOOP; one that the server has closed is replaced.
///
/// Thread rule: all members from any thread; `send`, `close` and the destructor not from a callback
/// of the pool. The destructor cancels what waits and what is under way and sends QUIT without
/// waiting; `close` first lets calls end.
class POSTROAD_EXPORT Pool final : public Transport {
 public:
  using Callback = std::function<void(Result<SendReport>)>;
  /// Names a call for `cancel`.
  using Ticket = std::uint64_t;

  /// Every call returns the error of an invalid or missing URL. `login` is for all relays whose URL
  /// has none.
  explicit Pool(std::vector<std::string> urls, ClientOptions options = {}, PoolOptions pool = {});
  Pool(std::vector<std::string> urls, Login login, ClientOptions options = {},
       PoolOptions pool = {});
  Pool(Pool&&) noexcept;
  Pool& operator=(Pool&&) noexcept;
  ~Pool() override;

  using Transport::send;
  /// As Client::send. ClientTimeouts::overall counts from this call, with the wait for a
  /// turn. `source` is read on a thread of the pool, and again for another relay
  /// (MessageSource::rewind).
  Result<SendReport> send(const Envelope& envelope, MessageSource& source) override;

  /// As `send`, with a callback on the pool's thread, which must be short and must not throw.
  /// `source` must live until then. `caller`: calls with the same number share one turn.
  Ticket start_send(Message message, Callback done, std::uint64_t caller = 0);
  Ticket start_send(Envelope envelope, MessageSource& source, Callback done,
                    std::uint64_t caller = 0);
  /// Ends that call with Fault::cancelled, whether it waits or is under way. No effect when it is
  /// over.
  void cancel(Ticket ticket);
  /// A function that does the same; it has no effect after the end of the pool.
  [[nodiscard]] std::function<void(Ticket)> canceller() const;

  /// Refuses new calls, lets the others end and sends QUIT, for at most `patience`. True: all
  /// ended.
  bool close(std::chrono::milliseconds patience);

  [[nodiscard]] PoolMetrics metrics() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace postroad
