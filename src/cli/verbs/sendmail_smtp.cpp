// `sendmail -bs`: the server machine on standard input and output, connected to a client. The
// caller gets the reply that the real server gives to the end of the message.
#include <poll.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <iostream>
#include <system_error>

#include "cli/exit.hpp"
#include "cli/verbs/sendmail.hpp"
#include "net/drive.hpp"
#include "proto/smtp/server/server_machine.hpp"

namespace postroad::cli {

namespace asio = boost::asio;

namespace {

constexpr std::size_t most_held = 64 << 20;  // bytes of a message, which is held in memory whole

class HeldSource final : public MessageSource {
 public:
  HeldSource(std::string_view bytes, bool utf8) : bytes_(bytes), left_(bytes), utf8_(utf8) {}
  Result<std::string_view> next() override { return std::exchange(left_, {}); }
  bool rewind() override {
    left_ = bytes_;
    return true;
  }
  [[nodiscard]] std::optional<std::uint64_t> size() const override { return bytes_.size(); }
  [[nodiscard]] bool is_8bit() const override {
    return std::any_of(bytes_.begin(), bytes_.end(),
                       [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
  }
  [[nodiscard]] bool needs_utf8() const override { return utf8_; }

 private:
  std::string_view bytes_;
  std::string_view left_;
  bool utf8_;
};

// The reply to a message that went to all recipients or to none.
Reply verdict_of(const Result<SendReport>& report) {
  if (!report) {
    const auto& error = report.error();
    return error.is_temporary() ? Reply{451, {4, 4, 0}, error.text()}
                                : Reply{554, {5, 0, 0}, error.text()};
  }
  for (const auto& one : report->recipients) {
    if (one.outcome == Outcome::unknown)
      return {451,
              {4, 4, 2},
              "outcome unknown, the server may have accepted the message: " + one.reply.text};
    if (one.outcome != Outcome::accepted && one.reply.code >= 400) return one.reply;
  }
  for (const auto& one : report->recipients) {
    if (one.outcome != Outcome::accepted) return {451, {4, 4, 0}, one.reply.text};
  }
  return {250, report->reply.status, report->reply.text};
}

// Standard input and output in the form that the driver needs. Its waits have no deadline: the
// caller started this process and ends it.
class Pipes final {
 public:
  using Waited = net::Stream::Waited;
  static Result<std::optional<std::size_t>> read_now(std::span<char> into) {
    return count_of(::read(STDIN_FILENO, into.data(), into.size()), "standard input");
  }
  Result<std::optional<std::size_t>> write_now(std::string_view bytes) {
    auto count = count_of(::write(STDOUT_FILENO, bytes.data(), bytes.size()), "standard output");
    is_deaf_ = is_deaf_ || !count;
    return count;
  }
  static asio::awaitable<Waited> readable(net::Time) { co_return wait(STDIN_FILENO, POLLIN); }
  static asio::awaitable<Waited> writable(net::Time) { co_return wait(STDOUT_FILENO, POLLOUT); }
  static bool may_hold_input() { return true; }  // so that `readable` is asked only when needed
  /// Whether the caller could not be told something.
  [[nodiscard]] bool is_deaf() const { return is_deaf_; }

 private:
  static Result<std::optional<std::size_t>> count_of(ssize_t n, const char* what) {
    if (n >= 0) return std::optional(static_cast<std::size_t>(n));
    if (errno == EAGAIN || errno == EINTR) return std::optional<std::size_t>();
    return fail(Fault::io, what, std::generic_category().message(errno));
  }
  static Waited wait(int descriptor, short events) {
    pollfd one{descriptor, events, 0};
    (void)::poll(&one, 1, -1);
    return Waited::ready;
  }
  bool is_deaf_ = false;
};

// Answers the machine: a message is passed on before its final dot is answered.
class PassOn final {
 public:
  explicit PassOn(Client client) : client_(std::move(client)) {}
  void quit() { (void)client_.quit(); }

  bool answer_now(smtp::ServerMachine& machine) {
    const auto& question = machine.question();
    if (std::holds_alternative<smtp::AskData>(question)) draft_.clear();
    if (const auto* body = std::get_if<smtp::AskBody>(&question)) {
      draft_ += body->bytes;
      machine.answered(draft_.size() > most_held ? Reply{552, {5, 3, 4}, "the message is too large"}
                                                 : Reply{});
      return true;
    }
    const auto* end = std::get_if<smtp::AskEnd>(&question);
    machine.answered(end == nullptr || !end->keep ? Reply{} : send(machine));
    return true;
  }
  asio::awaitable<void> answer(smtp::ServerMachine&) const { co_return; }
  asio::awaitable<Result<proto::TlsFacts>> handshake(Pipes&, net::Time) const {
    co_return fail(Fault::protocol, {}, "there is no TLS on a pipe");
  }

 private:
  Reply send(smtp::ServerMachine& machine) {
    const auto& transaction = machine.transaction();
    Envelope envelope{
        transaction.reverse_path, transaction.recipients, {}, transaction.asked_of_recipients()};
    if (transaction.options) envelope.options = *transaction.options;
    HeldSource source(draft_, transaction.smtputf8);
    return verdict_of(client_.send(envelope, source));
  }

  Client client_;
  std::string draft_;
};

// The caller saw the replies end: the exit code tells it that the session did not.
int report_exception(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& exception) {
    std::cerr << "sendmail: the session was ended by an exception: " << exception.what() << '\n';
  } catch (...) {
    std::cerr << "sendmail: the session was ended by an unknown exception\n";
  }
  return exit_software;
}

int converse(PassOn& consultant, const smtp::ServerOptions& options) {
  Pipes pipes;
  smtp::ServerMachine machine(options);
  net::BufferPool buffers;
  net::DriveOptions how;
  how.buffers = &buffers;
  asio::io_context context(1);
  std::exception_ptr failure;
  asio::co_spawn(context, net::drive(pipes, machine, consultant, how),
                 [&](const std::exception_ptr& thrown) { failure = thrown; });
  context.run();
  consultant.quit();
  if (failure) return report_exception(failure);
  return pipes.is_deaf() ? exit_io : exit_ok;
}

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
  options.extensions.dsn = true;
  options.allow_bare_addresses = true;
  options.accept_bare_lf = true;  // programs write to a pipe with their own line ends
  options.bare_line_ends = smtp::BareLineEnds::keep;
  PassOn consultant(std::move(*client));
  return converse(consultant, options);
}

}  // namespace postroad::cli
