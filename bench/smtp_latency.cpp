// Latency of one mail transaction at a given number of sessions: one client and one connection per
// session, the time from MAIL to the reply to the final dot. Prints JSON. Not a measure of
// throughput: the load shares the machine with the server.
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

constexpr int warm_up = 5;  // messages per session that are not counted

// The same bytes for every message, without composing.
class Repeated final : public postroad::MessageSource {
 public:
  explicit Repeated(const std::string& bytes) : bytes_(bytes) {}
  postroad::Result<std::string_view> next() override {
    const bool first = !std::exchange(given_, true);
    return first ? std::string_view(bytes_) : std::string_view{};
  }
  [[nodiscard]] std::optional<std::uint64_t> size() const override { return bytes_.size(); }

 private:
  const std::string& bytes_;
  bool given_ = false;
};

std::string make_message(std::size_t size) {
  std::string bytes = "From: <a@bench.example>\r\nTo: <b@bench.example>\r\nSubject: bench\r\n\r\n";
  while (bytes.size() < size) bytes += std::string(76, 'x') + "\r\n";
  return bytes;
}

// Sessions that each send one message after the other.
class Load {
 public:
  Load(const std::string& url, int sessions, int messages, std::string bytes)
      : messages_(messages), bytes_(std::move(bytes)), open_(sessions) {
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
  struct TimedClient {
    explicit TimedClient(postroad::AsyncClient c) : client(std::move(c)) {}
    postroad::AsyncClient client;
    std::optional<Repeated> source;
    Clock::time_point begin;
    int sent = 0;
  };

  void send(TimedClient& session) {
    session.source.emplace(bytes_);
    session.begin = Clock::now();
    session.client.start_send({{"a", "bench.example"}, {{"b", "bench.example"}}}, *session.source,
                              [this, &session](const postroad::Result<postroad::SendReport>& sent) {
                                took(session, sent && sent->all_accepted());
                              });
  }
  void took(TimedClient& session, bool accepted) {
    const std::chrono::duration<double, std::milli> time = Clock::now() - session.begin;
    const bool goes_on = accepted && ++session.sent < warm_up + messages_;
    {
      const std::lock_guard lock(mutex_);
      if (accepted && session.sent > warm_up) times_.push_back(time.count());
      if (!goes_on && --open_ == 0) bell_.notify_one();
    }
    if (goes_on) send(session);
  }

  int messages_;
  std::string bytes_;
  std::mutex mutex_;
  std::condition_variable bell_;
  std::vector<double> times_;
  int open_;
  std::deque<TimedClient> clients_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: smtp_latency URL SESSIONS MESSAGES-PER-SESSION BYTES\n");
    return 64;
  }
  const int sessions = std::atoi(argv[2]);
  const int messages = std::atoi(argv[3]);
  Load load(argv[1], sessions, messages,
            make_message(static_cast<std::size_t>(std::atoi(argv[4]))));
  auto all = load.wait();
  std::sort(all.begin(), all.end());
  if (all.size() < static_cast<std::size_t>(sessions) * static_cast<std::size_t>(messages)) {
    std::fprintf(stderr, "smtp_latency: only %zu of %d messages were accepted\n", all.size(),
                 sessions * messages);
    return 75;
  }
  const auto at = [&](double share) {
    return all[static_cast<std::size_t>(share * static_cast<double>(all.size() - 1))];
  };
  std::printf("{\"p50_ms\":%.2f,\"p99_ms\":%.2f}\n", at(0.5), at(0.99));
  return 0;
}
