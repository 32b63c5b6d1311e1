// How one `postroad serve` talks to the one that runs: a socket in the data folder, for its user
// and root only, a line a message. `reload` asks for the configuration to be read again;
// `listening` for the addresses that are listened on; `takeover` asks for the listening sockets,
// one asker at a time, and `ready` says that this asker serves from now on.
#pragma once

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <postroad/result.hpp>
#include <string>
#include <vector>

namespace postroad::daemon {

/// Most sockets that can be handed over (SCM_MAX_FD of Linux); one is for the metrics.
constexpr std::size_t most_sockets = 253;

/// What is handed over.
struct HandoverState {
  std::vector<int> sockets;
  std::uint64_t last_id = 0;
};

/// The running server's end. On the loop's thread.
class ControlSocket final {
 public:
  struct Answers {
    std::function<Result<void>()> reload;
    std::function<std::vector<std::string>()> listening;
    std::function<HandoverState()> hand_over;  ///< the sockets stay this process's too
    std::function<void()> released;  ///< the other process is ready: accept nothing from now on
  };
  /// Listens, not yet under its name. Error: Fault::io.
  static Result<std::unique_ptr<ControlSocket>> open(boost::asio::io_context& loop,
                                                     const std::filesystem::path& data,
                                                     Answers answers);
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;
  ~ControlSocket();
  /// Takes its name, and the place of a socket that has it. Error: Fault::io.
  Result<void> publish();

 private:
  struct State;
  explicit ControlSocket(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

/// A conversation with the server that runs on a data folder. Blocking.
class RunningServer final {
 public:
  /// Error: Fault::not_found when none runs there.
  static Result<RunningServer> connect(const std::filesystem::path& data);
  RunningServer(RunningServer&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}
  RunningServer& operator=(RunningServer&& other) noexcept {
    std::swap(socket_, other.socket_);
    return *this;
  }
  ~RunningServer();

  [[nodiscard]] int pid() const;
  /// Error: Fault::input with the server's sentence when it refuses; Fault::timeout when it does
  /// not answer.
  Result<void> reload();
  /// The addresses that it listens on, "[127.0.0.1]:25".
  Result<std::vector<std::string>> listening();
  /// Its sockets, which are this process's too from now on.
  Result<HandoverState> take_over();
  /// Tells it to accept nothing more; returns when it does not, is gone, or does not answer. Error:
  /// Fault::input: it refuses, and goes on.
  Result<void> ready();

 private:
  explicit RunningServer(int socket) : socket_(socket) {}
  Result<void> say(std::string_view line);
  Result<std::string> hear(std::vector<int>* sockets);
  int socket_;
};

}  // namespace postroad::daemon
