// Opening, driving and closing; sending is in connection_send.cpp. See connection.hpp.
#include "client/connection.hpp"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <exception>

#include "base/text.hpp"
#include "client/settings.hpp"
#include "crypto/digest.hpp"
#include "net/drive.hpp"
#include "proto/proxy/tunnel.hpp"
#include "proto/smtp/client/greeting.hpp"

namespace postroad::client {

Error error_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const boost::system::system_error& error) {
    if (error.code() == boost::asio::error::operation_aborted) return cancelled();
    return fail(Fault::io, {}, std::string("system error: ") + error.what());
  } catch (const std::exception& error) {
    return fail(Fault::io, {}, std::string("system error: ") + error.what());
  } catch (...) {
    return fail(Fault::io, {}, "unknown exception");
  }
}

namespace {

constexpr std::size_t slice_size = 65536;

// Feeds the machine the message's bytes and does the client's side of the handshake.
struct Consultant {
  Connection& connection;
  MessageSource* source;
  const std::function<bool(std::uint64_t, std::optional<std::uint64_t>)>& progress;
  std::uint64_t sent = 0;
  std::string_view rest = {};  // of the chunk that the source returned last

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
    if (progress && !progress(sent, source->size())) {
      machine.body_failed(fail(Fault::cancelled, {}, "cancelled by the progress callback"));
    } else if (rest.empty()) {
      connection.announce_next();
      machine.body_end();
    } else {
      // The machine keeps a dot-stuffed copy: of a slice, however large the chunk is.
      machine.body(slice);
      rest.remove_prefix(slice.size());
    }
    return true;
  }
  awaitable<void> answer(smtp::ClientMachine&) const { co_return; }
  awaitable<Result<proto::TlsFacts>> handshake(net::Stream&, net::Time deadline) const {
    co_return co_await connection.handshake(deadline);
  }
};

// For a session without questions and without TLS.
struct NoConsultant {
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

Result<std::vector<std::string>> pins_of(const std::vector<std::string>& texts) {
  constexpr std::string_view method = "sha256:";
  std::vector<std::string> pins;
  for (const auto& text : texts) {
    const auto digest = text.starts_with(method)
                            ? base64_decode(std::string_view(text).substr(method.size()))
                            : std::nullopt;
    if (!digest || digest->size() != crypto::size_of(crypto::Digest::sha256))
      return fail(Fault::input, printable(text, 80),
                  "not a pinned key; the form is sha256: and base64 of the key's digest");
    pins.push_back(*digest);
  }
  return pins;
}

Result<net::TlsClientSettings> tls_settings_of(const ClientOptions& options) {
  auto pins = pins_of(options.tls.pinned_keys);
  if (!pins) return pins.error();
  net::TlsClientSettings settings{.verify = !options.tls.insecure_accept_any_certificate,
                                  .ca_file = options.tls.ca_file,
                                  .pins = std::move(*pins),
                                  .certificate = options.tls.client_certificate,
                                  .key = options.tls.client_key,
                                  .allow_legacy = options.tls.insecure_allow_legacy_tls,
                                  .names = std::make_shared<const OptionNames>(options.names)};
  if (const auto readable = net::TlsContext::check_files(settings); !readable)
    return readable.error();
  return settings;
}

}  // namespace

Connection::Connection(std::string_view url_text, std::optional<Login> login, ClientOptions options)
    : login_(std::move(login)), options_(std::move(options)) {
  auto url = settle(url_text, login_, options_);
  if (!url) {
    invalid_reason_ = url.error();
    return;
  }
  url_ = std::move(*url);
  if (options_.trace) trace_.emplace(options_.trace);
  if (!options_.proxy.empty()) {
    auto proxy = parse_proxy(options_.proxy);
    if (!proxy) {
      invalid_reason_ = proxy.error();
      return;
    }
    proxy_ = std::move(*proxy);
  }
  auto settings = tls_settings_of(options_);
  if (!settings) {
    invalid_reason_ = settings.error();
    return;
  }
  tls_settings_ = std::move(*settings);
}

// RFC 5321 section 4.1.1.10: a client must not close without QUIT. Waiting for the reply would make
// the destructor block.
Connection::~Connection() {
  if (!stream_ || !is_open() || is_driving_) return;
  machine_->quit();
  const auto action = machine_->next(proto::Clock::now());
  if (action.wish == proto::Wish::send) (void)stream_->write_now(action.bytes);
  close();
}

net::Time Connection::limit() const {
  return options_.timeouts.overall.count() == 0 ? net::Time::max()
                                                : proto::Clock::now() + options_.timeouts.overall;
}

awaitable<void> Connection::drive(MessageSource* source) {
  Consultant consultant{*this, source, options_.progress};
  net::DriveOptions how;
  how.buffers = &buffers_;
  how.until = until_;
  how.trace = trace_ ? &*trace_ : nullptr;
  is_driving_ = true;
  co_await net::drive(*stream_, *machine_, consultant, how);
  is_driving_ = false;
  if (!machine_->is_usable()) close();
}

void Connection::close() {
  if (stream_) stream_->close();
}

awaitable<Result<void>> Connection::open_tunnel() {
  proxy::TunnelMachine tunnel({.kind = proxy_->kind,
                               .proxy = proxy_->server(),
                               .host = url_.host,
                               .port = url_.port,
                               .user = proxy_->user,
                               .password = proxy_->password});
  NoConsultant consultant;
  net::DriveOptions how;
  how.buffers = &buffers_;
  how.until = std::min(until_, proto::Clock::now() + options_.timeouts.connect);
  co_await net::drive(*stream_, tunnel, consultant, how);
  early_ = tunnel.rest();
  if (tunnel.error()) co_return *tunnel.error();
  if (trace_) trace_->note("through the proxy " + proxy_->server());
  co_return Result<void>();
}

