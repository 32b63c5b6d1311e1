// The client machine's loop and the plain commands; see client_machine.hpp. Not here: the opening
// (client_opening.cpp), AUTH (client_auth.cpp).
#include "proto/smtp/client/client_machine.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "proto/smtp/client/client_error.hpp"
#include "proto/smtp/client/greeting.hpp"

namespace postroad::smtp {

using proto::Action;
using proto::Time;
using proto::Wish;

ClientMachine::ClientMachine(ClientOptions options)
    : options_(std::move(options)), parser_(options_.limits.replies) {
  // With a window of 0 nothing would ever be sent.
  options_.limits.window = std::max<std::size_t>(options_.limits.window, 1);
  options_.limits.chunks = std::max<std::size_t>(options_.limits.chunks, 1);
}

Action ClientMachine::next(Time now) {
  take_replies();
  if (state_ == State::idle) return {Wish::done, {}, false, {}};
  if (!std::exchange(waiting_, true)) deadline_ = now + patience();
  sending_ = !queue_.unsent().empty() && !gathers();
  if (sending_) return {Wish::send, queue_.unsent(), queue_.is_secret(), deadline_};
  if (state_ == State::handshake) return {Wish::start_tls, {}, false, deadline_};
  const auto chunks = capabilities_.pipelining && options_.pipelining ? options_.limits.chunks : 1;
  if (state_ == State::body && !(is_chunked() && queue_.awaited() >= chunks))
    return {Wish::consult, {}, false, {}};
  return {Wish::receive, {}, false, deadline_};
}

// Message data that does not fill a write waits for what follows, so that the end of a small
// message, or many small pieces, are sent in one write.
bool ClientMachine::gathers() const noexcept {
  constexpr std::size_t full = std::size_t{32} * 1024;
  return state_ == State::body && !is_chunked() && !queue_.has_sent_part() &&
         queue_.unsent().size() < full;
}

std::chrono::milliseconds ClientMachine::patience() const {
  const auto& times = options_.timeouts;
  if (state_ == State::handshake) return times.handshake;
  if (state_ == State::body || !queue_.is_awaiting()) return times.data_block;
  switch (queue_.front().exchange) {
    case Exchange::greeting:
      return times.greeting;
    case Exchange::data:
      return times.data;
    case Exchange::end_of_data:
    case Exchange::end_of_recipient:
      return times.end_of_data;
    case Exchange::chunk:
      return times.data_block;
    default:
      return times.command;
  }
}

void ClientMachine::received(std::string_view bytes) { input_ = bytes; }

void ClientMachine::sent(std::size_t count) {
  if (queue_.sent(count)) waiting_ = false;
}

void ClientMachine::take_replies() {
  while (!input_.empty() && is_reading_replies() && queue_.may_be_answered()) {
    if (awaits_first_byte() && is_tls_record(input_))
      return broke(make_error(Fault::protocol, Stage::connect,
                              without_greeting(tls_in_place_of_greeting, options_.server)));
    const auto reply = parser_.parse(input_);
    if (!reply)
      return broke(make_error(Fault::protocol, queue_.front().stage, reply.error().detail));
    if (!*reply) return;
    waiting_ = false;
    on_reply(**reply);
  }
  if (input_.empty()) return;
  if (state_ == State::idle && following_) {
    early_ = input_;
    input_ = {};
    return;
  }
  // A reply to no command would be taken for the reply to the next one (CVE-2021-22947).
  input_ = {};
  if (state_ == State::idle) {
    usable_ = false;
  } else if (state_ != State::handshake) {
    const auto stage = state_ == State::body  ? Stage::data
                       : queue_.is_awaiting() ? queue_.front().stage
                                              : Stage::connect;
    broke(make_error(Fault::protocol, stage, "the server sent a reply without a command"));
  }
}

// Replies to BDATs come while others are still written.
bool ClientMachine::is_reading_replies() const {
  return state_ == State::talking || state_ == State::draining ||
         (state_ == State::body && is_chunked());
}

void ClientMachine::on_reply(const Reply& reply) {
  const auto expect = queue_.take();
  last_reply_ = reply;
  if (reply.code == 421) usable_ = false;
  switch (expect.exchange) {
    case Exchange::greeting:
      if (reply.code != 220) return refused(reply, expect.stage);
      if (stops_after(Stage::connect)) return;
      return hello();
    case Exchange::ehlo:
    case Exchange::helo:
      return on_hello_reply(expect.exchange, reply);
    case Exchange::starttls:
      return on_starttls_reply(reply);
    case Exchange::xclient:
      if (reply.code != 220) return refused(reply, expect.stage);
      return hello();
    case Exchange::auth:
      return on_auth_reply(reply);
    case Exchange::mail:
    case Exchange::rcpt:
    case Exchange::data:
    case Exchange::chunk:
    case Exchange::end_of_data:
    case Exchange::end_of_recipient:
      return follow(mail_->on_reply(expect, reply, state_ == State::draining));
    case Exchange::rset:
      // After a refusal the old transaction may still be open.
      usable_ = usable_ && reply.is_success();
      return end();
    case Exchange::command:
      return end();
    case Exchange::quit:
      usable_ = false;
      if (stopped_) return broke(*std::exchange(stopped_, std::nullopt));
      return end();
  }
}

void ClientMachine::begin() {
  announced_.reset();
  error_.reset();
  last_reply_ = {};
  mail_.reset();
  state_ = State::talking;
  waiting_ = false;
}

bool ClientMachine::stops_after(Stage stage) {
  if (!is_last_stage(options_, stage)) return false;
  stop_at(stage);
  return true;
}

void ClientMachine::stop_at(Stage stage) {
  auto error = make_error(
      Fault::cancelled, stage,
      std::string(options_.cuts ? "closed" : "stopped") + " after this stage, as requested");
  // After a 354 a QUIT would be message data.
  if (options_.cuts || stage >= Stage::data) {
    broke(std::move(error));
  } else {
    stopped_ = std::move(error);
    queue_.put("QUIT", {Exchange::quit, 0, Stage::quit});
  }
}

// The server has its commands: nothing else can be said to it.
void ClientMachine::drop_announced() {
  if (!following_) return;
  following_.reset();
  queue_.clear();
  usable_ = false;
}

bool ClientMachine::announce(MailRequest next) {
  // Nothing but BDAT's own size would tell its reply from a surplus one.
  if (!may_announce() || next.is_binary) return false;
  if (options_.drops_options) drop_unsupported(capabilities_, next.envelope);
  if (preflight(next, capabilities_, options_, tls_ ? &*tls_ : nullptr)) return false;
  announced_ = std::move(next);
  return true;
}

// Begins the announced transaction behind the message that has just ended.
void ClientMachine::follow_up() {
  if (state_ != State::talking || !announced_) return;
  following_.emplace(options_, capabilities_, queue_, std::move(*announced_));
  announced_.reset();
  following_->begin();
}

void ClientMachine::send(MailRequest request) {
  begin();
  if (following_ && usable_) {
    ++messages_;
    mail_.emplace(std::move(*following_));
    following_.reset();
    input_ = early_;
    return;
  }
  drop_announced();
  const auto refuse = [&](Error error) {
    error.usable = usable_;
    end(std::move(error));
  };
  if (!usable_) return refuse(make_error(Fault::closed, Stage::mail, "the connection is not open"));
  if (options_.drops_options) drop_unsupported(capabilities_, request.envelope);
  if (auto error = preflight(request, capabilities_, options_, tls_ ? &*tls_ : nullptr))
    return refuse(std::move(*error));
  ++messages_;
  mail_.emplace(options_, capabilities_, queue_, std::move(request));
  mail_->begin();
}

void ClientMachine::follow(MailTransaction::Next next) {
  using Do = MailTransaction::Next::Do;
  switch (next.what) {
    case Do::keep:
      return;
    case Do::talk:
      state_ = State::talking;
      return;
    case Do::send_data:
      state_ = State::body;
      return;
    case Do::end:
      return end();
    case Do::give_up:
      usable_ = false;
      return end();
    case Do::lost:
      return broke(std::exchange(send_failure_, {}));
    case Do::stop:
      return stop_at(next.stage);
    case Do::fail:
      return broke(std::move(*next.error));
  }
}

void ClientMachine::body(std::string_view bytes) {
  waiting_ = false;
  mail_->body(bytes);
}

void ClientMachine::body_end() {
  waiting_ = false;
  follow(mail_->body_end());
  follow_up();
}

// No dot may follow message data that was not read whole: the server would take the part for the
// message.
void ClientMachine::body_failed(const Error& cause) {
  broke(make_error(cause.fault, Stage::data, cause.text()));
}

const SendReport& ClientMachine::report() const {
  static const SendReport none;
  return mail_ ? mail_->report() : none;
}

void ClientMachine::command(std::string_view verb, std::string_view argument) {
  begin();
  drop_announced();
  if (!usable_) return end(make_error(Fault::closed, stage_of(verb), "the connection is not open"));
  std::string line(verb);
  if (!argument.empty()) line += ' ' + std::string(argument);
  if (std::any_of(line.begin(), line.end(), is_line_breaker)) {
    auto error = make_error(Fault::input, stage_of(verb),
                            "a CR, LF or NUL in the argument would begin another command");
    error.usable = usable_;
    return end(std::move(error));
  }
  queue_.put(line, {Exchange::command, 0, stage_of(verb)});
}

void ClientMachine::quit() {
  begin();
  drop_announced();
  if (!usable_) return end();
  queue_.put("QUIT", {Exchange::quit, 0, Stage::quit});
}

void ClientMachine::closed() {
  if (state_ == State::idle) {
    usable_ = false;
    return;
  }
  failed(fail(Fault::closed, {}, "the server closed the connection"));
}

void ClientMachine::failed(const Error& cause) {
  usable_ = false;
  queue_.discard_unsent();
  if (state_ == State::idle) return;
  if (state_ == State::draining) return broke(std::exchange(send_failure_, {}));
  if (queue_.is_awaiting() && queue_.front().exchange == Exchange::quit) return end();
  auto stage = queue_.is_awaiting() ? queue_.front().stage : Stage::connect;
  if (state_ == State::body) stage = Stage::data;
  if (state_ == State::handshake)
    stage = options_.tls == Tls::implicit ? Stage::tls : Stage::starttls;
  auto error = make_error(cause.fault, stage, cause.detail);
  if (awaits_first_byte() && (cause.fault == Fault::timeout || cause.fault == Fault::closed))
    error.detail = without_greeting(cause.detail, options_.server);
  error.may_have_been_delivered = mail_ && mail_->has_ended();
  // A server that refuses and closes has often given the reason: read the data that it sent first.
  const bool could_have_spoken =
      state_ == State::body || (state_ == State::talking && queue_.is_awaiting());
  if (cause.fault == Fault::closed && sending_ && could_have_spoken) {
    if (!queue_.is_awaiting()) queue_.expect({Exchange::end_of_data, 0, Stage::data});
    queue_.mark_written();
    state_ = State::draining;
    send_failure_ = std::move(error);
    return;
  }
  broke(std::move(error));
}

Error ClientMachine::make_error(Fault fault, Stage stage, std::string detail) const {
  return error_at(options_, fault, stage, std::move(detail));
}

void ClientMachine::refused(const Reply& reply, Stage stage) {
  broke(refusal_at(options_, stage, reply));
}

void ClientMachine::end(std::optional<Error> error) {
  error_ = std::move(error);
  state_ = State::idle;
  early_.clear();
  if (following_ && usable_ && !error_) return;
  following_.reset();
  queue_.clear();
}

void ClientMachine::broke(Error error) {
  usable_ = false;
  if (mail_) {
    error.may_have_been_delivered = error.may_have_been_delivered || mail_->has_ended();
    mail_->fail(error);
  }
  end(std::move(error));
}

}  // namespace postroad::smtp
