// Dialling and driving; see connection.hpp.
#include "client/connection.hpp"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <exception>

#include "base/text.hpp"
#include "client/settings.hpp"
#include "crypto/digest.hpp"
#include "mail/address/mailbox.hpp"
#include "net/connect.hpp"
#include "net/drive.hpp"
#include "proto/proxy/tunnel.hpp"

namespace postroad::client {

Error error_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const boost::system::system_error& error) {
    if (error.code() == boost::asio::error::operation_aborted) return cancelled();
    return fail(Fault::io, {}, std::string("the system refused: ") + error.what());
  } catch (const std::exception& error) {
    return fail(Fault::io, {}, std::string("the system refused: ") + error.what());
  } catch (...) {
    return fail(Fault::io, {}, "something that is no exception was thrown");
  }
}

namespace {

constexpr std::size_t slice_size = 65536;

// Feeds the machine the message's octets and does the client's side of a handshake.
struct Consultant {
  const net::TlsContext* tls;
  const std::string& host;
  MessageSource* source;
  const std::function<bool(std::uint64_t, std::optional<std::uint64_t>)>* progress = nullptr;
  std::uint64_t sent = 0;
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
    const auto slice = rest.substr(0, slice_size);
    sent += slice.size();
    if (progress != nullptr && *progress && !(*progress)(sent, source->size())) {
      machine.body_failed(fail(Fault::cancelled, {}, "cancelled by the caller's progress"));
    } else if (rest.empty()) {
      machine.body_end();
    } else {
      // The machine keeps a copy with its dots doubled: of a slice, whatever the source gives at
      // once.
      machine.body(slice);
      rest.remove_prefix(slice.size());
    }
    return true;
  }
  awaitable<void> answer(smtp::ClientMachine&) const { co_return; }
  awaitable<Result<proto::TlsFacts>> handshake(net::Stream& stream, net::Time deadline) const {
    co_return co_await stream.handshake_client(*tls, host, deadline);
  }
};

// For a dialogue in which there is nothing to ask and no TLS.
struct NobodyAsks {
  template <class Machine>
  bool answer_now(Machine&) {
    return true;
  }
  template <class Machine>
  awaitable<void> answer(Machine&) const {
    co_return;
  }
  awaitable<Result<proto::TlsFacts>> handshake(net::Stream&, net::Time) const {
    co_return fail(Fault::protocol, {}, "no TLS here");
  }
};

// The connection's own address as a literal: true everywhere, and what RFC 5321 §4.1.4 asks of a
// client without a name.
std::string own_literal(net::Stream& stream) {
  boost::system::error_code error;
  const auto endpoint = stream.socket().local_endpoint(error);
  if (error) return "localhost";
  const auto text = net::text_of(endpoint);
  return text.substr(0, text.rfind(':'));
}

Result<std::vector<std::string>> pins_of(const std::vector<std::string>& texts) {
  constexpr std::string_view method = "sha256:";
  std::vector<std::string> pins;
  for (const auto& text : texts) {
    const auto octets = text.starts_with(method)
                            ? base64_decode(std::string_view(text).substr(method.size()))
                            : std::nullopt;
    if (!octets || octets->size() != crypto::size_of(crypto::Digest::sha256))
      return fail(Fault::input, printable(text, 80),
                  "not a pinned key; the form is sha256: and base64 of the key's digest");
    pins.push_back(*octets);
  }
  return pins;
}

// Nothing of the message was decided for these, and why.
void defer(const Envelope& envelope, std::size_t from, const Error& why, SendReport& report) {
  for (; from < envelope.recipients.size(); ++from)
    report.recipients.push_back(
        {envelope.recipients[from], Outcome::deferred, why.stage, {0, {}, why.detail}});
}

