// Listeners and the threads that serve them: one io_context a thread, a session stays on its
// thread. One thread accepts and hands each connection to the next thread in turn. The ceilings of
// the whole server are kept here; what one client may do is guard.hpp's.
#pragma once

#include <chrono>
#include <memory>
#include <postroad/result.hpp>
#include <string>
#include <vector>

#include "server/session.hpp"

namespace postroad::server {

struct ServerSettings {
  unsigned threads = 0;           ///< 0: one a core
  unsigned login_threads = 1;     ///< that check logins; more where they wait for somebody outside
  std::size_t most_sessions = 0;  ///< at once; beyond, new ones get 421; 0: no ceiling
  std::uint64_t most_memory = 0;  ///< octets resident; above, new sessions get 421; 0: no ceiling
};

class Server final {
 public:
  /// All references outlive it. No thread is made before `start`.
  Server(Guard& guard, observe::Log& log, ServerSettings settings);
  ~Server();

  /// Listening sockets that another process opened: `listen` takes the one that is bound to its
  /// address before it would bind. They are the server's from now on. Call before `listen`.
  void inherit(const std::vector<int>& descriptors);
  /// Binds and listens; call before `start`. Returns the port. Error: Fault::busy (somebody listens
  /// there), Fault::input, Fault::io.
  Result<std::uint16_t> listen(ListenerSettings settings);
  /// Closes inherited sockets that no listener took; gives their addresses.
  std::vector<std::string> close_unused();
  /// Accepts from now on. The store outlives this.
  void start(Store& store);
  /// Other listeners in place of the present ones: those of an address that is listened to already
  /// take it over without a gap, new ones are bound, the others closed. Sessions that are open keep
  /// their old settings. After an error nothing has changed. Gives the ports in order.
  Result<std::vector<std::uint16_t>> replace(std::vector<ListenerSettings> settings);
  void set_ceilings(std::size_t most_sessions, std::uint64_t most_memory);
  /// Whether the ceiling of memory is reached.
  [[nodiscard]] bool is_too_large() const;
  /// What is listened on, "[127.0.0.1]:25".
  [[nodiscard]] std::vector<std::string> addresses() const;
  /// The listening sockets, for another process; they stay ours.
  [[nodiscard]] std::vector<int> descriptors() const;
  /// Accepts nothing from now on; who has the sockets too goes on. Sessions live on.
  void release();
  /// Sessions that are open.
  [[nodiscard]] std::size_t sessions() const;
  /// Waits until no session is open, at most so long; whether that came.
  [[nodiscard]] bool wait_until_empty(std::chrono::milliseconds patience) const;
  /// Whether every thread answers within that time.
  [[nodiscard]] bool is_alive(std::chrono::milliseconds patience);
  /// No new connections; sessions end after the message they are in.
  void begin_stop();
  /// The same, and all sessions are cut after `patience`. Blocks until all have ended.
  void stop(std::chrono::milliseconds patience);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace postroad::server
