// Sends a number of messages of one size over a number of connections, with the blocking client for
// one connection and the pool for more: `smtp_send URL CONNECTIONS MESSAGES BYTES [pool]`; `pool`:
// with the pool for one, too. Prints nothing;
// exit code 1 when a message was not accepted.
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <postroad/pool.hpp>
#include <string>

namespace {

class Text final : public postroad::MessageSource {
 public:
  explicit Text(std::string_view text) : text_(text), left_(text) {}
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

std::string make_text(std::size_t bytes) {
  std::string text = "Subject: bench\r\n\r\n";
  while (text.size() < bytes)
    text += "0123456789012345678901234567890123456789012345678901234567890123\r\n";
  return text;
}

bool is_good(const postroad::Result<postroad::SendReport>& report) {
  if (report && report->all_accepted()) return true;
  std::cerr << (report ? report->recipients[0].reply.one_line() : report.error().text()) << '\n';
  return false;
}

bool send_by_one(const char* url, const postroad::Envelope& envelope, const std::string& text,
                 std::size_t messages) {
  postroad::Client client{url};
  for (std::size_t i = 0; i < messages; ++i) {
    Text source(text);
    if (!is_good(client.send(envelope, source))) return false;
  }
  return client.quit().has_value();
}

// Two calls per connection, so that one always waits; each starts the next.
class Many final {
 public:
  Many(const char* url, const postroad::Envelope& envelope, const std::string& text,
       std::size_t connections, std::size_t messages)
      : envelope_(envelope),
        left_(messages),
        pool_({url}, {}, {.connections = connections, .messages_per_connection = 0}) {
    for (std::size_t i = 0; i < 2 * connections; ++i)
      sources_.push_back(std::make_unique<Text>(text));
  }
  bool run() {
    under_way_ = sources_.size();
    for (const auto& source : sources_) start(*source);
    std::unique_lock lock(mutex_);
    bell_.wait(lock, [&] { return under_way_ == 0; });
    lock.unlock();
    return pool_.close(std::chrono::seconds(10)) && all_good_;
  }

 private:
  void start(Text& source) {
    {
      const std::lock_guard lock(mutex_);
      if (left_ == 0) {
        if (--under_way_ == 0) bell_.notify_one();
        return;
      }
      --left_;
    }
    source.rewind();
    pool_.start_send(envelope_, source,
                     [this, &source](const postroad::Result<postroad::SendReport>& report) {
                       if (!is_good(report)) all_good_ = false;
                       start(source);
                     });
  }

  const postroad::Envelope& envelope_;
  std::vector<std::unique_ptr<Text>> sources_;
  std::mutex mutex_;
  std::condition_variable bell_;
  std::size_t left_;
  std::size_t under_way_ = 0;
  std::atomic<bool> all_good_ = true;
  postroad::Pool pool_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5 && argc != 6) {
    std::cerr << "smtp_send URL CONNECTIONS MESSAGES BYTES [pool]\n";
    return 64;
  }
  const std::size_t connections = std::stoul(argv[2]);
  const std::size_t messages = std::stoul(argv[3]);
  const auto text = make_text(std::stoul(argv[4]));
  const postroad::Envelope envelope{*postroad::Mailbox::parse("a@bench.example"),
                                    {*postroad::Mailbox::parse("b@bench.example")}};
  const bool good = connections == 1 && argc == 5
                        ? send_by_one(argv[1], envelope, text, messages)
                        : Many(argv[1], envelope, text, connections, messages).run();
  return good ? 0 : 1;
}
