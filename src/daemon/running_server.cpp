// The end that talks to the running server; see control_socket.hpp.
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <system_error>

#include "base/text.hpp"
#include "daemon/control_address.hpp"
#include "daemon/control_socket.hpp"

namespace postroad::daemon {

namespace {

constexpr std::size_t longest_line = 4096;
constexpr std::size_t longest_listing = 64 << 20;  // bytes: a message with all its recipients
constexpr timeval patience{30, 0};                 // for a reply: a reload may read a slow disk

}  // namespace

namespace {

// Why there is no connection, from errno. Only the absence of the socket, or of a process that
// listens on it, shows that no server runs.
Error cannot_connect(const std::filesystem::path& data) {
  const int code = errno;
  const auto why = std::generic_category().message(code);
  if (code == ENOENT || code == ENOTDIR || code == ECONNREFUSED)
    return fail(Fault::not_found, data.string(), "no server uses this data folder: " + why);
  const bool is_forbidden = code == EACCES || code == EPERM;
  return fail(Fault::io, data.string(),
              "the control socket cannot be opened: " + why +
                  (is_forbidden ? "; run this as the server's user or root" : "; try again"));
}

}  // namespace

Result<RunningServer> RunningServer::connect(const std::filesystem::path& data) {
  const ControlAddress address(data);
  if (!address.is_there()) return cannot_connect(data);
  RunningServer server(Descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)));
  if (!server.socket_) return cannot_connect(data);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, address.path().data(), address.path().size());
  if (::connect(server.socket_.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0)
    return cannot_connect(data);
  ::setsockopt(server.socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return server;
}

Result<void> RunningServer::say(std::string_view line) {
  if (line.size() > longest_request)
    return fail(Fault::input, "the request", "longer than 1 MiB: name fewer or shorter conditions");
  return send_bytes(line);
}

Result<void> RunningServer::send_bytes(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EPIPE)
      return fail(Fault::io, "control.sock",
                  "the running server refuses this user: run this as the server's user or root");
    if (sent < 0) return control_error("the request cannot be sent to the running server");
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

// Appends what has come to `rest_`.
Result<void> RunningServer::receive(std::vector<int>* sockets) {
  std::array<char, longest_line> bytes{};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * most_sockets)> space{};
  iovec part{bytes.data(), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = space.data();
  message.msg_controllen = space.size();
  const auto got = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC);
  if (got < 0 && errno == EINTR) return {};
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
    return fail(Fault::timeout, "control.sock",
                "the running server does not answer: it hangs or is suspended");
  if (got <= 0)
    return fail(Fault::closed, "control.sock",
                "the running server closed the connection before it answered: it is ending");
  for (auto* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    std::vector<int> found((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    std::memcpy(found.data(), CMSG_DATA(header), found.size() * sizeof(int));
    if (sockets != nullptr) sockets->insert(sockets->end(), found.begin(), found.end());
  }
  rest_.append(bytes.data(), static_cast<std::size_t>(got));
  return {};
}

Result<std::string> RunningServer::hear(std::vector<int>* sockets, std::size_t longest) {
  std::size_t seen = 0;
  while (rest_.find('\n', seen) == std::string::npos && rest_.size() < longest) {
    seen = rest_.size();
    if (auto more = receive(sockets); !more) return more.error();
  }
  const auto end = std::min(rest_.find('\n'), rest_.size());
  auto text = rest_.substr(0, end);
  rest_.erase(0, end + 1);
  if (text.starts_with("refused "))
    return fail(Fault::input, "the running server", text.substr(sizeof "refused"));
  return text;
}

Result<Reloaded> RunningServer::reload() {
  if (auto said = say("reload\n"); !said) return said.error();
  constexpr std::string_view word = "warning ";
  Reloaded done;
  for (;;) {
    const auto answer = hear(nullptr);
    if (!answer && answer.error().fault != Fault::input) return answer.error();
    if (!answer) {
      const auto refusal = answer.error();
      for (const auto error : split(refusal.detail, '\t')) done.errors.emplace_back(error);
      return done;
    }
    if (!answer->starts_with(word)) return done;
    done.warnings.push_back(answer->substr(word.size()));
  }
}

Result<std::string> RunningServer::configuration() {
  if (auto said = say("configuration\n"); !said) return said.error();
  auto answer = hear(nullptr);
  if (answer) answer->erase(0, std::min<std::size_t>(answer->size(), std::strlen("ok ")));
  return answer;
}

Result<std::size_t> RunningServer::queue(
    const std::string& request, const std::function<Result<void>(std::string_view)>& take) {
  if (auto said = say("queue " + request + '\n'); !said) return said.error();
  constexpr std::string_view end = "ok ";
  for (;;) {
    const auto line = hear(nullptr, longest_listing);
    if (!line) return line.error();
    if (line->empty()) continue;  // the search goes on
    if (line->starts_with(end)) {
      const auto count = parse_number(std::string_view(*line).substr(end.size()));
      return static_cast<std::size_t>(count.value_or(0));
    }
    if (auto taken = take(*line); !taken) return taken.error();
  }
}

Result<bool> RunningServer::show(const std::string& id, const Sink& take) {
  if (auto said = say("queue show id=" + id + '\n'); !said) return said.error();
  const auto line = hear(nullptr);
  if (!line) return line.error();
  constexpr std::string_view word = "bytes ";
  if (!line->starts_with(word)) return false;
  auto left = parse_number(std::string_view(*line).substr(word.size())).value_or(0);
  Result<void> taken;
  while (left > 0) {
    if (rest_.empty()) {
      const auto more = receive(nullptr);
      if (!more && more.error().fault == Fault::closed)
        return fail(Fault::damaged, "message " + id,
                    std::to_string(left) +
                        " bytes are missing at its end: the server cannot read "
                        "it, and its log says why");
      if (!more) return more.error();
    }
    const auto piece = std::min<std::size_t>(rest_.size(), left);
    // Bytes that are not taken are read nevertheless: the next answer is behind them.
    if (taken) taken = take(std::string_view(rest_).substr(0, piece));
    rest_.erase(0, piece);
    left -= piece;
  }
  const auto last = hear(nullptr);
  if (!taken) return taken.error();
  return last ? Result<bool>(true) : last.error();
}

// The server asks for the bytes once it has accepted the envelope. If they cannot be sent, it waits
// for the rest until this connection ends, as it does here, and stores nothing.
Result<std::string> RunningServer::put(std::string_view envelope, std::uint64_t size, Holds holds,
                                       const std::function<Result<void>(const Sink&)>& give) {
  const auto request = "queue put " + std::to_string(envelope.size()) + ' ' + std::to_string(size) +
                       (holds == Holds::keep  ? " keep\n"
                        : holds == Holds::end ? " release\n"
                                              : " hold\n");
  if (auto said = say(request); !said) return said.error();
  if (auto sent = send_bytes(envelope); !sent) return sent.error();
  if (const auto asked = hear(nullptr); !asked) return asked.error();
  auto left = size;
  const auto given = give([&](std::string_view bytes) -> Result<void> {
    if (bytes.size() > left)
      return fail(Fault::data, {}, "the message is longer than its envelope says");
    left -= bytes.size();
    return send_bytes(bytes);
  });
  if (!given || left > 0) {
    socket_ = Descriptor();  // the next request would be taken for the rest of the message
    if (!given) return given.error();
    return fail(Fault::data, {}, "the message is shorter than its envelope says");
  }
  auto id = hear(nullptr);
  const auto last = id ? hear(nullptr) : id;
  if (last) return id;
  auto error = last.error();
  error.may_have_been_delivered = error.fault != Fault::input;
  return error;
}

Result<HandoverState> RunningServer::take_over() {
  if (auto said = say("takeover\n"); !said) return said.error();
  HandoverState handover_state;
  const auto answer = hear(&handover_state.sockets);
  if (!answer) return answer.error();
  constexpr std::string_view word = "sockets ";
  const auto number = std::string_view(*answer).substr(std::min(word.size(), answer->size()));
  const auto [end, error] =
      std::from_chars(number.data(), number.data() + number.size(), handover_state.last_id);
  if (!answer->starts_with(word) || error != std::errc())
    return fail(Fault::protocol, "control.sock", "the running server answered '" + *answer + "'");
  return handover_state;
}

// The sockets are here already. A server that has ended accepts nothing, and one that hangs reads
// this request when it continues.
Result<void> RunningServer::ready() {
  if (!say("ready\n")) return {};
  const auto answer = hear(nullptr);
  if (answer || answer.error().fault != Fault::input) return {};
  return answer.error();
}

int RunningServer::pid() const {
  ucred peer{};
  socklen_t length = sizeof peer;
  return ::getsockopt(socket_.get(), SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 ? peer.pid : 0;
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
