// Every transcript over real sockets and real TLS: the machine under the driver of src/net on one
// side, on the other a peer that reads its lines from the file. In whole packets, line by line and
// byte by byte; with the connection closed or reset at each of the peer's turns, and with a peer
// that stops in the middle. Deadlines that a transcript needs are short.
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>

#include "harness.hpp"
#include "net/drive.hpp"
#include "play.hpp"

namespace postroad::transcripts {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Kind = Turn::Kind;

constexpr int patience_s = 20;              // of the peer's reads: reached only by a failing test
constexpr std::size_t most_by_byte = 4000;  // bytes of a transcript that is sent byte by byte
constexpr std::size_t most_faulted_turns = 12;  // of one transcript; the long ones are sampled

const net::TlsContext& server_tls() {
  static const auto context = [] {
    const auto& certificates = loopback::Certificates::get();
    return net::TlsContext::server(
               {.certificate = certificates.server, .key = certificates.server, .client_ca = {}})
        .value();
  }();
  return context;
}

const net::TlsContext& client_tls() {
  static const auto context =
      net::TlsContext::client({.ca_file = loopback::Certificates::get().ca}).value();
  return context;
}

/// The position of the side under test in the `do:` lines; the peer waits for it.
class Progress final {
 public:
  void advance(std::size_t turn) {
    const std::lock_guard lock(mutex_);
    move_ = turn;
    bell_.notify_all();
  }
  bool wait_for(std::size_t turn) {
    std::unique_lock lock(mutex_);
    return bell_.wait_for(lock, std::chrono::seconds(patience_s), [&] { return move_ >= turn; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable bell_;
  std::size_t move_ = 0;
};

/// The peer: sends its side's turns, and reads the other's before it goes on. On a thread of its
/// own, with a blocking socket.
class Peer final {
 public:
  Peer(const Transcript& script, Kind own, Chunking chunking, FaultAt fault, Progress* progress)
      : script_(script), own_(own), chunking_(chunking), fault_(fault), progress_(progress) {}
  ~Peer() { SSL_free(ssl_); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  void run(int socket) {
    socket_ = socket;
    const timeval patience{patience_s, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const int yes = 1;
    ::setsockopt(socket_, IPPROTO_TCP, 1 /* TCP_NODELAY */, &yes, sizeof yes);
    std::string group;
    bool alive = true;
    for (std::size_t i = 0; i < script_.turns.size() && alive; ++i) {
      const auto& turn = script_.turns[i];
      if (turn.kind == own_) {
        if (group.empty()) alive = hear(i);
        group += turn.bytes;
        continue;
      }
      alive = alive && say(std::exchange(group, {}));
      if (turn.kind == Kind::perform && progress_ != nullptr)
        alive = alive && progress_->wait_for(i);
      if (turn.kind == Kind::tls) alive = alive && hear(i) && shake_hands();
      if (turn.kind == Kind::timeout && alive) stay_silent();
      if (turn.kind == (own_ == Kind::client ? Kind::client_closed : Kind::server_closed)) break;
    }
    if (alive && !group.empty()) alive = say(group);
    // Everything up to the other's end.
    if (alive && (ssl_ != nullptr)) SSL_shutdown(ssl_);
    ::shutdown(socket_, SHUT_WR);
    if (alive) stay_silent();
  }

  [[nodiscard]] const std::string& heard() const { return heard_; }
  [[nodiscard]] std::size_t pieces() const { return pieces_; }

 private:
  [[nodiscard]] Kind other() const { return own_ == Kind::client ? Kind::server : Kind::client; }

  bool hear(std::size_t turns) {
    const auto expected = bytes_of(script_, other(), turns);
    while (!matches(expected, heard_)) {
      if (!read_some()) return false;
    }
    return true;
  }

  bool read_some() {
    char buffer[4096];
    const auto count = ssl_ != nullptr ? SSL_read(ssl_, buffer, sizeof buffer)
                                       : ::recv(socket_, buffer, sizeof buffer, 0);
    if (count <= 0) return false;
    heard_.append(buffer, static_cast<std::size_t>(count));
    return true;
  }

  bool say(const std::string& bytes) {
    for (std::size_t at = 0; at < bytes.size();) {
      if (fault_.failure != Failure::none && pieces_ == fault_.step) return fail_now();
      const auto count = piece_size(bytes, at, chunking_);
      const auto sent = ssl_ != nullptr
                            ? SSL_write(ssl_, bytes.data() + at, static_cast<int>(count))
                            : ::send(socket_, bytes.data() + at, count, MSG_NOSIGNAL);
      if (sent <= 0) return false;
      at += static_cast<std::size_t>(sent);
      ++pieces_;
    }
    return true;
  }

  bool fail_now() {
    if (fault_.failure == Failure::timeout) {
      stay_silent();
    }
    if (fault_.failure == Failure::reset) {
      const linger at_once{1, 0};
      ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    return false;
  }

  /// Waits until the other side gives up.
  void stay_silent() {
    while (read_some()) {
    }
  }

  bool shake_hands() {
    const auto& context = own_ == Kind::client ? client_tls() : server_tls();
    ssl_ = SSL_new(context.handle());
    SSL_set_fd(ssl_, socket_);
    if (own_ == Kind::client) SSL_set1_host(ssl_, "localhost");
    const int done = own_ == Kind::client ? SSL_connect(ssl_) : SSL_accept(ssl_);
    return done == 1;
  }

  const Transcript& script_;
  Kind own_;
  Chunking chunking_;
  FaultAt fault_;
  Progress* progress_;
  int socket_ = -1;
  SSL* ssl_ = nullptr;
  std::string heard_;
  std::size_t pieces_ = 0;
};

struct ServerSide {
  Canned& canned;
  bool answer_now(smtp::ServerMachine& machine) const {
    canned.answer(machine);
    return true;
  }
  asio::awaitable<void> answer(smtp::ServerMachine&) const { co_return; }
  asio::awaitable<Result<proto::TlsFacts>> handshake(net::Stream& stream, net::Time until) const {
    co_return co_await stream.handshake_server(server_tls(), until);
  }
};

struct ClientSide {
  const Operation* operation = nullptr;
  std::size_t at = 0;
  Chunking chunking = Chunking::whole;
  bool answer_now(smtp::ClientMachine& machine) {
    const std::string_view text = operation->text;
    if (at < text.size()) {
      const auto count = body_piece(*operation, at, chunking);
      machine.body(text.substr(at, count));
      at += count;
    } else if (operation->unreadable) {
      machine.body_failed(fail(Fault::io, "attachment", "cannot be read"));
    } else {
      machine.body_end();
    }
    return true;
  }
  asio::awaitable<void> answer(smtp::ClientMachine&) const { co_return; }
  asio::awaitable<Result<proto::TlsFacts>> handshake(net::Stream& stream, net::Time until) const {
    co_return co_await stream.handshake_client(client_tls(), {"localhost"}, until);
  }
};

/// Two connected sockets on loopback; the peer's is blocking.
struct Pair {
  explicit Pair(asio::io_context& context) : ours(context), theirs(context) {
    tcp::acceptor acceptor(context, {asio::ip::make_address("127.0.0.1"), 0});
    theirs.connect(acceptor.local_endpoint());
    ours = acceptor.accept();
  }
  tcp::socket ours, theirs;
};

bool needs_a_clock(const Transcript& script) {
  for (const auto& turn : script.turns) {
    if (turn.kind == Kind::timeout) return true;
  }
  return false;
}

/// Short if the transcript is about a deadline, or the peer stops; otherwise the usual ones.
std::optional<std::chrono::milliseconds> short_deadline(const Transcript& script, FaultAt fault) {
  if (fault.failure == Failure::timeout) return std::chrono::milliseconds(40);
  if (needs_a_clock(script)) return std::chrono::milliseconds(1000);
  return std::nullopt;
}

Played over_loopback_server(const Transcript& script, Chunking chunking, FaultAt fault) {
  asio::io_context context;
  Pair pair(context);
  Peer peer(script, Kind::client, chunking, fault, nullptr);
  std::thread thread([&] {
    peer.run(pair.theirs.native_handle());
    pair.theirs.close();
  });
  auto options = server_options(script);
  if (const auto deadline = short_deadline(script, fault))
    options.limits.command = options.limits.data_block = options.limits.handshake = *deadline;
  smtp::ServerMachine machine(options);
  Canned canned(script);
  bool ended = false;
  asio::co_spawn(
      context,
      [&, stream = net::Stream(std::move(pair.ours))]() mutable -> asio::awaitable<void> {
        net::BufferPool buffers;
        ServerSide side{canned};
        if (options.tls ==
            smtp::TlsMode::implicit) {  // the listener does this before the machine starts
          const auto until = proto::Clock::now() + std::chrono::seconds(patience_s);
          const auto facts = co_await side.handshake(stream, until);
          if (facts)
            machine.tls_up(*facts);
          else
            machine.failed(facts.error());
        }
        co_await net::drive(stream, machine, side, {&buffers});
        co_await stream.finish(proto::Clock::now() + std::chrono::seconds(patience_s));
        ended = true;
      },
      asio::detached);
  context.run();
  thread.join();
  Played played{{}, peer.pieces(), ended};
  played.problem = check_kept(script, machine, canned);
  if (fault.failure != Failure::none || !played.problem.empty()) return played;
  if (const auto all = bytes_of(script, Kind::server, script.turns.size());
      !matches(all, peer.heard()))
    played.problem = "the server said\n" + peer.heard() + "in place of\n" + all;
  if (played.problem.empty()) played.problem = check_expectations(script, machine, canned);
  return played;
}

Played over_loopback_client(const Transcript& script, Chunking chunking, FaultAt fault) {
  asio::io_context context;
  Pair pair(context);
  Progress progress;
  Peer peer(script, Kind::server, chunking, fault, &progress);
  std::thread thread([&] {
    peer.run(pair.theirs.native_handle());
    pair.theirs.close();
  });
  auto options = client_options(script);
  if (const auto deadline = short_deadline(script, fault)) {
    options.timeouts = {*deadline, *deadline, *deadline, *deadline, *deadline, *deadline};
  }
  smtp::ClientMachine machine(std::move(options));
  std::optional<Error> error;
  SendReport report;
  bool ended = false;
  asio::co_spawn(
      context,
      [&, stream = net::Stream(std::move(pair.ours))]() mutable -> asio::awaitable<void> {
        net::BufferPool buffers;
        ClientSide side;
        side.chunking = chunking;
        bool performed = false;
        for (std::size_t i = 0; i < script.turns.size(); ++i) {
          if (script.turns[i].kind != Kind::perform) continue;
          progress.advance(i);
          if (std::exchange(performed, true) && !machine.is_usable() && error) continue;
          const auto operation = read_operation(script.turns[i].bytes);
          side.operation = &operation;
          side.at = 0;
          begin(machine, operation);
          co_await net::drive(stream, machine, side, {&buffers});
          if (machine.error() && !error) error = machine.error();
          if (!machine.report().recipients.empty()) report = machine.report();
        }
        progress.advance(script.turns.size());
        stream.close();
        ended = true;
      },
      asio::detached);
  context.run();
  thread.join();
  Played played{{}, peer.pieces(), ended};
  const bool faulted = fault.failure != Failure::none && error.has_value();
  const ClientFacts facts{machine, error, report, peer.heard(), faulted};
  // The peer of a closed connection has not received everything.
  if (fault.failure != Failure::none) return played;
  played.problem = check_outcomes(facts);
  if (const auto all = bytes_of(script, Kind::client, script.turns.size());
      played.problem.empty() && !matches(all, peer.heard()))
    played.problem = "the client said\n" + peer.heard() + "in place of\n" + all;
  if (played.problem.empty()) played.problem = check_expectations(script, facts);
  return played;
}

/// The machine notices plaintext behind STARTTLS, or behind its 220, only in the same piece.
bool injects_before_tls(const Transcript& script) {
  const auto& guards = script.guards;
  return std::find(guards.begin(), guards.end(), "starttls-injection") != guards.end();
}

std::size_t bytes_in(const Transcript& script) {
  std::size_t bytes = 0;
  for (const auto& turn : script.turns) bytes += turn.bytes.size();
  return bytes;
}

// The peer of an OpenSSL write may be gone.
const auto no_sigpipe = ::signal(SIGPIPE, SIG_IGN);

class OverLoopback : public testing::TestWithParam<std::string> {
 protected:
  template <class Play>
  void play(const Transcript& script, Play play_one) const {
    std::size_t pieces = 0;
    for (const auto chunking : {Chunking::whole, Chunking::by_byte, Chunking::by_line}) {
      if (chunking != Chunking::whole && (injects_before_tls(script) || needs_a_clock(script)))
        continue;
      if (chunking == Chunking::by_byte && bytes_in(script) > most_by_byte) continue;
      const auto played = play_one(script, chunking, FaultAt{});
      ASSERT_TRUE(played.ended) << script.file << " does not end";
      ASSERT_EQ(played.problem, "") << script.file << ": " << script.title;
      pieces = played.steps;
    }
    const auto silent = play_one(script, Chunking::by_line, FaultAt{Failure::timeout, pieces / 2});
    ASSERT_TRUE(silent.ended) << script.file << " does not end, silent at piece " << pieces / 2;
    ASSERT_EQ(silent.problem, "") << script.file << " silent at piece " << pieces / 2;
    const auto stride = 1 + pieces / most_faulted_turns;
    for (const auto failure : {Failure::end_of_stream, Failure::reset}) {
      for (std::size_t step = 0; step < pieces; step += stride) {
        const auto played = play_one(script, Chunking::by_line, FaultAt{failure, step});
        ASSERT_TRUE(played.ended) << script.file << " does not end, cut at piece " << step;
        ASSERT_EQ(played.problem, "") << script.file << " cut at piece " << step;
      }
    }
  }
};

TEST_P(OverLoopback, Server) {
  const auto script = read_transcript(GetParam());
  if (script.for_server) play(script, over_loopback_server);
}

TEST_P(OverLoopback, Client) {
  const auto script = read_transcript(GetParam());
  if (script.for_client) play(script, over_loopback_client);
}

INSTANTIATE_TEST_SUITE_P(Transcripts, OverLoopback, testing::ValuesIn(all_transcripts()),
                         [](const auto& one) { return name_of(one.param); });

}  // namespace
}  // namespace postroad::transcripts
