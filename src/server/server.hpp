// Listeners and the threads that serve them: one io_context a thread, a session stays on its
// thread. One thread accepts and hands each connection to the next thread in turn.
#pragma once

#include <chrono>
#include <memory>
#include <postroad/result.hpp>
#include <string>

#include "server/session.hpp"

namespace postroad::server {

class Server final {
 public:
  /// `threads` 0: one a core.
  Server(Store& store, Policy& policy, observe::Log& log, unsigned threads);
  ~Server();

  /// Binds and listens; call before `start`. Returns the port. Error: Fault::busy (somebody listens
  /// there), Fault::input, Fault::io.
  Result<std::uint16_t> listen(ListenerSettings settings);
  void start();
  /// No new connections; sessions end after the message they are in, and all are cut after
  /// `patience`. Blocks until all have ended.
  void stop(std::chrono::milliseconds patience);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace postroad::server
