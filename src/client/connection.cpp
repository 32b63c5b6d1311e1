// Dialling and driving; see connection.hpp.
#include "client/connection.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <exception>

#include <algorithm>

#include "mail/mailbox.hpp"
#include "net/connect.hpp"
#include "net/drive.hpp"

namespace postroad::client {

Error error_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const boost::system::system_error& error) {
    if (error.code() == boost::asio::error::operation_aborted) return cancelled();
    return fail(Fault::io, {}, std::string("the system refused: ") + error.what());
  } catch (const std::exception& error) {
    return fail(Fault::io, {}, std::string("the system refused: ") + error.what());
  }
}

namespace {

constexpr std::size_t slice_size = 65536;

// Feeds the machine the message's octets and does the client's side of a handshake.
struct Consultant {
  const net::TlsContext* tls;
  const std::string& host;
  MessageSource* source;
  std::string_view rest = {};  // of the chunk that the source gave last

  bool answer_now(smtp::ClientMachine& machine) {
    if (rest.empty()) {
      const auto chunk = source->next();
      if (!chunk) {
        machine.body_failed(chunk.error());
        return true;
      }
      rest = *chunk;
    }
    if (rest.empty()) {
      machine.body_end();
    } else {
      // The machine keeps a copy with its dots doubled: of a slice, whatever the source gives at
      // once.
      machine.body(rest.substr(0, slice_size));
      rest.remove_prefix(std::min(slice_size, rest.size()));
    }
    return true;
  }
  awaitable<void> answer(smtp::ClientMachine&) const { co_return; }
  awaitable<Result<proto::TlsFacts>> handshake(net::Stream& stream, net::Time deadline) const {
    co_return co_await stream.handshake_client(*tls, host, deadline);
  }
};

smtp::TlsPolicy policy_of(Tls tls, bool has_login) {
  switch (tls) {
    case Tls::never:
      return smtp::TlsPolicy::never;
    case Tls::opportunistic:
      return smtp::TlsPolicy::opportunistic;
    case Tls::required:
      return smtp::TlsPolicy::required;
    case Tls::implicit:
      return smtp::TlsPolicy::implicit;
    case Tls::automatic:
      break;
  }
  return has_login ? smtp::TlsPolicy::required : smtp::TlsPolicy::opportunistic;
}

// The connection's own address as a literal: true everywhere, and what RFC 5321 §4.1.4 asks of a
// client without a name.
std::string own_literal(net::Stream& stream) {
  boost::system::error_code error;
  const auto endpoint = stream.socket().local_endpoint(error);
  if (error) return "localhost";
  const auto text = net::text_of(endpoint);
  return text.substr(0, text.rfind(':'));
}

}  // namespace

Result<SendReport> judge(const std::optional<Error>& error, SendReport report) {
  if (!error) return report;
  const bool decided =
      report.any(Outcome::refused) || report.any(Outcome::unknown) || report.any(Outcome::accepted);
  if (!decided) return *error;
  return report;
}

Connection::Connection(std::string_view url_text, std::optional<Login> login, ClientOptions options)
    : login_(std::move(login)), options_(std::move(options)) {
  auto url = parse_url(url_text);
  if (!url) {
    wrong_ = url.error();
    return;
  }
  url_ = std::move(*url);
  if (!login_ && !url_.user.empty()) login_ = Login{url_.user, url_.password, {}};
  if (options_.tls == Tls::automatic) options_.tls = url_.tls;
  if (options_.trace) trace_.emplace(options_.trace);
  auto tls = net::TlsContext::client({!options_.insecure_accept_any_certificate, options_.ca_file});
  if (!tls) {
    wrong_ = tls.error();
    return;
  }
  tls_ = std::move(*tls);
}

