// Latency of one mail transaction at a given number of sessions: threads with a client each, one
// connection each, the time from MAIL to the reply to the final dot. Prints JSON. Not a measure of
// throughput: the load shares the machine with the server.
#include <postroad/client.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
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

std::vector<double> run_session(const std::string& url, int mails, const std::string& octets) {
  std::vector<double> times;
  postroad::Client client(url);
  const postroad::Envelope envelope{{"a", "bench.example"}, {{"b", "bench.example"}}};
  if (!client.connect()) return times;
  for (int i = -warm_up; i < mails; ++i) {
    Repeated source(octets);
    const auto begin = std::chrono::steady_clock::now();
    const auto report = client.send(envelope, source);
    if (!report || !report->all_accepted()) return times;
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    if (i >= 0) times.push_back(took.count());
  }
  client.quit();
  return times;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: smtp_latency URL SESSIONS MAILS-A-SESSION OCTETS\n");
    return 64;
  }
  const int sessions = std::atoi(argv[2]);
  const int mails = std::atoi(argv[3]);
  const auto octets = make_message(static_cast<std::size_t>(std::atoi(argv[4])));
  std::vector<std::vector<double>> results(static_cast<std::size_t>(sessions));
  std::vector<std::thread> threads;
  for (auto& result : results)
    threads.emplace_back([&] { result = run_session(argv[1], mails, octets); });
  for (auto& thread : threads) thread.join();
  std::vector<double> all;
  for (const auto& result : results) all.insert(all.end(), result.begin(), result.end());
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
