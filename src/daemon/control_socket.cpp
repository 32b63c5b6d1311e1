// The control socket, both ends; see control.hpp.
#include "daemon/control_socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <system_error>

#include "base/text.hpp"

namespace postroad::daemon {

namespace asio = boost::asio;
using asio::local::stream_protocol;

namespace {

constexpr auto as_values = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t longest_line = 4096;
constexpr std::chrono::milliseconds accept_pause{100};
constexpr std::size_t longest_answer = 65536;
constexpr timeval patience{30, 0};  // for an answer: a reload may ask a slow disk

// A Unix address takes 107 octets; the path through the folder's descriptor is short whatever the
// folder's own is.
class Address {
 public:
  explicit Address(const std::filesystem::path& data)
      : folder_(::open(data.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)),
        path_("/proc/self/fd/" + std::to_string(folder_) + "/control.sock") {}
  Address(const Address&) = delete;
  Address& operator=(const Address&) = delete;
  ~Address() {
    if (folder_ >= 0) ::close(folder_);
  }
  [[nodiscard]] bool is_there() const { return folder_ >= 0; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  int folder_;
  std::string path_;
};

Error failed(const std::string& what) {
  return fail(Fault::io, "control.sock", what + ": " + std::generic_category().message(errno));
}

// Only the server's own user and root may tell it anything.
bool is_ours(int socket) {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return false;
  return peer.uid == 0 || peer.uid == ::geteuid();
}

bool send_with(int socket, const std::string& line, const std::vector<int>& descriptors) {
  iovec part{const_cast<char*>(line.data()), line.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * most_sockets)> space{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  const auto octets = sizeof(int) * std::min(descriptors.size(), most_sockets);
  if (octets > 0) {
    message.msg_control = space.data();
    message.msg_controllen = CMSG_SPACE(octets);
    auto* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(octets);
    std::memcpy(CMSG_DATA(header), descriptors.data(), octets);
  }
  return ::sendmsg(socket, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(line.size());
}

}  // namespace

struct ControlSocket::State {
  State(stream_protocol::acceptor a, std::filesystem::path d, ino_t i, Answers x)
      : acceptor(std::move(a)), data(std::move(d)), inode(i), answers(std::move(x)) {}
  stream_protocol::acceptor acceptor;
  std::filesystem::path data;
  ino_t inode;  // of our name in the folder
  Answers answers;
  const void* taker = nullptr;  // the conversation that has the sockets and is not ready yet
  bool is_released = false;

  // Two successors would both serve, with the same queue ids.
  [[nodiscard]] std::string why_not_to(const void* asker) const {
    if (is_released) return "refused another process has taken over already\n";
    if (taker != nullptr && taker != asker) return "refused another process is taking over\n";
    return {};
  }
  std::string answer(const std::string& line, const void* asker) {
    if (line == "reload") {
      const auto done = answers.reload();
      return done ? "ok\n" : "refused " + done.error().text() + '\n';
    }
    if (line == "listening") {
      std::string reply = "ok";
      for (const auto& address : answers.listening()) (reply += ' ') += address;
      return reply + '\n';
    }
    if (line == "ready") {
      if (is_released || taker != asker) return "refused nothing was handed to you\n";
      is_released = true;
      answers.released();
      return "ok\n";
    }
    return "refused this server does not know '" + line + "'\n";
  }

  // What a conversation has of the server; gone with it.
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

  static asio::awaitable<void> converse(std::shared_ptr<State> state,
                                        stream_protocol::socket socket) {
    if (!is_ours(socket.native_handle())) co_return;
    Turn turn(state);
    std::string input;
    for (;;) {
      const auto [error, length] = co_await asio::async_read_until(
          socket, asio::dynamic_buffer(input, longest_line), '\n', as_values);
      if (error || !state->acceptor.is_open()) co_return;
      const auto line = input.substr(0, length - 1);
      input.erase(0, length);
      std::string reply;
      if (line == "takeover") {
        reply = state->why_not_to(&turn);
        if (reply.empty()) {
          turn.take();
          const auto estate = state->answers.hand_over();
          if (!send_with(socket.native_handle(), "sockets " + std::to_string(estate.last_id) + '\n',
                         estate.sockets))
            co_return;
          continue;
        }
      } else {
        reply = state->answer(line, &turn);
      }
      const auto [write_error, written] =
          co_await asio::async_write(socket, asio::buffer(reply), as_values);
      if (write_error) co_return;
    }
  }

  static asio::awaitable<void> accept(std::shared_ptr<State> state) {
    for (;;) {
      auto [error, socket] = co_await state->acceptor.async_accept(as_values);
      if (!state->acceptor.is_open()) co_return;
      if (error) {  // no descriptor is left: it comes back
        asio::steady_timer pause(state->acceptor.get_executor(), accept_pause);
        co_await pause.async_wait(as_values);
      } else {
        asio::co_spawn(state->acceptor.get_executor(), converse(state, std::move(socket)),
                       asio::detached);
      }
    }
  }
};

Result<std::unique_ptr<ControlSocket>> ControlSocket::open(asio::io_context& loop,
                                                           const std::filesystem::path& data,
                                                           Answers answers) {
  const Address address(data);
  if (!address.is_there()) return failed("the data folder cannot be opened");
  // Bound under a name of its own and then renamed: who asks meanwhile still finds the old one.
  const auto fresh = address.path() + '.' + std::to_string(::getpid());
  ::unlink(fresh.c_str());
  boost::system::error_code error;
  stream_protocol::acceptor acceptor(loop);
  acceptor.open(stream_protocol(), error);
  const auto mask = ::umask(0177);
  if (!error) acceptor.bind(stream_protocol::endpoint(fresh), error);
  ::umask(mask);
  if (!error) acceptor.listen(16, error);
  if (error) return fail(Fault::io, "control.sock", "cannot be made: " + error.message());
  struct stat facts {};
  if (::stat(fresh.c_str(), &facts) != 0) return failed("cannot be looked at");
  auto state = std::make_shared<State>(std::move(acceptor), data, facts.st_ino, std::move(answers));
  asio::co_spawn(loop, State::accept(state), asio::detached);
  return std::unique_ptr<ControlSocket>(new ControlSocket(std::move(state)));
}

Result<void> ControlSocket::publish() {
  const Address address(state_->data);
  const auto fresh = address.path() + '.' + std::to_string(::getpid());
  if (::rename(fresh.c_str(), address.path().c_str()) != 0) return failed("cannot be named");
  return {};
}

ControlSocket::~ControlSocket() {
  boost::system::error_code ignored;
  state_->acceptor.close(ignored);
  const Address address(state_->data);
  ::unlink((address.path() + '.' + std::to_string(::getpid())).c_str());
  const auto path = state_->data / "control.sock";
  struct stat facts {};
  if (::stat(path.c_str(), &facts) == 0 && facts.st_ino == state_->inode) ::unlink(path.c_str());
}

Result<RunningServer> RunningServer::connect(const std::filesystem::path& data) {
  const auto none = [&] {
    return fail(Fault::not_found, data.string(),
                "no server runs on this data folder: " + std::generic_category().message(errno));
  };
  const Address address(data);
  if (!address.is_there()) return none();
  RunningServer server(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, address.path().data(), address.path().size());
  if (::connect(server.socket_, reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0)
    return none();
  ::setsockopt(server.socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return server;
}

RunningServer::~RunningServer() {
  if (socket_ >= 0) ::close(socket_);
}

Result<void> RunningServer::say(std::string_view line) {
  if (::send(socket_, line.data(), line.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(line.size()))
    return {};
  return failed("the running server cannot be asked");
}

Result<std::string> RunningServer::hear(std::vector<int>* sockets) {
  std::string text;
  while (text.find('\n') == std::string::npos && text.size() < longest_answer) {
    std::array<char, longest_line> octets{};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * most_sockets)> space{};
    iovec part{octets.data(), octets.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = space.data();
    message.msg_controllen = space.size();
    const auto got = ::recvmsg(socket_, &message, MSG_CMSG_CLOEXEC);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
      return fail(Fault::timeout, "control.sock",
                  "the running server does not answer: it hangs, or is stopped");
    if (got <= 0)
      return fail(Fault::closed, "control.sock",
                  "the running server hung up before it answered: it is ending");
    for (auto* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
      if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
      std::vector<int> found((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
      std::memcpy(found.data(), CMSG_DATA(header), found.size() * sizeof(int));
      if (sockets != nullptr) sockets->insert(sockets->end(), found.begin(), found.end());
    }
    text.append(octets.data(), static_cast<std::size_t>(got));
  }
  text.resize(std::min(text.find('\n'), text.size()));
  if (text.starts_with("refused "))
    return fail(Fault::input, "the running server", text.substr(sizeof "refused"));
  return text;
}

Result<void> RunningServer::reload() {
  if (auto said = say("reload\n"); !said) return said;
  const auto answer = hear(nullptr);
  return answer ? Result<void>() : answer.error();
}

Result<HandoverState> RunningServer::take_over() {
  if (auto said = say("takeover\n"); !said) return said.error();
  HandoverState estate;
  const auto answer = hear(&estate.sockets);
  if (!answer) return answer.error();
  constexpr std::string_view word = "sockets ";
  const auto number = std::string_view(*answer).substr(std::min(word.size(), answer->size()));
  const auto [end, error] =
      std::from_chars(number.data(), number.data() + number.size(), estate.last_id);
  if (!answer->starts_with(word) || error != std::errc())
    return fail(Fault::protocol, "control.sock", "the running server answered '" + *answer + "'");
  return estate;
}

// The sockets are here already: one that has ended accepts nothing more either, and one that hangs
// reads this when it goes on.
Result<void> RunningServer::ready() {
  if (!say("ready\n")) return {};
  const auto answer = hear(nullptr);
  if (answer || answer.error().fault != Fault::input) return {};
  return answer.error();
}

int RunningServer::pid() const {
  ucred peer{};
  socklen_t length = sizeof peer;
  return ::getsockopt(socket_, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 ? peer.pid : 0;
}

Result<std::vector<std::string>> RunningServer::listening() {
  if (auto said = say("listening\n"); !said) return said.error();
  const auto answer = hear(nullptr);
  if (!answer) return answer.error();
  std::vector<std::string> found;
  for (const auto word : split(*answer, ' ')) {
    if (word.starts_with('[')) found.emplace_back(word);
  }
  return found;
}

}  // namespace postroad::daemon