smtp::ClientOptions Connection::machine_options() const {
  smtp::ClientOptions machine;
  machine.server = server();
  machine.plain_helo = options_.plain_helo;
  machine.tls = policy_of(options_.tls, login_.has_value());
  machine.allow_password_in_clear = options_.allow_password_in_clear;
  machine.pipelining = options_.pipelining;
  machine.recipients = options_.recipients == Recipients::best_effort
                           ? smtp::RecipientPolicy::best_effort
                           : smtp::RecipientPolicy::all_or_none;
  machine.timeouts.greeting = machine.timeouts.command = options_.command_timeout;
  machine.timeouts.data = std::min(machine.timeouts.data, options_.command_timeout);
  machine.timeouts.data_block = std::min(machine.timeouts.data_block, options_.command_timeout);
  machine.timeouts.handshake = std::min(machine.timeouts.handshake, options_.command_timeout);
  machine.timeouts.end_of_data = options_.end_of_data_timeout;
  if (login_) {
    machine.login = sasl::Credentials{login_->user, {}, login_->password};
    machine.mechanism = login_->mechanism;
  }
  return machine;
}

net::Time Connection::limit() const {
  return options_.overall_timeout.count() == 0 ? net::Time::max()
                                               : proto::Clock::now() + options_.overall_timeout;
}

awaitable<void> Connection::drive(MessageSource* source) {
  Consultant consultant{&*tls_, url_.host, source};
  net::DriveOptions how;
  how.buffers = &buffers_;
  how.until = until_;
  how.trace = trace_ ? &*trace_ : nullptr;
  co_await net::drive(*stream_, *machine_, consultant, how);
  if (!machine_->is_usable()) close();
}

void Connection::close() {
  if (stream_) stream_->close();
}

awaitable<Result<void>> Connection::dial() {
  const auto started = proto::Clock::now();
  auto socket = co_await net::connect(url_.host, url_.port,
                                      std::min(until_, started + options_.connect_timeout));
  if (!socket) {
    auto error = socket.error();
    error.where = server();
    error.stage = "CONNECT";
    co_return error;
  }
  stream_.emplace(std::move(*socket));
  if (trace_) trace_->note("connected to " + stream_->peer());
  auto machine = machine_options();
  machine.name = options_.helo_name.empty() ? own_literal(*stream_) : options_.helo_name;
  machine_.emplace(std::move(machine));
  machine_->open();
  used_ = false;
  co_await drive(nullptr);
  if (machine_->error()) co_return *machine_->error();
  co_return Result<void>();
}

awaitable<Result<void>> Connection::open() {
  if (wrong_) co_return *wrong_;
  until_ = limit();
  if (is_open()) co_return Result<void>();
  co_return co_await dial();
}

awaitable<Result<SendReport>> Connection::send(Envelope envelope, MessageSource& source) {
  const auto opened = co_await open();
  if (!opened) co_return opened.error();
  smtp::MailRequest request{std::move(envelope), source.size(), source.is_8bit(),
                            source.needs_utf8()};
  const bool reused = std::exchange(used_, true);
  machine_->send(request);
  co_await drive(&source);
  // A kept connection that the server had closed meanwhile: nothing was taken of this mail yet, a
  // new one carries it.
  const auto& error = machine_->error();
  const bool stale =
      reused && error && error->fault == Fault::closed && error->stage == "MAIL FROM";
  if (stale) {
    const auto again = co_await dial();
    if (!again) co_return again.error();
    used_ = true;
    machine_->send(std::move(request));
    co_await drive(&source);
  }
  co_return judge(machine_->error(), machine_->report());
}

awaitable<Result<Reply>> Connection::command(std::string verb, std::string argument) {
  const auto opened = co_await open();
  if (!opened) co_return opened.error();
  used_ = true;
  machine_->command(verb, argument);
  co_await drive(nullptr);
  if (machine_->error()) co_return *machine_->error();
  co_return machine_->reply();
}

awaitable<Result<Reply>> Connection::quit() {
  if (!is_open()) co_return Reply{};
  until_ = limit();
  machine_->quit();
  co_await drive(nullptr);
  close();
  co_return machine_->reply();
}

std::vector<std::string> Connection::capabilities() const {
  return machine_ ? machine_->capabilities().lines : std::vector<std::string>{};
}

}  // namespace postroad::client
