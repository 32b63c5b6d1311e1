// `sendmail -bs`: the server machine on standard input and output, with a client behind it. What
// the real server says to the end of the message is what the caller hears.
#include <unistd.h>

#include <cerrno>
#include <iostream>

#include "cli/exit.hpp"
#include "cli/verbs/sendmail.hpp"
#include "proto/smtp/server/server_machine.hpp"

namespace postroad::cli {

namespace {

constexpr std::size_t most_held = 64 << 20;  // octets of a message, which is held whole here

class HeldSource final : public MessageSource {
 public:
  HeldSource(std::string_view octets, bool utf8) : octets_(octets), left_(octets), utf8_(utf8) {}
  Result<std::string_view> next() override { return std::exchange(left_, {}); }
  bool rewind() override {
    left_ = octets_;
    return true;
  }
  [[nodiscard]] std::optional<std::uint64_t> size() const override { return octets_.size(); }
  [[nodiscard]] bool is_8bit() const override {
    return std::any_of(octets_.begin(), octets_.end(),
                       [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
  }
  [[nodiscard]] bool needs_utf8() const override { return utf8_; }

 private:
  std::string_view octets_;
  std::string_view left_;
  bool utf8_;
};

// What one caller hears of a mail that went to all or to none.
Reply verdict_of(const Result<SendReport>& report) {
  if (!report) {
    const auto& error = report.error();
    return error.is_temporary() ? Reply{451, {4, 4, 0}, error.text()}
                                : Reply{554, {5, 0, 0}, error.text()};
  }
  for (const auto& one : report->recipients) {
    if (one.outcome == Outcome::unknown)
      return {451, {4, 4, 2}, "it is not known whether the server took it: " + one.reply.text};
    if (one.outcome != Outcome::accepted && one.reply.code >= 400) return one.reply;
  }
  for (const auto& one : report->recipients) {
    if (one.outcome != Outcome::accepted) return {451, {4, 4, 0}, one.reply.text};
  }
  return {250, report->reply.status, report->reply.text};
}

class Dialogue final {
 public:
  explicit Dialogue(Client client, const smtp::ServerOptions& options)
      : client_(std::move(client)), machine_(options) {}

  int run() {
    char buffer[65536];
    for (;;) {
      const auto action = machine_.next(proto::Clock::now());
      switch (action.wish) {
        case proto::Wish::send: {
          const auto n = ::write(STDOUT_FILENO, action.bytes.data(), action.bytes.size());
          if (n < 0 && errno != EINTR) return exit_io;
          if (n > 0) machine_.sent(static_cast<std::size_t>(n));
          break;
        }
        case proto::Wish::receive: {
          const auto n = ::read(STDIN_FILENO, buffer, sizeof buffer);
          if (n < 0 && errno != EINTR) return exit_io;
          if (n == 0) machine_.closed();
          if (n > 0) machine_.received({buffer, static_cast<std::size_t>(n)});
          break;
        }
        case proto::Wish::consult:
          answer();
          break;
        case proto::Wish::start_tls:
        case proto::Wish::done:
          (void)client_.quit();
          return exit_ok;
      }
    }
  }

 private:
  void answer() {
    const auto& question = machine_.question();
    if (std::holds_alternative<smtp::AskData>(question)) draft_.clear();
    if (const auto* body = std::get_if<smtp::AskBody>(&question)) {
      draft_ += body->octets;
      return machine_.answered(
          draft_.size() > most_held ? Reply{552, {5, 3, 4}, "the message is too large"} : Reply{});
    }
    const auto* end = std::get_if<smtp::AskEnd>(&question);
    if (end == nullptr || !end->keep) return machine_.answered({});
    const auto& transaction = machine_.transaction();
    Envelope envelope{
        transaction.reverse_path, transaction.recipients, {}, transaction.asked_of_recipients()};
    if (transaction.options) envelope.options = *transaction.options;
    HeldSource source(draft_, transaction.smtputf8);
    machine_.answered(verdict_of(client_.send(envelope, source)));
  }

  Client client_;
  smtp::ServerMachine machine_;
  std::string draft_;
};

}  // namespace

int speak_smtp(const SendmailSettings& settings) {
  auto client = sendmail_client(settings, RecipientPolicy::all_or_none);
  if (!client) {
    std::cerr << "sendmail: " << client.error().text() << '\n';
    return exit_config;
  }
  smtp::ServerOptions options;
  options.hostname = settings.domain;
  options.banner = "Postroad sendmail";
  options.dsn = true;
  options.allow_bare_addresses = true;
  options.accept_bare_lf = true;  // programs write to a pipe with their own line ends
  options.bare_line_ends = smtp::BareLineEnds::keep;
  return Dialogue(std::move(*client), options).run();
}

}  // namespace postroad::cli