// A part of the recipients, with what was asked for them.
Envelope part_of(const Envelope& envelope, std::size_t from, std::size_t count) {
  if (from == 0 && count >= envelope.recipients.size()) return envelope;
  Envelope part{envelope.reverse_path, {}, envelope.options, {}};
  for (auto i = from; i < std::min(from + count, envelope.recipients.size()); ++i) {
    part.recipients.push_back(envelope.recipients[i]);
    if (i < envelope.recipient_options.size()) {
      part.recipient_options.resize(i - from);
      part.recipient_options.push_back(envelope.recipient_options[i]);
    }
  }
  return part;
}

}  // namespace

Connection::Connection(std::string_view url_text, std::optional<Login> login, ClientOptions options)
    : login_(std::move(login)), options_(std::move(options)) {
  auto url = settle(url_text, login_, options_);
  if (!url) {
    wrong_ = url.error();
    return;
  }
  url_ = std::move(*url);
  if (options_.trace) trace_.emplace(options_.trace);
  if (!options_.proxy.empty()) {
    auto proxy = parse_proxy(options_.proxy);
    if (!proxy) {
      wrong_ = proxy.error();
      return;
    }
    proxy_ = std::move(*proxy);
  }
  auto pins = pins_of(options_.pinned_keys);
  if (!pins) {
    wrong_ = pins.error();
    return;
  }
  auto tls = net::TlsContext::client({.verify = !options_.insecure_accept_any_certificate,
                                      .ca_file = options_.ca_file,
                                      .pins = std::move(*pins),
                                      .certificate = options_.client_certificate,
                                      .key = options_.client_key});
  if (!tls) {
    wrong_ = tls.error();
    return;
  }
  tls_ = std::move(*tls);
}

net::Time Connection::limit() const {
  return options_.overall_timeout.count() == 0 ? net::Time::max()
                                               : proto::Clock::now() + options_.overall_timeout;
}

