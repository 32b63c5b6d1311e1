// Sends so many mails of one size over so many connections, by the blocking client for one and the
// pool for more: `smtp_send URL CONNECTIONS MAILS OCTETS`. Prints nothing; exit code 1 when a mail
// was not accepted.
#include <condition_variable>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <postroad/pool.hpp>
#include <string>

namespace {

class Octets final : public postroad::MessageSource {
 public:
  explicit Octets(std::string_view text) : text_(text), left_(text) {}
  postroad::Result<std::string_view> next() override { return std::exchange(left_, {}); }
  bool rewind() override {
    left_ = text_;
    return true;
  }
  [[nodiscard]] std::optional<std::uint64_t> size() const override { return text_.size(); }

 private:
  std::string_view text_;
  std::string_view left_;
};

std::string make_text(std::size_t octets) {
  std::string text = "Subject: bench\r\n\r\n";
  while (text.size() < octets)
    text += "0123456789012345678901234567890123456789012345678901234567890123\r\n";
  return text;
}

bool is_good(const postroad::Result<postroad::SendReport>& report) {
  if (report && report->all_accepted()) return true;
  std::cerr << (report ? report->recipients[0].reply.one_line() : report.error().text()) << '\n';
  return false;
}

bool send_by_one(const char* url, const postroad::Envelope& envelope, const std::string& text,
                 std::size_t mails) {
  postroad::Client client{url};
  for (std::size_t i = 0; i < mails; ++i) {
    Octets source(text);
    if (!is_good(client.send(envelope, source))) return false;
  }
  return client.quit().has_value();
}

bool send_by_many(const char* url, const postroad::Envelope& envelope, const std::string& text,
                  std::size_t connections, std::size_t mails) {
  postroad::Pool pool({url}, {}, {.connections = connections, .mails_per_connection = 0});
  std::mutex mutex;
  std::condition_variable bell;
  std::size_t ended = 0;
  bool all_good = true;
  std::vector<std::unique_ptr<Octets>> sources;
  for (std::size_t i = 0; i < 2 * connections; ++i)
    sources.push_back(std::make_unique<Octets>(text));
  std::vector<Octets*> idle;
  for (const auto& source : sources) idle.push_back(source.get());
  for (std::size_t i = 0; i < mails; ++i) {
    Octets* source = nullptr;
    {
      std::unique_lock lock(mutex);
      bell.wait(lock, [&] { return !idle.empty(); });
      source = idle.back();
      idle.pop_back();
    }
    source->rewind();
    pool.start_send(envelope, *source, [&, source](postroad::Result<postroad::SendReport> report) {
      const bool good = is_good(report);
      const std::lock_guard lock(mutex);
      all_good = all_good && good;
      idle.push_back(source);
      ++ended;
      bell.notify_one();
    });
  }
  std::unique_lock lock(mutex);
  bell.wait(lock, [&] { return ended == mails; });
  lock.unlock();
  return pool.close(std::chrono::seconds(10)) && all_good;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::cerr << "smtp_send URL CONNECTIONS MAILS OCTETS\n";
    return 64;
  }
  const std::size_t connections = std::stoul(argv[2]);
  const std::size_t mails = std::stoul(argv[3]);
  const auto text = make_text(std::stoul(argv[4]));
  const postroad::Envelope envelope{*postroad::Mailbox::parse("a@bench.example"),
                                    {*postroad::Mailbox::parse("b@bench.example")}};
  const bool good = connections == 1 ? send_by_one(argv[1], envelope, text, mails)
                                     : send_by_many(argv[1], envelope, text, connections, mails);
  return good ? 0 : 1;
}
