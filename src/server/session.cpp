// Sessions; see session.hpp.
#include "server/session.hpp"

#include <array>
#include <boost/asio/post.hpp>
#include <type_traits>
#include <variant>

#include "net/callback.hpp"
#include "net/drive.hpp"
#include "server/events.hpp"

namespace postroad::server {

namespace {

constexpr std::size_t buffer_size = 16384;
constexpr std::chrono::seconds last_words{2};  // that a peer gets to read them

Reply not_stored(const Error& error) {
  if (error.fault == Fault::full) return {452, {4, 3, 1}, "no room on the disk, try again later"};
  return {451, {4, 3, 0}, "the message could not be kept, try again later"};
}

}  // namespace

std::string SessionFacts::protocol() const {
  if (!machine->is_esmtp()) return "SMTP";
  return std::string("ESMTP") + (machine->tls() ? "S" : "") + (machine->login().empty() ? "" : "A");
}

Session::Session(tcp::socket socket, const ListenerSettings& listener, Services services)
    : stream_(std::move(socket)),
      listener_(listener),
      services_(services),
      machine_(listener.smtp) {
  facts_.role = listener.role;
  facts_.listener = net::text_of({boost::asio::ip::make_address(listener.address), listener.port});
  facts_.peer = stream_.peer();
  facts_.host = listener.smtp.hostname;
  facts_.machine = &machine_;
}

boost::asio::awaitable<void> Session::run() {
  session_opened(services_.log, facts_);
  if (listener_.smtp.tls == smtp::TlsMode::implicit && !co_await begin_tls()) co_return;
  std::array<char, buffer_size> buffer;
  net::DriveOptions how;
  how.buffer = buffer;
  co_await net::drive(stream_, machine_, *this, how);
  sink_.reset();
  // Whoever is sent away may still be sending: it shall read why.
  const auto ending = machine_.ending();
  if (ending != smtp::Ending::quit && ending != smtp::Ending::closed_by_peer &&
      ending != smtp::Ending::failed)
    co_await stream_.finish(proto::Clock::now() + last_words);
  stream_.close();
  session_closed(services_.log, facts_, messages_);
}

boost::asio::awaitable<bool> Session::begin_tls() {
  const auto deadline = proto::Clock::now() + listener_.smtp.limits.handshake;
  const auto facts = co_await handshake(stream_, deadline);
  if (facts) {
    machine_.tls_up(*facts);
    co_return true;
  }
  tls_failed(services_.log, facts_, facts.error().detail);
  stream_.close();
  co_return false;
}

boost::asio::awaitable<Result<proto::TlsFacts>> Session::handshake(net::Stream& stream,
                                                                   net::Time deadline) {
  if (!listener_.tls)
    co_return fail(Fault::tls, facts_.listener, "this listener has no certificate");
  co_return co_await stream.handshake_server(*listener_.tls, deadline);
}

Reply Session::open_sink() {
  auto opened = services_.store.open(facts_, machine_.transaction());
  sink_ = std::move(opened.sink);
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
  auto& policy = services_.policy;
  const auto& question = machine.question();
  if (std::holds_alternative<smtp::AskAuth>(question)) return false;
  if (const auto* body = std::get_if<smtp::AskBody>(&question)) {
    const auto kept = keep(body->octets);
    if (sink_ && !sink_->ready()) return false;
    machine.answered(kept);
    return true;
  }
  if (const auto* end = std::get_if<smtp::AskEnd>(&question)) {
    if (end->keep) return false;
    sink_.reset();
    machine.answered({});
    return true;
  }
  Reply reply;
  if (std::holds_alternative<smtp::AskConnect>(question)) reply = policy.connect(facts_);
  if (const auto* mail = std::get_if<smtp::AskMail>(&question))
    reply = policy.mail(facts_, mail->transaction);
  if (const auto* rcpt = std::get_if<smtp::AskRcpt>(&question)) {
    reply = policy.rcpt(facts_, machine.transaction(), rcpt->recipient);
    if (reply.code >= 400)
      recipient_refused(services_.log, facts_, machine.transaction(), rcpt->recipient, reply);
  }
  if (std::holds_alternative<smtp::AskData>(question)) reply = open_sink();
  if (const auto* vrfy = std::get_if<smtp::AskVrfy>(&question))
    reply = policy.vrfy(facts_, vrfy->text);
  if (const auto* expn = std::get_if<smtp::AskExpn>(&question))
    reply = policy.expn(facts_, expn->text);
  machine.answered(reply);
  return true;
}

boost::asio::awaitable<void> Session::answer(smtp::ServerMachine& machine) {
  const auto& question = machine.question();
  if (const auto* auth = std::get_if<smtp::AskAuth>(&question)) {
    auto& policy = services_.policy;
    auto& workers = services_.workers;
    const auto& credentials = auth->credentials;
    const bool other =
        !credentials.authorize_as.empty() && credentials.authorize_as != credentials.user;
    const auto right = co_await net::wait_for<bool>([&policy, &workers, &credentials](auto resume) {
      boost::asio::post(workers, [&policy, &credentials, resume]() mutable {
        resume(policy.check_login(credentials.user, credentials.password));
      });
    });
    login_checked(services_.log, facts_, credentials.user, right && !other);
    machine.answered(right && !other ? Reply{235, {2, 7, 0}, "Authentication successful"}
                                     : Reply{535, {5, 7, 8}, "authentication failed"});
  } else if (std::holds_alternative<smtp::AskBody>(question)) {
    auto& sink = *sink_;
    co_await net::wait_for<bool>(
        [&sink](auto resume) { sink.when_ready([resume]() mutable { resume(true); }); });
    machine.answered({});
  } else {
    auto& sink = *sink_;
    const auto reply =
        co_await net::wait_for<Reply>([&sink](auto resume) { sink.commit(std::move(resume)); });
    message_ended(services_.log, facts_, machine.transaction(), machine.message_octets(), reply);
    if (reply.is_success()) ++messages_;
    sink_.reset();
    machine.answered(reply);
  }
}

void Session::stop() {
  machine_.stop();
  stream_.interrupt();
}

void Session::abort() { stream_.close(); }

}  // namespace postroad::server
