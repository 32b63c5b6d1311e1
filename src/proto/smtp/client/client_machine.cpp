// The client machine's loop, the opening and the plain commands; AUTH is in client_auth.cpp, the
// mail transaction in client_send.cpp.
#include "proto/smtp/client/client_machine.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "proto/smtp/path.hpp"

namespace postroad::smtp {

using proto::Action;
using proto::Time;
using proto::Wish;

ClientMachine::ClientMachine(ClientOptions options)
    : options_(std::move(options)), parser_(options_.replies) {
  // With none under way nothing would ever be said.
  options_.window = std::max<std::size_t>(options_.window, 1);
  options_.chunks = std::max<std::size_t>(options_.chunks, 1);
}

Action ClientMachine::next(Time now) {
  take_replies();
  if (state_ == State::idle) return {Wish::done, {}, false, {}};
  if (!std::exchange(waiting_, true)) deadline_ = now + patience();
  sending_ = out_sent_ < out_.size() && !gathers();
  if (sending_) {
    return {Wish::send, std::string_view(out_).substr(out_sent_), secret_, deadline_};
  }
  if (state_ == State::handshake) return {Wish::start_tls, {}, false, deadline_};
  const auto chunks = capabilities_.pipelining && options_.pipelining ? options_.chunks : 1;
  if (state_ == State::body && !(by_chunks_ && expects_.size() >= chunks))
    return {Wish::consult, {}, false, {}};
  return {Wish::receive, {}, false, deadline_};
}

// Text that is short of a full write waits for what follows, so that the end of a small message, or
// many small pieces, go in one.
bool ClientMachine::gathers() const noexcept {
  constexpr std::size_t full = std::size_t{32} * 1024;
  return state_ == State::body && !by_chunks_ && out_sent_ == 0 && out_.size() < full;
}

std::chrono::milliseconds ClientMachine::patience() const {
  const auto& times = options_.timeouts;
  if (state_ == State::handshake) return times.handshake;
  if (state_ == State::body || expects_.empty()) return times.data_block;
  switch (expects_.front().exchange) {
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
  out_sent_ += count;
  if (out_sent_ < out_.size()) return;
  out_.clear();
  out_sent_ = 0;
  secret_ = false;
  waiting_ = false;
  written_ = expects_.size();
}

void ClientMachine::put(std::string_view line, Expect expect, bool secret) {
  out_ += line;
  out_ += "\r\n";
  secret_ = secret_ || secret;
  if (expects_.empty()) waiting_ = false;
  expects_.push_back(std::move(expect));
}

void ClientMachine::take_replies() {
  while (!input_.empty() && is_reading_replies() && written_ > 0) {
    const auto reply = parser_.parse(input_);
    if (!reply)
      return broke(make_error(Fault::protocol, expects_.front().stage, reply.error().detail));
    if (!*reply) return;
    waiting_ = false;
    on_reply(**reply);
  }
  if (input_.empty()) return;
  // Octets that answer nothing would be paired with the next command (CVE-2021-22947 is the worst
  // of it).
  input_ = {};
  if (state_ == State::idle) {
    usable_ = false;
  } else if (state_ != State::handshake) {
    const auto stage = state_ == State::body ? Stage::data
                       : expects_.empty()    ? Stage::connect
                                             : expects_.front().stage;
    broke(make_error(Fault::protocol, stage, "the server sent a reply that nobody asked for"));
  }
}

// Replies to BDATs come while others are still being written.
bool ClientMachine::is_reading_replies() const {
  return state_ == State::talking || state_ == State::draining ||
         (state_ == State::body && by_chunks_);
}

void ClientMachine::on_reply(const Reply& reply) {
  const auto expect = std::move(expects_.front());
  expects_.pop_front();
  --written_;
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
      return on_mail_reply(reply);
    case Exchange::rcpt:
      return on_rcpt_reply(expect.recipient, reply);
    case Exchange::data:
      return on_data_reply(reply);
    case Exchange::chunk:
      return on_chunk_reply(reply);
    case Exchange::end_of_data:
      return on_end_of_data(expect.recipient, reply);
    case Exchange::end_of_recipient:
      return on_end_of_recipient(expect.recipient, reply);
    case Exchange::rset:
      // The old transaction may still be open: nothing may follow on this connection.
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
  error_.reset();
  last_reply_ = {};
  report_ = {};
  dot_put_ = false;
  state_ = State::talking;
  waiting_ = false;
}

void ClientMachine::open() {
  begin();
  const auto& name = options_.name;
  if (name.empty() ||
      std::any_of(name.begin(), name.end(), [](char c) { return is_control(c) || c == ' '; })) {
    return end(
        make_error(Fault::input, Stage::ehlo,
                   "the client's own name is empty or holds a blank or a control character"));
  }
  usable_ = true;
  stopped_.reset();
  xclient_said_ = false;
  mails_ = 0;
  out_ = options_.preamble;
  if (options_.tls == Tls::implicit) {
    state_ = State::handshake;
    return;
  }
  await_greeting();
}

void ClientMachine::await_greeting() {
  expects_.push_back({Exchange::greeting, 0, Stage::connect});
  written_ = 1;
}

void ClientMachine::hello() {
  if (options_.lmtp) return put("LHLO " + options_.name, {Exchange::ehlo, 0, Stage::lhlo});
  const bool plain = options_.plain_helo;
  put((plain ? "HELO " : "EHLO ") + options_.name,
      {plain ? Exchange::helo : Exchange::ehlo, 0, plain ? Stage::helo : Stage::ehlo});
}

void ClientMachine::on_hello_reply(Exchange exchange, const Reply& reply) {
  if (exchange == Exchange::ehlo && reply.is_permanent_failure() && !options_.lmtp) {
    capabilities_ = {};
    return put("HELO " + options_.name, {Exchange::helo, 0, Stage::helo});
  }
  if (!reply.is_success())
    return refused(reply, options_.lmtp                ? Stage::lhlo
                          : exchange == Exchange::ehlo ? Stage::ehlo
                                                       : Stage::helo);
  capabilities_ =
      exchange == Exchange::ehlo ? parse_capabilities(reply, options_.ignored) : Capabilities{};
  after_hello();
}

void ClientMachine::after_hello() {
  if (!tls_ && stops_after(Stage::ehlo)) return;
  const bool wanted = options_.tls == Tls::opportunistic || options_.tls == Tls::required;
  if (wanted && !tls_) {
    if (capabilities_.starttls) return put("STARTTLS", {Exchange::starttls, 0, Stage::starttls});
    if (options_.tls == Tls::required) {
      return broke(
          make_error(Fault::tls_required, Stage::starttls,
                     "TLS is required and the server does not offer it; nothing was sent"));
    }
  }
  if (stops_after(Stage::starttls)) return;
  log_in();
}

// What comes between the settling of TLS and the first mail.
void ClientMachine::log_in() {
  if (!options_.xclient.empty() && !std::exchange(xclient_said_, true)) return put_xclient();
  if (options_.login) return start_auth();
  if (stops_after(Stage::auth)) return;
  end();
}

// Whether it ends here, as it was asked: at this stage, or at one before it that did not come.
bool ClientMachine::stops_after(Stage stage) {
  if (!options_.stop_after || *options_.stop_after > stage) return false;
  auto error =
      make_error(Fault::cancelled, stage,
                 std::string(options_.cuts ? "cut" : "stopped") + " here, as it was asked");
  // Behind a 354 there is nothing to say: a QUIT would be text.
  if (options_.cuts || stage >= Stage::data) {
    broke(std::move(error));
  } else {
    stopped_ = std::move(error);
    put("QUIT", {Exchange::quit, 0, Stage::quit});
  }
  return true;
}

void ClientMachine::put_xclient() {
  if (!capabilities_.xclient)
    return broke(make_error(Fault::unsupported, Stage::xclient,
                            "the server does not offer XCLIENT to this client"));
  std::string line = "XCLIENT";
  for (const auto& [name, value] : options_.xclient) {
    const bool is_name = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return is_alpha(c) || c == '_';
    });
    if (!is_name)
      return broke(
          make_error(Fault::input, Stage::xclient, "not an attribute: " + printable(name, 80)));
    const auto& taken = capabilities_.xclient_names;
    if (!taken.empty() && std::find(taken.begin(), taken.end(), upper(name)) == taken.end())
      return broke(make_error(Fault::unsupported, Stage::xclient,
                              "the server does not take this attribute: " + printable(name, 80)));
    line += ' ' + upper(name) + '=' + encode_xtext(value);
  }
  put(line, {Exchange::xclient, 0, Stage::xclient});
}

