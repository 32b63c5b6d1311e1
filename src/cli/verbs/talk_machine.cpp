// See talk_machine.hpp.
#include "cli/verbs/talk_machine.hpp"

#include "base/text.hpp"
#include "proto/smtp/client/greeting.hpp"
#include "proto/smtp/server/command.hpp"

namespace postroad::cli {

using smtp::Exchange;

namespace {

constexpr int most_challenges = 8;  // an endless 334 would hold the session for ever

}  // namespace

TalkMachine::TalkMachine(TalkOptions options) : options_(std::move(options)) {
  if (options_.implicit_tls) state_ = State::tls;
}

proto::Action TalkMachine::next(proto::Time now) {
  if (error_ || state_ == State::done) return {.wish = proto::Wish::done};
  if (!deadline_) deadline_ = now + options_.timeout;
  // A server may have sent bytes before the command: they are then the reply.
  while (out_.empty() && state_ == State::reply && !in_.empty() && !error_) received({});
  if (error_ || state_ == State::done) return {.wish = proto::Wish::done};
  if (!out_.empty())
    return {.wish = proto::Wish::send, .bytes = out_, .secret = secret_, .deadline = *deadline_};
  switch (state_) {
    case State::tls:
      return {.wish = proto::Wish::start_tls, .deadline = *deadline_};
    case State::reply:
      return {.wish = proto::Wish::receive, .deadline = *deadline_};
    case State::command:
    case State::body:
      return {.wish = proto::Wish::consult, .deadline = proto::Time::max()};
    case State::done:
      break;
  }
  return {.wish = proto::Wish::done};
}

void TalkMachine::wait_for_reply(std::string line, Exchange exchange, bool secret) {
  out_ = std::move(line) + "\r\n";
  secret_ = secret;
  state_ = State::reply;
  awaited_ = exchange;
  deadline_.reset();
}

void TalkMachine::stop(Fault fault, std::string why) {
  error_ = fail(fault, options_.server, std::move(why));
}

// Whether nothing has come yet on a connection without TLS. LMTP has no port with implicit TLS.
bool TalkMachine::awaits_first_byte() const {
  return state_ == State::reply && awaited_ == Exchange::greeting && !is_secure_ &&
         !options_.lmtp && in_.empty() && !parser_.is_inside();
}

void TalkMachine::received(std::string_view bytes) {
  if (awaits_first_byte() && smtp::is_tls_record(bytes))
    return stop(Fault::protocol,
                smtp::without_greeting(smtp::tls_in_place_of_greeting, options_.server));
  in_ += bytes;
  std::string_view rest = in_;
  auto reply = parser_.parse(rest);
  in_ = std::string(rest);
  if (!reply) {
    error_ = reply.error();
    error_->where = options_.server;
  } else if (*reply) {
    take(**reply);
  }
}

void TalkMachine::closed() {
  failed(fail(Fault::closed, options_.server, "the server closed the connection"));
}

void TalkMachine::failed(const Error& error) {
  error_ = error;
  if (awaits_first_byte() && (error.fault == Fault::timeout || error.fault == Fault::closed))
    error_->detail = smtp::without_greeting(error.detail, options_.server);
}

void TalkMachine::tls_up(const proto::TlsFacts& facts) {
  binding_ = facts.binding;
  is_secure_ = true;
  capabilities_ = {};  // what was announced without TLS is not believed (RFC 3207 section 4.2)
  deadline_.reset();
  if (awaited_ == Exchange::greeting) {
    state_ = State::reply;
  } else {
    begin();
  }
}

// After the greeting, and again once TLS is up.
void TalkMachine::begin() {
  if (!options_.hello.empty()) return wait_for_reply(options_.hello, Exchange::ehlo);
  state_ = State::command;
}

void TalkMachine::take(const Reply& reply) {
  state_ = State::command;
  if (reply.code == 421 && awaited_ != Exchange::greeting) {
    state_ = State::done;
    return;
  }
  switch (awaited_) {
    case Exchange::greeting:
      return begin();
    case Exchange::ehlo:
      return take_hello(reply);
    case Exchange::starttls:
      return take_starttls(reply);
    case Exchange::auth:
      return take_auth(reply);
    case Exchange::quit:
      state_ = State::done;
      return;
    case Exchange::end_of_data:
      return;
    default:
      if (reply.code == 354) state_ = State::body;
  }
}

void TalkMachine::take_hello(const Reply& reply) {
  if (reply.is_success()) capabilities_ = smtp::parse_capabilities(reply);
  if (!options_.require_tls || is_secure_) return;
  if (capabilities_.starttls) return wait_for_reply("STARTTLS", Exchange::starttls);
  stop(Fault::tls_required,
       "the server does not offer STARTTLS, and --require-tls was given; leave it out to continue "
       "without TLS");
}

void TalkMachine::take_starttls(const Reply& reply) {
  if (reply.code != 220) {
    if (options_.require_tls && !is_secure_)
      stop(Fault::tls_required, "STARTTLS was refused, and --require-tls was given");
    return;
  }
  if (!in_.empty())
    return stop(Fault::protocol,
                "data was received in plaintext after the reply to STARTTLS: an attacker may have "
                "injected it (CVE-2011-0411)");
  state_ = State::tls;
  deadline_.reset();
}

void TalkMachine::take_auth(const Reply& reply) {
  if (reply.code == 334 && ++challenges_ <= most_challenges) {
    const auto answer = login_->respond(base64_decode(reply.text).value_or(""));
    return wait_for_reply(answer ? base64_encode(answer->response) : "*", Exchange::auth,
                          answer.has_value());
  }
  if (reply.code == 334) return stop(Fault::protocol, "the server sends challenges without end");
  const auto doubt = login_->doubt();
  login_.reset();
  if (reply.code == 235 && !doubt.empty()) stop(Fault::auth, doubt);
}

void TalkMachine::say(std::string line, bool secret) {
  const auto* row = smtp::parse_command(line).row;
  auto exchange = Exchange::command;
  if (row != nullptr) {
    using smtp::Verb;
    if (row->verb == Verb::ehlo || row->verb == Verb::lhlo) exchange = Exchange::ehlo;
    if (row->verb == Verb::starttls) exchange = Exchange::starttls;
    if (row->verb == Verb::quit) exchange = Exchange::quit;
  }
  wait_for_reply(std::move(line), exchange, secret);
}

void TalkMachine::start_auth(const std::string& mechanism, std::unique_ptr<sasl::Client> login) {
  login_ = std::move(login);
  challenges_ = 0;
  const auto first = login_->initial();
  if (!first) return wait_for_reply("AUTH " + mechanism, Exchange::auth);
  const auto response = base64_encode(first->response);
  wait_for_reply("AUTH " + mechanism + ' ' + (response.empty() ? "=" : response), Exchange::auth,
                 true);
}

void TalkMachine::abandon_body() {
  stop(
      Fault::data,
      "the input ended inside the message, and the connection was closed without the final dot, so "
      "that the server discards the message; end it with a line that has a single dot");
}

void TalkMachine::say_body(std::string line) {
  if (line == ".") return wait_for_reply(std::move(line), Exchange::end_of_data);
  out_ = std::move(line) + "\r\n";
  secret_ = false;
  deadline_.reset();
}

}  // namespace postroad::cli
