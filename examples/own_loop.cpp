// Sends a message over each of several connections at once, in an event loop on poll(2), with the
// machine of postroad/machine.hpp. Not here: TLS (see docs/guide/own-loop.md) and name lookup
// without blocking.
//
//   own_loop smtp://127.0.0.1:2525 10
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <postroad/machine.hpp>
#include <string>
#include <vector>

using postroad::Fault;
using postroad::Machine;
using Wish = Machine::Wish;

// A non-blocking socket that connects to the server; -1 when there is none. The first read shows
// whether the connection succeeded.
static int start_to_connect(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return -1;
  const int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd >= 0) (void)::connect(fd, found->ai_addr, found->ai_addrlen);
  ::freeaddrinfo(found);
  return fd;
}

class Session {
 public:
  Session(const char* url, const postroad::ClientOptions& options, const postroad::Message& message)
      : machine_(url, options),
        envelope_{message.reverse_path(), message.recipients()},
        source_(message.source().value()) {
    machine_.open();
    if (!machine_.error()) fd_ = start_to_connect(machine_.host(), machine_.port());
    if (fd_ < 0) machine_.failed(postroad::fail(Fault::resolve, {}, "the host has no address"));
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() {
    if (fd_ >= 0) ::close(fd_);
  }

  // Continues as far as possible without waiting. False: the session is over.
  bool go_on(Machine::Time now) {
    for (;;) {
      const auto action = machine_.next(now);
      deadline_ = action.deadline;
      ssize_t n = 0;
      switch (action.wish) {
        case Wish::send:
          n = ::send(fd_, action.bytes.data(), action.bytes.size(), MSG_NOSIGNAL);
          if (n >= 0) machine_.sent(static_cast<std::size_t>(n));
          break;
        case Wish::receive:
          n = ::recv(fd_, buffer_, sizeof buffer_, 0);
          if (n > 0) machine_.received({buffer_, static_cast<std::size_t>(n)});
          if (n == 0) machine_.closed();
          break;
        case Wish::start_tls:
          machine_.failed(postroad::fail(Fault::tls, {}, "this example has no TLS"));
          break;
        case Wish::consult:
          machine_.body_from(*source_);
          break;
        case Wish::done:
          if (!begin_next()) return false;
          break;
      }
      if (n >= 0) continue;
      if (errno != EAGAIN && errno != EINTR) {
        machine_.failed(postroad::fail(Fault::closed, {}, std::strerror(errno)));
      } else if (now >= deadline_) {
        machine_.timed_out();
      } else {
        events_ = action.wish == Wish::send ? POLLOUT : POLLIN;
        return true;
      }
    }
  }

  [[nodiscard]] pollfd waits_for() const { return {fd_, events_, 0}; }
  [[nodiscard]] Machine::Time deadline() const { return deadline_; }
  [[nodiscard]] bool was_accepted() const { return accepted_; }

 private:
  // The last operation is over: reads its result and begins the next.
  bool begin_next() {
    switch (step_++) {
      case 0:
        if (machine_.error()) break;
        machine_.send(envelope_, *source_);
        return true;
      case 1:
        if (const auto report = machine_.report()) {
          for (const auto& one : report->recipients)
            std::cout << one.address << ' ' << one.outcome << ' ' << one.reply << '\n';
          accepted_ = report->all_accepted();
          if (!machine_.is_usable()) return false;
          machine_.quit();
          return true;
        }
        break;
      default:
        return false;
    }
    std::cerr << *machine_.error() << '\n';
    return false;
  }

  Machine machine_;
  postroad::Envelope envelope_;
  std::unique_ptr<postroad::MessageSource> source_;
  int fd_ = -1;
  int step_ = 0;
  bool accepted_ = false;
  short events_ = 0;
  Machine::Time deadline_{};
  char buffer_[16384];
};

int main(int argc, char** argv) {
  const char* url = argc > 1 ? argv[1] : "smtp://127.0.0.1:2525";
  const int count = argc > 2 ? std::atoi(argv[2]) : 3;
  postroad::ClientOptions options;
  options.tls.policy = postroad::Tls::never;
  options.helo_name = "[127.0.0.1]";
  const auto message = postroad::Message{}
                           .from("me@example.org")
                           .to("you@example.net")
                           .subject("from my own event loop")
                           .text("hello");

  std::vector<std::unique_ptr<Session>> sessions;
  for (int i = 0; i < count; ++i)
    sessions.push_back(std::make_unique<Session>(url, options, message));
  int accepted = 0;
  for (;;) {
    const auto now = std::chrono::steady_clock::now();
    std::erase_if(sessions, [&](const auto& session) {
      const bool over = !session->go_on(now);
      if (over && session->was_accepted()) ++accepted;
      return over;
    });
    if (sessions.empty()) break;
    auto first = Machine::Time::max();
    std::vector<pollfd> waits;
    for (const auto& session : sessions) {
      waits.push_back(session->waits_for());
      first = std::min(first, session->deadline());
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(first - now).count();
    ::poll(waits.data(), waits.size(), static_cast<int>(std::clamp<long>(left + 1, 0, 60'000)));
  }
  return accepted == count ? 0 : 1;
}
