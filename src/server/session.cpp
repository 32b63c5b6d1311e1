// Sessions; see session.hpp.
#include "server/session.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <variant>

#include "base/text.hpp"
#include "net/callback.hpp"
#include "net/drive.hpp"
#include "proto/proxy/header.hpp"
#include "proto/smtp/reply.hpp"
#include "server/events.hpp"

namespace postroad::server {

namespace {

constexpr std::chrono::seconds last_words{2};       // that a peer gets to read them
constexpr std::chrono::seconds proxy_patience{10};  // for the PROXY header

bool is_in(const std::vector<net::Network>& networks, std::string_view peer) {
  return std::any_of(networks.begin(), networks.end(),
                     [&](const auto& network) { return network.contains(peer); });
}

Reply not_stored(const Error& error) {
  if (error.fault == Fault::full) return {452, {4, 3, 1}, "no room on the disk, try again later"};
  return {451, {4, 3, 0}, "the message could not be kept, try again later"};
}

}  // namespace

std::string SessionFacts::protocol() const {
  if (!machine->is_esmtp()) return "SMTP";
  const bool lmtp = machine->options().lmtp;
  const bool utf8 = machine->transaction().smtputf8;  // RFC 6531 §4.3
  return std::string(utf8   ? (lmtp ? "UTF8LMTP" : "UTF8SMTP")
                     : lmtp ? "LMTP"
                            : "ESMTP") +
         (machine->tls() ? "S" : "") + (machine->login().empty() ? "" : "A");
}

Session::Session(tcp::socket socket, std::shared_ptr<const ListenerSettings> listener,
                 const Services& services, net::BufferPool& buffers, Roster& roster)
    : stream_(std::move(socket)),
      listener_(std::move(listener)),
      services_(services),
      buffers_(buffers),
      roster_(roster),
      machine_(listener_->smtp) {
  facts_.role = listener_->role;
  facts_.listener = listener_->name;
  facts_.host = listener_->smtp.hostname;
  facts_.machine = &machine_;
  boost::system::error_code gone;
  const auto endpoint = stream_.socket().remote_endpoint(gone);
  facts_.peer = gone ? "[unknown]" : net::text_of(endpoint);
  facts_.peer.shrink_to_fit();
  is_proxied_ = is_in(listener_->proxies, facts_.peer);
  if (is_proxied_) return;
  if (is_in(listener_->xclient_peers, facts_.peer)) machine_.trust_peer();
  if (!gone) visit_ = services_.guard.enter(endpoint.address(), proto::Clock::now());
}

// From now on the session is that client's.
void Session::enter(const tcp::endpoint& client) {
  charge(proto::Clock::now());
  facts_.peer = net::text_of(client);
  visit_ = services_.guard.enter(client.address(), proto::Clock::now());
}

bool Session::is_welcome() {
  if (is_proxied_) return true;
  const auto refusal = at_connect();
  if (refusal.code != 0) send_away(refusal);
  return refusal.code == 0;
}

void Session::send_away(const Reply& reply) {
  if (listener_->smtp.tls != smtp::TlsMode::implicit) {  // no words before TLS is up
    std::string words;
    smtp::format(reply.code,
                 listener_->smtp.enhanced_status_codes ? reply.status : EnhancedStatus{},
                 reply.text, words);
    (void)stream_.write_now(words);
  }
  stream_.close();
}

// What comes before the dialogue; false when there is none. A coroutine of its own, so that a
// session which waits does not hold its frame.
boost::asio::awaitable<bool> Session::open() {
  roster_.sessions.push_back(*this);
  if (roster_.stopping) stop();
  if (is_proxied_ && !co_await read_proxy_header()) co_return false;
  session_opened(services_.log, facts_);
  if (listener_->smtp.tls == smtp::TlsMode::implicit) co_return co_await begin_tls();
  if (listener_->greet_pause.count() > 0) co_await wait_for_silence();
  co_return true;
}

boost::asio::awaitable<void> Session::run() {
  if (!co_await open()) co_return;
  co_await net::drive(stream_, machine_, *this, {.buffers = &buffers_});
  sink_.reset();
  charge(proto::Clock::now());
  // Whoever is sent away may still be sending: it shall read why.
  const auto ending = machine_.ending();
  if (ending != smtp::Ending::quit && ending != smtp::Ending::closed_by_peer &&
      ending != smtp::Ending::failed)
    co_await stream_.finish(proto::Clock::now() + last_words);
  visit_ = {};  // whoever sees the end, on the wire or in the log, may come again
  stream_.close();
  session_closed(services_.log, facts_, messages_);
}

// Octet by octet: what stands behind the header is the client's, and may be TLS.
boost::asio::awaitable<bool> Session::read_proxy_header() {
  const auto deadline = proto::Clock::now() + proxy_patience;
  std::string octets;
  std::string problem;
  while (problem.empty()) {
    char octet = 0;
    const auto count = co_await stream_.read({&octet, 1}, deadline);
    if (!count || *count == 0) {
      problem = count ? "the proxy closed before its header ended" : count.error().detail;
      break;
    }
    octets += octet;
    std::string_view input = octets;
    const auto header = proxy::parse(input);
    if (!header) {
      problem = header.error().detail;
    } else if (*header) {
      boost::system::error_code bad;
      // The proxy itself, or one whom it cannot name: the limits of a client would hold for all of
      // them together, those of a login hold for each.
      if ((*header)->is_local)
        visit_ = services_.guard.enter(stream_.socket().remote_endpoint(bad).address(),
                                       proto::Clock::now(), false);
      else
        enter({boost::asio::ip::make_address((*header)->source, bad), (*header)->source_port});
      // Whom the proxy carries is not the proxy: it may speak for others only in its own name.
      if (is_in(listener_->xclient_peers, facts_.peer)) machine_.trust_peer();
      const auto refusal = (*header)->is_local ? Reply{} : at_connect();
      if (refusal.code == 0) co_return true;
      send_away(refusal);
      co_return false;
    }
  }
  proxy_failed(services_.log, facts_, problem);
  stream_.close();
  co_return false;
}

// What a trusted proxy says of its client. NAME, PROTO and the destination are taken and not used.
Reply Session::take_xclient(const std::vector<std::pair<std::string, std::string>>& attributes) {
  auto refusal = take_address(attributes);
  if (refusal.code >= 400) return refusal;
  visit_.log_out();
  std::string login;
  for (const auto& [name, value] : attributes) {
    if (name == "LOGIN" && !value.starts_with('[')) login = value;
  }
  if (login.empty() || listener_->role == Role::catcher) return refusal;
  // Whoever checked its password, what one login may do holds.
  const auto limit = visit_.log_in(login, proto::Clock::now());
  if (limit.empty()) return refusal;
  return limited(limit,
                 {421,
                  {4, 7, 0},
                  std::string(facts_.host) + " too many " + std::string(limit) +
                      " of this login, try again later"},
                 login);
}

Reply Session::take_address(const std::vector<std::pair<std::string, std::string>>& attributes) {
  std::optional<std::string> address;
  std::uint16_t port = 0;
  for (const auto& [name, value] : attributes) {
    if (name == "ADDR") address = istarts_with(value, "IPV6:") ? value.substr(5) : value;
    if (name != "PORT" || value.starts_with('[')) continue;
    const auto number = parse_number(value);
    if (!number || *number > 65535) return {501, {5, 5, 4}, "XCLIENT: PORT is not a port"};
    port = static_cast<std::uint16_t>(*number);
  }
  if (!address) return {};
  if (address->starts_with('[')) {  // [UNAVAILABLE], [TEMPUNAVAIL]: in no network, nor the proxy's
    facts_.peer = "[unknown]";
    auto refusal = listener_->policy->connect(facts_);
    return refusal.code >= 400 ? limited("address", std::move(refusal)) : refusal;
  }
  boost::system::error_code bad;
  const auto client = boost::asio::ip::make_address(*address, bad);
  if (bad) return {501, {5, 5, 4}, "XCLIENT: ADDR is not an address"};
  enter({client, port});
  return at_connect();
}

// RFC 5321 §4.3.1: the client waits for the greeting.
boost::asio::awaitable<void> Session::wait_for_silence() {
  const auto talks = co_await stream_.readable(proto::Clock::now() + listener_->greet_pause);
  char octet = 0;
  if (talks == net::Stream::Waited::ready &&
      ::recv(stream_.socket().native_handle(), &octet, 1, MSG_PEEK | MSG_DONTWAIT) == 1)
    greeting_ = std::make_unique<Reply>(limited(
        "early_talker", {554, {5, 5, 1}, std::string(facts_.host) + " speaks first; you did"}));
}

// The refusal in the log and counted.
Reply Session::limited(std::string_view limit, Reply reply, std::string_view login) {
  client_limited(services_.log, facts_, limit, login.empty() ? machine_.login() : login, reply);
  return reply;
}

// What was sent and what was refused since the last time, of messages that broke off too.
void Session::charge(proto::Time now) {
  const auto octets = machine_.text_octets();
  const auto errors = machine_.errors();
  visit_.charge(Counted::octets, octets - std::exchange(octets_charged_, octets), now);
  visit_.charge(Counted::errors, errors - std::exchange(errors_charged_, errors), now);
}

Reply Session::at_connect() {
  const auto now = proto::Clock::now();
  const auto host = std::string(facts_.host) + ' ';
  if (auto reply = listener_->policy->connect(facts_); reply.code >= 400)
    return limited("address", std::move(reply));
  if (!visit_.may_stay())
    return limited("sessions", {421, {4, 7, 0}, host + "too many sessions from your address"});
  if (!visit_.has(Counted::errors, now))
    return limited("errors",
                   {421, {4, 7, 0}, host + "too many errors from your address, try again later"});
  if (!visit_.take(Counted::connections, now))
    return limited("connections",
                   {421, {4, 7, 0}, host + "too many connections from your address, slow down"});
  return {};
}

Reply Session::at_mail(const smtp::Transaction& transaction) {
  const auto now = proto::Clock::now();
  if (!visit_.has(Counted::octets, now))
    return limited("octets", {450, {4, 7, 1}, "too many octets from you, try again later"});
  auto reply = services_.store.room(transaction.declared_size.value_or(0));
  if (reply.code >= 400) return limited("room", std::move(reply));
  reply = listener_->policy->mail(facts_, transaction);
  if (reply.code >= 400) {
    sender_refused(services_.log, facts_, transaction, reply);
    return reply;
  }
  if (!visit_.take(Counted::messages, now))
    return limited("messages", {450, {4, 7, 1}, "too many messages from you, try again later"});
  return reply;
}

Reply Session::at_rcpt(const Mailbox& recipient) {
  const auto& transaction = machine_.transaction();
  const auto now = proto::Clock::now();
  // Who looks for names by RCPT: the next of its sessions would be refused, and this one is now.
  charge(now);
  if (!visit_.has(Counted::errors, now))
    return limited("errors", {421,
                              {4, 7, 0},
                              std::string(facts_.host) +
                                  " too many errors from your address, try again later"});
  auto reply = listener_->policy->rcpt(facts_, transaction, recipient);
  if (reply.code >= 400) {
    recipient_refused(services_.log, facts_, transaction, recipient, reply);
    return reply;
  }
  if (!visit_.take(Counted::recipients, now))
    return limited("recipients", {450, {4, 7, 1}, "too many recipients from you, try again later"});
  return reply;
}

boost::asio::awaitable<bool> Session::begin_tls() {
  const auto deadline = proto::Clock::now() + listener_->smtp.limits.handshake;
  const auto facts = co_await handshake(stream_, deadline);
  if (facts) {
    machine_.tls_up(*facts);
    co_return true;
  }
  stream_.close();
  co_return false;
}

boost::asio::awaitable<Result<proto::TlsFacts>> Session::handshake(net::Stream& stream,
                                                                   net::Time deadline) {
  if (!listener_->tls)
    co_return fail(Fault::tls, std::string(facts_.listener), "this listener has no certificate");
  auto facts = co_await stream.handshake_server(*listener_->tls, deadline);
  if (facts) co_return facts;
  tls_failed(services_.log, facts_, facts.error().detail);
  // The client may be talking already: it shall read the alert, not that the line was cut.
  if (facts.error().fault == Fault::tls) co_await stream.finish(proto::Clock::now() + last_words);
  co_return facts;
}

Reply Session::open_sink() {
  auto opened = services_.store.open(facts_, machine_.transaction());
  sink_ = std::move(opened.sink);
  data_began_ = proto::Clock::now();
  return opened.refusal;
}

Reply Session::keep(std::string_view octets) {
  const auto kept = sink_->append(octets);
  if (kept) return {};
  store_refused(services_.log, facts_, kept.error());
  sink_.reset();
  return not_stored(kept.error());
}

bool Session::answer_now(smtp::ServerMachine& machine) {
  const auto& question = machine.question();
  if (std::holds_alternative<smtp::AskAuth>(question)) return false;
  if (const auto* keys = std::get_if<smtp::AskKeys>(&question)) {
    machine.answered_keys(listener_->policy->keys(keys->user, keys->mechanism));
    return true;
  }
  if (std::holds_alternative<smtp::AskHelo>(question))
    machine.tell_time(std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
  if (const auto* body = std::get_if<smtp::AskBody>(&question)) {
    const auto kept = keep(body->octets);
    if (sink_ && !sink_->ready()) return false;
    machine.answered(kept);
    return true;
  }
  if (const auto* end = std::get_if<smtp::AskEnd>(&question)) {
    if (end->keep) return false;
    const auto now = proto::Clock::now();
    charge(now);
    message_ended(
        services_.log, facts_, machine.transaction(),
        {sink_ ? sink_->id() : std::string(), machine.message_octets(), now - data_began_},
        *end->why);
    sink_.reset();
    machine.answered({});
    return true;
  }
  auto& policy = *listener_->policy;
  Reply reply;
  if (std::holds_alternative<smtp::AskConnect>(question) && greeting_)
    reply = std::move(*greeting_);
  if (const auto* mail = std::get_if<smtp::AskMail>(&question)) reply = at_mail(mail->transaction);
  if (const auto* rcpt = std::get_if<smtp::AskRcpt>(&question)) reply = at_rcpt(rcpt->recipient);
  if (std::holds_alternative<smtp::AskData>(question)) reply = open_sink();
  if (const auto* xclient = std::get_if<smtp::AskXclient>(&question))
    reply = take_xclient(xclient->attributes);
  const auto* vrfy = std::get_if<smtp::AskVrfy>(&question);
  const auto* expn = std::get_if<smtp::AskExpn>(&question);
  if ((vrfy != nullptr || expn != nullptr) && !visit_.take(Counted::lookups, proto::Clock::now()))
    reply = limited("lookups", {450, {4, 7, 1}, "too many lookups from you, try again later"});
  else if (vrfy != nullptr)
    reply = policy.vrfy(facts_, vrfy->text);
  else if (expn != nullptr)
    reply = policy.expn(facts_, expn->text);
  machine.answered(reply);
  return true;
}

boost::asio::awaitable<void> Session::answer(smtp::ServerMachine& machine) {
  const auto& question = machine.question();
  if (const auto* auth = std::get_if<smtp::AskAuth>(&question)) {
    co_await check_login(machine, auth->credentials);
  } else if (std::holds_alternative<smtp::AskBody>(question)) {
    auto& sink = *sink_;
    co_await net::wait_for<bool>(
        [&sink](auto resume) { sink.when_ready([resume]() mutable { resume(true); }); });
    machine.answered({});
  } else {
    auto& sink = *sink_;
    const auto reply =
        co_await net::wait_for<Reply>([&sink](auto resume) { sink.commit(std::move(resume)); });
    const auto now = proto::Clock::now();
    charge(now);
    message_ended(services_.log, facts_, machine.transaction(),
                  {sink.id(), machine.message_octets(), now - data_began_}, reply);
    if (reply.is_success()) ++messages_;
    sink_.reset();
    machine.answered(reply);
  }
}

void Session::stop() {
  machine_.stop();
  stream_.interrupt();
}

void Session::abort() {
  if (delay_ != nullptr) delay_->cancel();
  stream_.close();
}

}  // namespace postroad::server