void ClientMachine::on_starttls_reply(const Reply& reply) {
  if (reply.code == 220) {
    if (!input_.empty()) {
      return broke(make_error(
          Fault::protocol, Stage::starttls,
          "octets came in clear behind the reply to STARTTLS: somebody may have put them there"));
    }
    state_ = State::handshake;
    waiting_ = false;
    return;
  }
  const bool is_refusal = reply.is_temporary_failure() || reply.is_permanent_failure();
  if (reply.code == 421 || !is_refusal) return refused(reply, Stage::starttls);
  if (options_.tls == TlsPolicy::required) {
    auto error = make_error(Fault::tls_required, Stage::starttls,
                            "TLS is required and was refused: " + reply.one_line());
    error.reply_code = reply.code;
    return broke(std::move(error));
  }
  log_in();
}

void ClientMachine::tls_up(proto::TlsFacts facts) {
  tls_ = std::move(facts);
  capabilities_ = {};  // what was offered in clear is not believed (RFC 3207 §4.2)
  parser_ = ReplyParser(options_.replies);
  state_ = State::talking;
  waiting_ = false;
  if (options_.tls == Tls::implicit) {
    await_greeting();
  } else {
    hello();
  }
}

void ClientMachine::command(std::string_view verb, std::string_view argument) {
  begin();
  if (!usable_) return end(make_error(Fault::closed, stage_of(verb), "the connection is not open"));
  std::string line(verb);
  if (!argument.empty()) line += ' ' + std::string(argument);
  if (std::any_of(line.begin(), line.end(), is_line_breaker)) {
    auto error = make_error(Fault::input, stage_of(verb),
                            "a CR, LF or NUL in the argument would begin another command");
    error.usable = usable_;
    return end(std::move(error));
  }
  put(line, {Exchange::command, 0, stage_of(verb)});
}

