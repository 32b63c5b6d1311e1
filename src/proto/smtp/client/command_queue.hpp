// Commands on their way out and the replies that are awaited, paired in order. One code serves
// pipelined and plain sessions: every command that is written leaves an Expect.
#pragma once

#include <cstdint>
#include <deque>
#include <postroad/stage.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace postroad::smtp {

/// The command or data that a reply answers.
enum class Exchange : std::uint8_t {
  greeting,
  ehlo,
  helo,
  starttls,
  xclient,
  auth,
  mail,
  rcpt,
  data,
  chunk,
  end_of_data,
  end_of_recipient,
  rset,
  command,
  quit
};

struct Expect {
  Exchange exchange;
  std::size_t recipient = 0;  ///< index in the envelope, where the reply is for one recipient
  Stage stage = Stage::none;
};

class CommandQueue final {
 public:
  /// Appends a command line and awaits its reply.
  void put(std::string_view line, Expect expect, bool secret = false) {
    bytes_ += line;
    bytes_ += "\r\n";
    secret_ = secret_ || secret;
    expects_.push_back(expect);
  }
  /// Awaits a reply to bytes that were appended.
  void expect(Expect expect) { expects_.push_back(expect); }
  /// Where message data is appended.
  [[nodiscard]] std::string& bytes() { return bytes_; }

  [[nodiscard]] std::string_view unsent() const { return std::string_view(bytes_).substr(sent_); }
  [[nodiscard]] bool has_sent_part() const { return sent_ > 0; }
  [[nodiscard]] bool is_secret() const { return secret_; }
  /// Returns whether everything is sent; the replies can then come.
  bool sent(std::size_t count) {
    sent_ += count;
    if (sent_ < bytes_.size()) return false;
    discard_unsent();
    mark_written();
    return true;
  }

  [[nodiscard]] bool is_awaiting() const { return !expects_.empty(); }
  [[nodiscard]] std::size_t awaited() const { return expects_.size(); }
  /// Whether a command that is awaiting its reply has been written whole.
  [[nodiscard]] bool may_be_answered() const { return written_ > 0; }
  [[nodiscard]] const Expect& front() const { return expects_.front(); }
  Expect take() {
    const auto expect = expects_.front();
    expects_.pop_front();
    --written_;
    return expect;
  }
  /// Allows replies to all commands that await one.
  void mark_written() { written_ = expects_.size(); }

  void discard_unsent() {
    bytes_.clear();
    sent_ = 0;
    secret_ = false;
  }
  void clear() {
    discard_unsent();
    expects_.clear();
    written_ = 0;
  }

 private:
  std::string bytes_;
  std::size_t sent_ = 0;
  bool secret_ = false;
  std::deque<Expect> expects_;
  std::size_t written_ = 0;
};

}  // namespace postroad::smtp
