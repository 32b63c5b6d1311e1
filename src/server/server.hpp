// Listeners and the threads that serve them. One thread accepts and passes each connection to the
// next thread in turn, where its session stays. Not here: the threads (workers.hpp), the limits of
// the whole server (ceilings.hpp), the limits of one client (guard.hpp).
#pragma once

#include <chrono>
#include <memory>
#include <postroad/result.hpp>
#include <string>
#include <vector>

#include "server/session.hpp"

namespace postroad::server {

struct ServerSettings {
  unsigned threads = 0;          ///< 0: one per core
  std::size_t max_sessions = 0;  ///< open at once; beyond, a new one gets 421; 0: no ceiling
  std::uint64_t max_memory = 0;  ///< bytes resident; above, a new session gets 421; 0: no ceiling
};

class Server final {
 public:
  /// All references outlive it. No thread is created before `start`.
  Server(Guard& guard, observe::Log& log, ServerSettings settings);
  ~Server();

  /// Takes over listening sockets that another process opened: `listen` uses the one that is bound
  /// to its address instead of binding. Call before `listen`.
  void inherit(const std::vector<int>& descriptors);
  /// Binds and listens; call before `start`. Returns the port. Error: Fault::busy (the port
  /// is in use), Fault::input, Fault::io.
  Result<std::uint16_t> listen(ListenerSettings settings);
  /// Closes the inherited sockets that no listener uses, and returns their addresses.
  std::vector<std::string> close_unused();
  /// Accepts from now on. The store outlives this.
  void start(Store& store);
  /// Replaces the listeners: those of an address that is listened on already take it over without a
  /// gap, new ones are bound, the others closed. Sessions that are open keep their old settings.
  /// After an error nothing has changed. Returns the ports in order.
  Result<std::vector<std::uint16_t>> replace(std::vector<ListenerSettings> settings);
  void set_ceilings(std::size_t max_sessions, std::uint64_t max_memory);
  /// Whether the memory limit is reached.
  [[nodiscard]] bool is_too_large() const;
  /// The listeners' addresses, "[127.0.0.1]:25".
  [[nodiscard]] std::vector<std::string> addresses() const;
  /// The listening sockets, for another process; they stay the server's too.
  [[nodiscard]] std::vector<int> descriptors() const;
  /// Stops accepting; a process that shares the sockets continues. Open sessions continue.
  void release();
  /// The number of open sessions.
  [[nodiscard]] std::size_t sessions() const;
  /// Waits until no session is open, at most `patience`; returns whether none is.
  [[nodiscard]] bool wait_until_empty(std::chrono::milliseconds patience) const;
  /// Whether every thread answers within that time.
  [[nodiscard]] bool is_alive(std::chrono::milliseconds patience);
  /// Stops accepting; sessions end after the message in progress.
  void begin_stop();
  /// As begin_stop; ends all sessions after `patience`. Blocks until all have ended.
  void stop(std::chrono::milliseconds patience);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace postroad::server