void ClientMachine::quit() {
  begin();
  if (!usable_) return end();  // nobody is there to say goodbye to
  put("QUIT", {Exchange::quit, 0, Stage::quit});
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
  out_.clear();
  out_sent_ = 0;
  if (state_ == State::idle) return;
  if (state_ == State::draining) return broke(std::exchange(send_failure_, {}));
  if (!expects_.empty() && expects_.front().exchange == Exchange::quit) return end();
  auto stage = !expects_.empty() ? expects_.front().stage : Stage::connect;
  if (state_ == State::body) stage = Stage::data;
  if (state_ == State::handshake)
    stage = options_.tls == Tls::implicit ? Stage::tls : Stage::starttls;
  auto error = make_error(cause.fault, stage, cause.detail);
  error.may_have_been_delivered = dot_put_;
  // A server that refuses and hangs up has often said why: what it wrote is read before the line is
  // given up.
  const bool could_have_spoken =
      state_ == State::body || (state_ == State::talking && !expects_.empty());
  if (cause.fault == Fault::closed && sending_ && could_have_spoken) {
    if (expects_.empty()) expects_.push_back({Exchange::end_of_data, 0, Stage::data});
    written_ = expects_.size();
    state_ = State::draining;
    send_failure_ = std::move(error);
    return;
  }
  broke(std::move(error));
}

Error ClientMachine::make_error(Fault fault, Stage stage, std::string detail) const {
  auto error = fail(fault, options_.server, std::move(detail));
  error.stage = stage;
  return error;
}

// A 2yz or 3yz that the command does not provide for is no answer to it (RFC 5321 section 4.3.2).
void ClientMachine::refused(const Reply& reply, Stage stage) {
  if (reply.is_success() || reply.is_intermediate()) {
    return broke(make_error(Fault::protocol, stage,
                            "unexpected reply to this command: " + reply.one_line()));
  }
  auto error = make_error(Fault::refused, stage, reply.one_line());
  error.reply_code = reply.code;
  broke(std::move(error));
}

void ClientMachine::end(std::optional<Error> error) {
  error_ = std::move(error);
  state_ = State::idle;
  expects_.clear();
  written_ = 0;
  out_.clear();
  out_sent_ = 0;
}

void ClientMachine::broke(Error error) {
  usable_ = false;
  error.may_have_been_delivered = error.may_have_been_delivered || dot_put_;
  settle_broken(error);
  end(std::move(error));
}

}  // namespace postroad::smtp
