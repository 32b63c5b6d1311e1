// The end of the running server; see control_socket.hpp. The other end is running_server.cpp.
#include "daemon/control_socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>

#include "base/descriptor.hpp"
#include "base/text.hpp"
#include "daemon/control_address.hpp"
#include "net/as_values.hpp"
#include "server/log_failure.hpp"

namespace postroad::daemon {

namespace asio = boost::asio;
using asio::local::stream_protocol;

namespace {

using net::as_values;
constexpr std::size_t longest_reply = 32'768;
constexpr std::size_t largest_piece = 65'536;
constexpr std::chrono::milliseconds accept_pause{100};

// Only the server's own user and root may control it.
bool is_ours(int socket) {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return false;
  return peer.uid == 0 || peer.uid == ::geteuid();
}

std::string text_of(const Reloaded& done) {
  std::string reply;
  for (const auto& error : done.errors) {  // `printable` escapes the tabs of a problem
    if (reply.size() < longest_reply)
      reply += (reply.empty() ? "refused " : "\t") + printable(error);
  }
  if (!reply.empty()) return reply + '\n';
  for (const auto& warning : done.warnings) {
    if (reply.size() < longest_reply) reply += "warning " + printable(warning) + '\n';
  }
  return reply + "ok\n";
}

bool send_with(int socket, const std::string& line, const std::vector<int>& descriptors) {
  iovec part{const_cast<char*>(line.data()), line.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * most_sockets)> space{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  const auto bytes = sizeof(int) * std::min(descriptors.size(), most_sockets);
  if (bytes > 0) {
    message.msg_control = space.data();
    message.msg_controllen = CMSG_SPACE(bytes);
    auto* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(bytes);
    std::memcpy(CMSG_DATA(header), descriptors.data(), bytes);
  }
  return ::sendmsg(socket, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(line.size());
}

}  // namespace

struct ControlSocket::State {
  State(stream_protocol::acceptor a, std::filesystem::path d, ino_t i, Answers x, observe::Log& l)
      : acceptor(std::move(a)), data(std::move(d)), inode(i), answers(std::move(x)), log(l) {}
  stream_protocol::acceptor acceptor;
  std::filesystem::path data;
  ino_t inode;  // of the socket's name in the folder
  Answers answers;
  observe::Log& log;
  const void* taker = nullptr;  // the connection that has the sockets and is not ready yet
  bool is_released = false;

  // Two successors would both accept connections, with the same queue ids.
  [[nodiscard]] std::string why_not_to(const void* asker) const {
    if (is_released) return "refused another process has taken over already\n";
    if (taker != nullptr && taker != asker) return "refused another process is taking over\n";
    return {};
  }
  std::string answer(const std::string& line, const void* asker) {
    if (line == "reload") return text_of(answers.reload());
    if (line == "configuration") return "ok " + answers.configuration() + '\n';
    if (line == "listening") {
      std::string reply = "ok";
      for (const auto& address : answers.listening()) (reply += ' ') += address;
      return reply + '\n';
    }
    if (line == "ready") {
      if (is_released || taker != asker)
        return "refused no sockets were handed to this connection\n";
      is_released = true;
      answers.released();
      return "ok\n";
    }
    return "refused unknown request '" + line + "'\n";
  }

  // The claim of a connection to the take-over; ends with it.
  class Turn {
   public:
    explicit Turn(std::shared_ptr<State> state) : state_(std::move(state)) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
      if (state_->taker == this) state_->taker = nullptr;
    }
    void take() { state_->taker = this; }

   private:
    std::shared_ptr<State> state_;
  };

  // All three outlive it. `input`: what has been received behind the request.
  static ControlPeer peer_of(stream_protocol::socket& socket, std::string& input, bool& is_there) {
    return {.write = [&](std::string text) -> asio::awaitable<bool> {
              const auto [error, sent] =
                  co_await asio::async_write(socket, asio::buffer(text), as_values);
              is_there = !error;
              co_return is_there;
            },
            .read = [&](std::size_t most) -> asio::awaitable<std::string> {
              if (!input.empty()) {
                auto bytes = input.substr(0, most);
                input.erase(0, bytes.size());
                co_return bytes;
              }
              std::string bytes(std::min(most, largest_piece), '\0');
              const auto [error, got] =
                  co_await socket.async_read_some(asio::buffer(bytes), as_values);
              if (error) is_there = false;
              bytes.resize(error ? 0 : got);
              co_return bytes;
            }};
  }

  static asio::awaitable<void> converse(std::shared_ptr<State> state,
                                        stream_protocol::socket socket) {
    if (!is_ours(socket.native_handle())) co_return;
    Turn turn(state);
    std::string input;
    for (;;) {
      const auto [error, length] = co_await asio::async_read_until(
          socket, asio::dynamic_buffer(input, longest_request), '\n', as_values);
      if (error || !state->acceptor.is_open()) co_return;
      const auto line = input.substr(0, length - 1);
      input.erase(0, length);
      std::string reply;
      if (line == "takeover") {
        reply = state->why_not_to(&turn);
        if (reply.empty()) {
          turn.take();
          const auto handover_state = state->answers.hand_over();
          if (!send_with(socket.native_handle(),
                         "sockets " + std::to_string(handover_state.last_id) + '\n',
                         handover_state.sockets))
            co_return;
          continue;
        }
      } else if (line.starts_with("queue ")) {
        bool is_there = true;
        co_await state->answers.queue(line.substr(std::string_view("queue ").size()),
                                      peer_of(socket, input, is_there));
        if (!is_there) co_return;
        continue;
      } else {
        reply = state->answer(line, &turn);
      }
      const auto [write_error, written] =
          co_await asio::async_write(socket, asio::buffer(reply), as_values);
      if (write_error) co_return;
    }
  }

  static asio::awaitable<void> accept(std::shared_ptr<State> state) {
    const server::LogFailure log_failure{state->log, "a connection of the control socket"};
    for (;;) {
      auto [error, socket] = co_await state->acceptor.async_accept(as_values);
      if (!state->acceptor.is_open()) co_return;
      if (error) {  // no descriptor is left; a session will free one
        asio::steady_timer pause(state->acceptor.get_executor(), accept_pause);
        co_await pause.async_wait(as_values);
        continue;
      }
      try {
        asio::co_spawn(state->acceptor.get_executor(), converse(state, std::move(socket)),
                       log_failure);
      } catch (...) {  // no memory for it
        log_failure(std::current_exception());
      }
    }
  }
};

Result<std::unique_ptr<ControlSocket>> ControlSocket::open(asio::io_context& loop,
                                                           const std::filesystem::path& data,
                                                           Answers answers, observe::Log& log) {
  const ControlAddress address(data);
  if (!address.is_there()) return control_error("the data folder cannot be opened");
  // Bound under a temporary name and then renamed: until then clients find the old server.
  const auto fresh = address.path() + '.' + std::to_string(::getpid());
  ::unlink(fresh.c_str());
  boost::system::error_code error;
  stream_protocol::acceptor acceptor(loop);
  acceptor.open(stream_protocol(), error);
  if (!error) (void)close_on_exec(acceptor.native_handle());
  const auto mask = ::umask(0177);
  if (!error) acceptor.bind(stream_protocol::endpoint(fresh), error);
  ::umask(mask);
  if (!error) acceptor.listen(16, error);
  if (error) return fail(Fault::io, "control.sock", "cannot be created: " + error.message());
  struct stat facts {};
  if (::stat(fresh.c_str(), &facts) != 0) return control_error("cannot be examined");
  auto state =
      std::make_shared<State>(std::move(acceptor), data, facts.st_ino, std::move(answers), log);
  asio::co_spawn(loop, State::accept(state),
                 server::LogFailure{log, "the accept loop of the control socket"});
  return std::unique_ptr<ControlSocket>(new ControlSocket(std::move(state)));
}

Result<void> ControlSocket::publish() {
  const ControlAddress address(state_->data);
  if (!address.is_there()) return control_error("the data folder cannot be opened");
  const auto fresh = address.path() + '.' + std::to_string(::getpid());
  if (::rename(fresh.c_str(), address.path().c_str()) != 0)
    return control_error("cannot be renamed");
  return {};
}

ControlSocket::~ControlSocket() {
  boost::system::error_code ignored;
  state_->acceptor.close(ignored);
  const ControlAddress address(state_->data);
  ::unlink((address.path() + '.' + std::to_string(::getpid())).c_str());
  const auto path = state_->data / "control.sock";
  struct stat facts {};
  if (::stat(path.c_str(), &facts) == 0 && facts.st_ino == state_->inode) ::unlink(path.c_str());
}

}  // namespace postroad::daemon
