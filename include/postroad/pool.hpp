// Many mails at once: several connections to one relay or to several, used from any number of
// threads and tasks.
//
//   postroad::Pool pool{{"smtp://one.example:587", "smtp://two.example:587"}, login};
//   auto report = pool.send(message);           // from any thread, as often as you like
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

/// How relays are chosen, where there are several.
enum class Relays : std::uint8_t {
  failover,     ///< the first that works; the others when it does not
  round_robin,  ///< in turn
};

struct POSTROAD_EXPORT PoolOptions {
  Relays relays = Relays::failover;
  std::size_t connections = 4;                        ///< to each relay, never more
  std::size_t mails_per_connection = 100;             ///< then another connection; 0: no end
  std::chrono::milliseconds connection_age{300'000};  ///< likewise
  std::chrono::milliseconds idle{60'000};             ///< a connection that waits longer is closed
  std::uint64_t rate =
      0;  ///< mails to each relay in `rate_per`, all at once or spread; 0: no limit
  std::chrono::milliseconds rate_per{60'000};
  std::chrono::milliseconds first_pause{1'000};  ///< of a relay after its fault; it doubles up to
  std::chrono::milliseconds longest_pause{300'000};
  /// How long one call waits at most for a relay whose pause is not over, where no other is left.
  std::chrono::milliseconds patience{30'000};
};

/// A pool of connections.
///
/// What is a relay's fault (it cannot be reached, breaks off, refuses the login or the session, has
/// 421) makes it pause and the mail go on to the next relay, for those recipients that are not
/// decided: never for one who was accepted, refused or is unknown. A 4yz or 5yz for a recipient is
/// the mail's own fault and in the report. Calls are served in turn by caller, so that one who
/// sends a thousand does not keep another waiting for all of them. A kept connection is looked at
/// before it is used again, which costs no NOOP; one that the server has closed is replaced.
///
/// Thread rule: all members from any thread; `send`, `close` and the destructor not from a callback
/// of the pool's own. Destroying it cancels what waits and what is under way; `close` first lets it
/// end.
class POSTROAD_EXPORT Pool final : public Transport {
 public:
  using Callback = std::function<void(Result<SendReport>)>;
  /// Names a call for `cancel`.
  using Ticket = std::uint64_t;

  /// A wrong URL, or none, is what every call returns. `login` is for all relays that name none.
  explicit Pool(std::vector<std::string> urls, ClientOptions options = {}, PoolOptions pool = {});
  Pool(std::vector<std::string> urls, Login login, ClientOptions options = {},
       PoolOptions pool = {});
  Pool(Pool&&) noexcept;
  Pool& operator=(Pool&&) noexcept;
  ~Pool() override;

  using Transport::send;
  /// As Client::send; ClientOptions::overall_timeout counts from now, the wait for a turn too.
  /// `source` is read on a thread of the pool's own; a mail that goes on to another relay is read
  /// again (MessageSource::rewind).
  Result<SendReport> send(const Envelope& envelope, MessageSource& source) override;

  /// The same, with a callback on the pool's thread: it must be short and must not throw. `source`
  /// lives until then. `caller`: who has a turn of their own; calls with the same number share one.
  Ticket start_send(Message message, Callback done, std::uint64_t caller = 0);
  Ticket start_send(Envelope envelope, MessageSource& source, Callback done,
                    std::uint64_t caller = 0);
  /// Ends that call with Fault::cancelled, whether it waits or is under way. No effect once it is
  /// over.
  void cancel(Ticket ticket);
  /// A function that does the same, and nothing once the pool is gone.
  [[nodiscard]] std::function<void(Ticket)> canceller() const;

  /// Takes no more calls, lets the others end, says QUIT. At most so long; whether all ended.
  bool close(std::chrono::milliseconds patience);

  struct Figures {
    std::size_t waiting = 0;         ///< calls whose turn has not come
    std::size_t under_way = 0;       ///< calls
    std::size_t connections = 0;     ///< open or being opened now
    std::uint64_t connects = 0;      ///< connections opened so far
    std::uint64_t mails = 0;         ///< mails carried so far, whatever became of them
    std::uint64_t relay_faults = 0;  ///< so far
  };
  [[nodiscard]] Figures figures() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace postroad
