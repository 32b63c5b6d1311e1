// The protocol between `postroad serve` and the server that runs: a socket in the data folder, for
// its user and root only, one line per request and reply. `reload` makes the server read its
// configuration again; it replies with `refused` and the problems, separated by tabs, or with `ok`,
// which may have lines `warning …` before it; `configuration` returns the file that it reads;
// `listening` returns the addresses of its listeners; `takeover` returns the listening sockets, to
// one client at a time; `ready` says that this client accepts connections from now on; `queue …` is
// a queue command, with lines of its own (queue_service.hpp).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <postroad/result.hpp>
#include <string>
#include <vector>

#include "base/descriptor.hpp"
#include "base/text.hpp"
#include "observe/log.hpp"

namespace postroad::daemon {

/// Most sockets that can be handed over (SCM_MAX_FD of Linux); one is for the metrics.
constexpr std::size_t most_sockets = 253;

/// The state that a server hands over to its successor.
struct HandoverState {
  std::vector<int> sockets;
  std::uint64_t last_id = 0;
};

/// The result of a reload.
struct Reloaded {
  std::vector<std::string> errors{};    ///< one per problem; empty: the configuration is in force
  std::vector<std::string> warnings{};  ///< about a configuration that is in force
};

/// A connection to the control socket, as a request with an answer of its own uses it.
struct ControlPeer {
  /// Sends bytes; false: the peer has gone.
  std::function<boost::asio::awaitable<bool>(std::string)> write;
  /// Bytes that the peer sends behind its request, at most so many; empty: it has gone.
  std::function<boost::asio::awaitable<std::string>(std::size_t)> read;
};

/// The last line of an answer of `queue …`: how many were found or changed, or why none was.
inline std::string ok_line(std::size_t count) { return "ok " + std::to_string(count) + '\n'; }
inline std::string refused_line(const std::string& why) {
  return "refused " + printable(why) + '\n';
}

/// The end of the running server. Thread rule: the loop's thread.
class ControlSocket final {
 public:
  struct Answers {
    std::function<Reloaded()> reload;
    std::function<std::string()> configuration;  ///< its file; empty: none
    std::function<std::vector<std::string>()> listening;
    std::function<HandoverState()> hand_over;  ///< the sockets stay open in this process, too
    std::function<boost::asio::awaitable<void>(std::string, ControlPeer)> queue;
    std::function<void()> released;  ///< the other process is ready: stop accepting connections
  };
  /// Listens, but not under the name of the control socket yet. `log` receives the exceptions of
  /// its connections. Error: Fault::io.
  static Result<std::unique_ptr<ControlSocket>> open(boost::asio::io_context& loop,
                                                     const std::filesystem::path& data,
                                                     Answers answers, observe::Log& log);
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;
  ~ControlSocket();
  /// Renames the socket to its name, in place of one that has the name. Error: Fault::io.
  Result<void> publish();

 private:
  struct State;
  explicit ControlSocket(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

/// The holds of a message that is put into the queue.
enum class Holds : std::uint8_t {
  keep,  ///< as its envelope has them
  end,   ///< it is tried
  set,   ///< it waits until it is released
};

/// A connection to the server that runs on a data folder. Blocking. After an error other than
/// Fault::input the connection is of no further use.
class RunningServer final {
 public:
  /// Error: Fault::not_found when no server runs there; Fault::io when that cannot be known, as
  /// without permission.
  static Result<RunningServer> connect(const std::filesystem::path& data);
  [[nodiscard]] int pid() const;
  /// Error: Fault::timeout when it does not answer.
  Result<Reloaded> reload();
  /// The configuration file that a reload reads; empty: none. Error: Fault::input when the server
  /// is of an older version that does not tell.
  Result<std::string> configuration();
  /// The addresses of its listeners, "[127.0.0.1]:25".
  Result<std::vector<std::string>> listening();
  /// A queue command; `take` gets each line of the answer. The number of messages that it named.
  /// Error: what `take` returns; Fault::input: the server refuses the request.
  Result<std::size_t> queue(const std::string& request,
                            const std::function<Result<void>(std::string_view)>& take);
  /// Takes bytes of a message.
  using Sink = std::function<Result<void>(std::string_view)>;
  /// The bytes of a message, in pieces; nullopt: there is no such message. Errors as for queue().
  Result<bool> show(const std::string& id, const Sink& take);
  /// Puts a message of `size` bytes, which `give` passes to its sink, into the queue; the id that
  /// it has there, once it is on disk. After an error nothing was stored, unless it says
  /// `may_have_been_delivered`: the answer was lost. Error: Fault::input: the server refuses it;
  /// that of `give`; others as for queue().
  Result<std::string> put(std::string_view envelope, std::uint64_t size, Holds holds,
                          const std::function<Result<void>(const Sink&)>& give);
  /// Its listening sockets, which are open in this process, too, from now on.
  Result<HandoverState> take_over();
  /// Makes it stop accepting connections; also succeeds when it has ended or does not answer.
  /// Error: Fault::input: it refuses, and continues.
  Result<void> ready();

 private:
  explicit RunningServer(Descriptor socket) : socket_(std::move(socket)) {}
  Result<void> say(std::string_view line);
  Result<void> send_bytes(std::string_view bytes);
  Result<void> receive(std::vector<int>* sockets);
  Result<std::string> hear(std::vector<int>* sockets, std::size_t longest = 65'536);
  Descriptor socket_;
  std::string rest_;  // received behind the last line
};

}  // namespace postroad::daemon