awaitable<void> Connection::drive(MessageSource* source) {
  Consultant consultant{&*tls_, url_.host, source, &options_.progress};
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

// Through the proxy, once it is connected.
awaitable<Result<void>> Connection::open_tunnel() {
  proxy::TunnelMachine tunnel({.kind = proxy_->kind,
                               .proxy = proxy_->server(),
                               .host = url_.host,
                               .port = url_.port,
                               .user = proxy_->user,
                               .password = proxy_->password});
  NobodyAsks nobody;
  net::DriveOptions how;
  how.buffers = &buffers_;
  how.until = std::min(until_, proto::Clock::now() + options_.connect_timeout);
  co_await net::drive(*stream_, tunnel, nobody, how);
  early_ = tunnel.rest();
  if (tunnel.error()) co_return *tunnel.error();
  if (trace_) trace_->note("through the proxy " + proxy_->server());
  co_return Result<void>();
}

awaitable<Result<void>> Connection::dial() {
  const auto started = proto::Clock::now();
  auto machine = machine_options(url_, login_, options_);
  if (!machine) co_return machine.error();
  auto socket =
      co_await net::connect(proxy_ ? proxy_->host : url_.host, proxy_ ? proxy_->port : url_.port,
                            std::min(until_, started + options_.connect_timeout));
  if (!socket) {
    auto error = socket.error();
    error.where = proxy_ ? proxy_->server() : server();
    error.stage = proxy_ ? Stage::proxy : Stage::connect;
    co_return error;
  }
  stream_.emplace(std::move(*socket));
  if (trace_) trace_->note("connected to " + stream_->peer());
  early_.clear();
  if (proxy_) {
    const auto dug = co_await open_tunnel();
    if (!dug) {
      close();
      co_return dug.error();
    }
  }
  if (options_.helo_name.empty()) machine->name = own_literal(*stream_);
  machine_.emplace(std::move(*machine));
  machine_->open();
  if (!early_.empty()) machine_->received(early_);
  used_ = false;
  co_await drive(nullptr);
  if (machine_->error()) co_return *machine_->error();
  co_return Result<void>();
}

awaitable<Result<void>> Connection::open() {
  until_ = limit();
  co_return co_await ensure_open();
}

awaitable<Result<void>> Connection::ensure_open() {
  if (wrong_) co_return *wrong_;
  if (is_open()) co_return Result<void>();
  co_return co_await dial();
}

// A server that announces how many recipients a mail may have gets several mails (RFC 9422 §4.1).
awaitable<Result<SendReport>> Connection::send(Envelope envelope, MessageSource& source) {
  until_ = limit();
  const auto opened = co_await ensure_open();
  if (!opened) co_return opened.error();
  SendReport whole;
  const auto all = envelope.recipients.size();
  do {
    const auto done = whole.recipients.size();
    const auto most = machine_->capabilities().most_recipients;
    if (most != 0 && most < all && options_.recipients == Recipients::all_or_none) {
      auto why = fail(Fault::unsupported, server(),
                      "the server takes " + std::to_string(most) +
                          " recipients a mail, and several mails cannot be all or none");
      why.stage = Stage::rcpt;
      why.usable = is_open();
      co_return why;
    }
    if (done > 0 && !source.rewind()) {
      auto why = fail(Fault::unsupported, server(),
                      "the server takes " + std::to_string(most) +
                          " recipients a mail, and this message can be read only once");
      why.stage = Stage::rcpt;
      defer(envelope, done, why, whole);
      break;
    }
    auto report = co_await send_part(part_of(envelope, done, most == 0 ? all : most), source);
    if (!report && done == 0) co_return report.error();
    if (!report) {
      defer(envelope, done, report.error(), whole);
      whole.broken = report.error();
      break;
    }
    whole.reply = std::move(report->reply);
    for (auto& one : report->recipients) whole.recipients.push_back(std::move(one));
    if (!report->broken) continue;
    defer(envelope, whole.recipients.size(), *report->broken, whole);
    whole.broken = std::move(report->broken);
  } while (whole.recipients.size() < all);
  co_return whole;
}

awaitable<Result<SendReport>> Connection::send_part(Envelope part, MessageSource& source) {
  // LIMITS' MAILMAX: the next mail would be refused.
  const auto most = machine_->capabilities().most_mails;
  if (is_open() && most != 0 && machine_->mails() >= most) {
    machine_->quit();
    co_await drive(nullptr);
    close();
  }
  const auto opened = co_await ensure_open();
  if (!opened) co_return opened.error();
  const auto request = [&] {
    source.offered(offer());
    return smtp::MailRequest{.envelope = part,
                             .size = source.size(),
                             .is_8bit = source.is_8bit(),
                             .is_binary = source.is_binary(),
                             .needs_utf8 = source.needs_utf8()};
  };
  const bool reused = std::exchange(used_, true);
  machine_->send(request());
  co_await drive(&source);
  // A kept connection that the server had closed meanwhile, or closes with 421 at MAIL: nothing was
  // taken of this mail yet, a new one carries it.
  if (reused && is_stale()) {
    const auto again = co_await dial();
    if (!again) co_return again.error();
    used_ = true;
    machine_->send(request());
    co_await drive(&source);
  }
  co_return judge(machine_->error(), machine_->report());
}

// Octets without lines only by those who asked for chunks: a server that takes them has to turn
// them back, or the mail down, where the next one does not.
ServerOffer Connection::offer() const {
  const auto& caps = machine_->capabilities();
  return {.eight_bit = caps.eight_bit_mime,
          .binary = caps.chunking && caps.binary_mime && options_.chunking == Chunking::preferred};
}

bool Connection::is_stale() const {
  const auto& error = machine_->error();
  if (error) return error->fault == Fault::closed && error->stage == Stage::mail;
  const auto& recipients = machine_->report().recipients;
  return !recipients.empty() &&
         std::all_of(recipients.begin(), recipients.end(), [](const RecipientOutcome& one) {
           return one.stage == Stage::mail && one.reply.code == 421;
         });
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
