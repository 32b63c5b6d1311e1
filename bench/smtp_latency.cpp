// Latency of one mail transaction at a given number of sessions: a client each, one connection
// each, the time from MAIL to the reply to the final dot. Prints JSON. Not a measure of throughput:
// the load shares the machine with the server.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <optional>
#include <postroad/async.hpp>
#include <string>
#include <vector>

namespace {

constexpr int warm_up = 5;  // mails of each session that are not counted

// The same octets again and again, without composing.
class Repeated final : public postroad::MessageSource {
 public:
  explicit Repeated(const std::string& octets) : octets_(octets) {}
  postroad::Result<std::string_view> next() override {
    const bool first = !std::exchange(given_, true);
    return first ? std::string_view(octets_) : std::string_view{};
  }
  [[nodiscard]] std::optional<std::uint64_t> size() const override { return octets_.size(); }

 private:
  const std::string& octets_;
  bool given_ = false;
};

std::string make_message(std::size_t size) {
  std::string octets = "From: <a@bench.example>\r\nTo: <b@bench.example>\r\nSubject: bench\r\n\r\n";
  while (octets.size() < size) octets += std::string(76, 'x') + "\r\n";
  return octets;
}

// Sessions that each send one mail after the other; the library's one thread carries them all, so
// that fifty sessions are not fifty threads that wait for each other.
class Load {
 public:
  Load(const std::string& url, int sessions, int mails, std::string octets)
      : mails_(mails), octets_(std::move(octets)), open_(sessions) {
    for (int i = 0; i < sessions; ++i) clients_.emplace_back(postroad::AsyncClient(url));
    for (auto& session : clients_) send(session);
  }
  std::vector<double> wait() {
    std::unique_lock lock(mutex_);
    bell_.wait(lock, [this] { return open_ == 0; });
    return times_;
  }

 private:
  using Clock = std::chrono::steady_clock;
  struct Session {
    explicit Session(postroad::AsyncClient c) : client(std::move(c)) {}
    postroad::AsyncClient client;
    std::optional<Repeated> source;
    Clock::time_point begin;
    int sent = 0;
  };

  void send(Session& session) {
    session.source.emplace(octets_);
    session.begin = Clock::now();
    session.client.start_send({{"a", "bench.example"}, {{"b", "bench.example"}}}, *session.source,
                              [this, &session](const postroad::Result<postroad::SendReport>& sent) {
                                took(session, sent && sent->all_accepted());
                              });
  }
  void took(Session& session, bool accepted) {
    const std::chrono::duration<double, std::milli> time = Clock::now() - session.begin;
    const bool goes_on = accepted && ++session.sent < warm_up + mails_;
    {
      const std::lock_guard lock(mutex_);
      if (accepted && session.sent > warm_up) times_.push_back(time.count());
      if (!goes_on && --open_ == 0) bell_.notify_one();
    }
    if (goes_on) send(session);
  }

  int mails_;
  std::string octets_;
  std::mutex mutex_;
  std::condition_variable bell_;
  std::vector<double> times_;
  int open_;
  std::deque<Session> clients_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: smtp_latency URL SESSIONS MAILS-A-SESSION OCTETS\n");
    return 64;
  }
  const int sessions = std::atoi(argv[2]);
  const int mails = std::atoi(argv[3]);
  Load load(argv[1], sessions, mails, make_message(static_cast<std::size_t>(std::atoi(argv[4]))));
  auto all = load.wait();
  std::sort(all.begin(), all.end());
  if (all.size() < static_cast<std::size_t>(sessions) * static_cast<std::size_t>(mails)) {
    std::fprintf(stderr, "smtp_latency: only %zu of %d mails were accepted\n", all.size(),
                 sessions * mails);
    return 75;
  }
  const auto at = [&](double share) {
    return all[static_cast<std::size_t>(share * static_cast<double>(all.size() - 1))];
  };
  std::printf("{\"p50_ms\":%.2f,\"p99_ms\":%.2f}\n", at(0.5), at(0.99));
  return 0;
}