std::string Connection::own_literal() {
  boost::system::error_code error;
  const auto endpoint = stream_->socket().local_endpoint(error);
  if (error) return "localhost";
  const auto text = net::text_of(endpoint);
  return text.substr(0, text.rfind(':'));
}

awaitable<Result<proto::TlsFacts>> Connection::handshake(net::Time deadline) {
  auto context = net::TlsContext::client(tls_settings_);
  has_fault_here_ = !context;
  if (!context) {  // the machine puts the server in the place of the file
    auto error = context.error();
    if (!error.where.empty()) error.detail = error.where + ": " + error.detail;
    co_return error;
  }
  tls_ = std::move(*context);
  auto peer = dane_ ? *dane_ : net::TlsPeer{url_.host};
  peer.sessions = sessions_;
  auto facts = co_await stream_->handshake_client(*tls_, peer, deadline);
  certificate_fault_ =
      tls_settings_.verify ? stream_->certificate_fault() : net::CertificateFault::none;
  const bool is_first = options_.tls.policy == Tls::implicit && !url_.lmtp;
  if (facts || !is_first || !facts.error().detail.ends_with(net::peer_sent_no_tls)) co_return facts;
  auto error = facts.error();
  error.detail = smtp::plaintext_in_place_of_tls(error.detail, url_.server());
  co_return error;
}

Error Connection::unreachable(Error error) const {
  error.where = proxy_ ? proxy_->server() : server();
  error.stage = proxy_ ? Stage::proxy : Stage::connect;
  return error;
}

void Connection::use_addresses(std::vector<boost::asio::ip::address> addresses) {
  given_.clear();
  for (const auto& address : addresses) given_.emplace_back(address, url_.port);
}

void Connection::use_dane(net::TlsPeer peer) {
  dane_ = std::move(peer);
  tls_settings_.verify = tls_settings_.dane = true;
  tls_settings_.pins.clear();
  tls_settings_.ca_file.clear();
}

awaitable<Result<std::vector<boost::asio::ip::tcp::endpoint>>> Connection::find_addresses(
    net::Time deadline) {
  if (!proxy_ && !given_.empty()) co_return given_;
  co_return co_await net::find_addresses(proxy_ ? proxy_->host : url_.host,
                                         proxy_ ? proxy_->port : url_.port, deadline);
}

awaitable<Result<void>> Connection::reach() {
  if (invalid_reason_) co_return *invalid_reason_;
  const auto deadline = std::min(until_, proto::Clock::now() + options_.timeouts.connect);
  auto found = co_await find_addresses(deadline);
  if (!found) co_return unreachable(found.error());
  addresses_ = std::move(*found);
  co_return co_await connect_next(deadline);
}

awaitable<Result<void>> Connection::connect_next(net::Time deadline) {
  auto socket = co_await net::race(addresses_, deadline, local_);
  if (!socket) co_return unreachable(socket.error());
  stream_.emplace(std::move(*socket));
  peer_ = stream_->peer();
  boost::system::error_code error;
  const auto endpoint = stream_->socket().remote_endpoint(error);
  std::erase(addresses_, endpoint);
  address_ = error || proxy_ ? std::nullopt : std::optional(endpoint.address());
  const auto local = stream_->socket().local_endpoint(error);
  local_address_ = error || proxy_ ? std::nullopt : std::optional(local.address());
  certificate_fault_ = net::CertificateFault::none;
  ++sessions_opened_;
  if (trace_) trace_->note("connected to " + peer_);
  early_.clear();
  if (!proxy_) co_return Result<void>();
  const auto tunnel = co_await open_tunnel();
  if (!tunnel) close();
  co_return tunnel;
}

awaitable<Result<void>> Connection::dial() {
  auto machine = machine_options(url_, login_, options_);
  if (!machine) co_return machine.error();
  const auto reached = co_await reach();
  if (!reached) co_return reached.error();
  auto opened = co_await open_session(*machine);
  // RFC 5321 section 5.1: the client tries each address of the host in order.
  while (!opened && has_other_address(opened.error())) {
    close();
    if (trace_) trace_->note("the next address, because " + opened.error().detail);
    const auto deadline = std::min(until_, proto::Clock::now() + options_.timeouts.connect);
    if (!co_await connect_next(deadline)) break;
    opened = co_await open_session(*machine);
  }
  addresses_ = {};
  co_return opened;
}

// Whether the server at this address does not serve now: it closed, stayed silent or replied 4yz
// before a command other than EHLO. A refusal (5yz) holds for the host.
bool Connection::has_other_address(const Error& error) const {
  if (proxy_ || addresses_.empty() || proto::Clock::now() >= until_) return false;
  if (error.stage != Stage::connect && error.stage != Stage::tls && error.stage != Stage::ehlo)
    return false;
  return error.fault != Fault::cancelled && error.is_temporary();
}

awaitable<Result<void>> Connection::open_session(smtp::ClientOptions options) {
  if (options_.helo_name.empty()) options.name = own_literal();
  machine_.emplace(std::move(options));
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
  if (invalid_reason_) co_return *invalid_reason_;
  if (is_open() && !is_driving_) co_return Result<void>();
  co_return co_await dial();
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
  if (is_driving_) close();  // in the middle of a message, QUIT would be text
  if (!is_open() || is_driving_) co_return Reply{};
  until_ = std::min(limit(), proto::Clock::now() + options_.timeouts.quit);
  machine_->quit();
  co_await drive(nullptr);
  close();
  co_return machine_->reply();
}

std::vector<std::string> Connection::capabilities() const {
  return machine_ ? machine_->capabilities().lines : std::vector<std::string>{};
}

}  // namespace postroad::client
