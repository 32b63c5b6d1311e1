// The server machine's loop: wishes, lines, deadlines, replies; see server_machine.hpp.
#include "proto/smtp/server/server_machine.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "proto/smtp/reply.hpp"

namespace postroad::smtp {

using proto::Action;
using proto::Time;
using proto::Wish;

namespace {
constexpr std::size_t most_idle = 1024;  // bytes of memory kept while a session idles
}  // namespace

ServerMachine::ServerMachine(const ServerOptions& options) : options_(options) {
  ask(AskConnect{});
}

Action ServerMachine::next(Time now) {
  clock_.now = now;
  excuse(now);
  for (;;) {
    if (question_) {
      waits_.is_asking = true;
      waits_.asked = now;
      return {Wish::consult, {}, false, {}};
    }
    const auto unsent = out_.unsent();
    const bool must_flush =
        mode_ == Mode::closing || start_tls_ || (unsent > 0 && unsent >= options_.limits.replies);
    if (!must_flush && advance()) continue;
    if (out_.unsent() > 0) {
      if (!std::exchange(out_.is_sending, true)) out_.deadline = now + options_.limits.send;
      return {Wish::send, std::string_view(out_.bytes).substr(out_.sent), mode_ == Mode::auth,
              out_.deadline};
    }
    if (mode_ == Mode::closing) return {Wish::done, {}, false, {}};
    if (start_tls_ && stopping_) {  // the client expects TLS: no reply can be read
      close(Ending::stopped);
      continue;
    }
    if (start_tls_) return {Wish::start_tls, {}, false, now + options_.limits.handshake};
    if (is_stopped() && (mode_ == Mode::commands || mode_ == Mode::auth)) {
      say_stopped();
      continue;
    }
    arm(now);
    return {Wish::receive,
            {},
            mode_ == Mode::auth,
            is_in_transaction() ? std::min(waits_.deadline, waits_.transaction) : waits_.deadline};
  }
}

// A deadline begins when the machine begins to wait for a command or a block, and no byte moves it.
// That of a transaction begins at the first wait after MAIL.
void ServerMachine::arm(Time now) {
  if (is_in_transaction() && waits_.transaction == Time{})
    waits_.transaction = now + options_.limits.transaction;
  if (std::exchange(waits_.is_waiting, true)) return;
  const bool is_text = mode_ == Mode::text || mode_ == Mode::chunk;
  waits_.deadline = now + (is_text ? options_.limits.data_block : options_.limits.command);
}

// The time that an answer took is not the client's: it moves the deadlines that run.
void ServerMachine::excuse(Time now) {
  if (!std::exchange(waits_.is_asking, false)) return;
  const auto taken = now - waits_.asked;
  if (waits_.is_waiting) waits_.deadline += taken;
  if (waits_.transaction != Time{}) waits_.transaction += taken;
  if (out_.is_sending) out_.deadline += taken;
}

void ServerMachine::say_stopped() {
  reply(421, {4, 3, 2}, options_.hostname + " service shutting down, try again later");
  close(Ending::stopped);
}

void ServerMachine::withdraw_question() { say_stopped(); }

void ServerMachine::received(std::string_view bytes) { input_ = bytes; }

bool ServerMachine::needs_input() const {
  if (!input_.empty()) return true;
  return question_ && !std::holds_alternative<AskEnd>(*question_) &&
         !std::holds_alternative<AskAuth>(*question_);
}

void ServerMachine::sent(std::size_t count) {
  out_.sent += count;
  if (out_.unsent() > 0) {
    // A peer that reads byte by byte while it sends commands must not make the buffer grow.
    if (out_.sent >= options_.limits.replies) out_.bytes.erase(0, std::exchange(out_.sent, 0));
    return;
  }
  out_.clear();
  if (std::exchange(out_.sheds_memory, false) || out_.bytes.capacity() > most_idle)
    std::string().swap(out_.bytes);
  out_.is_sending = false;
}

void ServerMachine::closed() {
  input_ = {};
  out_.clear();
  close(Ending::closed_by_peer);
}

void ServerMachine::tls_up(proto::TlsFacts facts) {
  tls_ = std::make_unique<proto::TlsFacts>(std::move(facts));
  start_tls_ = false;
  forget_client();  // what it said without TLS is not trusted (RFC 3207 section 4.2)
  counts_.messages = 0;
}

void ServerMachine::failed(const Error& error) {
  if (error.fault == Fault::cancelled && stopping_ && mode_ != Mode::closing)
    return;  // woken by stop(): next() replies 421, or closes in place of a handshake
  const bool was_closing = mode_ == Mode::closing;
  const bool handshake = std::exchange(start_tls_, false);
  const bool unread = std::exchange(out_.is_sending, false);  // then no reply can be sent either
  input_ = {};
  out_.clear();
  if (error.fault == Fault::timeout && !was_closing && !handshake && !unread) {
    reply(421, {4, 4, 2}, options_.hostname + " timeout, closing connection");
    close(Ending::timeout);
    return;
  }
  if (was_closing) return;
  close(error.fault == Fault::closed    ? Ending::closed_by_peer
        : error.fault == Fault::timeout ? Ending::timeout
                                        : Ending::failed);
}

// One step without a wish; false if the input allows no further step.
bool ServerMachine::advance() {
  if (mode_ == Mode::text || mode_ == Mode::chunk) {
    if (input_.empty()) return false;
    mode_ == Mode::text ? on_text() : on_chunk();
    return true;
  }
  std::string_view line;
  if (mode_ == Mode::closing) return false;
  // A TLS ClientHello where plaintext comes first would pass for a long and bad command.
  if (counts_.commands == 0 && !tls_ && !lines_.is_inside() && input_.starts_with('\x16')) {
    reply(554, {5, 5, 1}, "TLS handshake before STARTTLS; implicit TLS is on another port");
    close(Ending::not_smtp);
    return true;
  }
  if (!take_line(line)) return false;
  waits_.is_waiting = false;
  if (mode_ == Mode::auth) {
    on_auth_line(line);
  } else {
    on_command(line);
  }
  return true;
}

bool ServerMachine::take_line(std::string_view& line) {
  using Found = LineReader::Found;
  const auto& limits = options_.limits;
  while (mode_ != Mode::closing) {
    const auto limit = mode_ == Mode::auth ? limits.auth_line : limits.command_line;
    const auto found = lines_.take(input_, limit, options_.accept_bare_lf);
    switch (found.found) {
      case Found::nothing:
        return false;
      case Found::line:
        line = found.text;
        return true;
      case Found::too_long:
        line_too_long();
        break;
      case Found::bare_lf:
        refuse_bare_lf();
        break;
      case Found::bdat_too_long:
        line_too_long();
        close(Ending::refused);
        break;
    }
  }
  return false;
}

// The rest of the line may be an injected command, so it is not read.
void ServerMachine::refuse_bare_lf() {
  reply(500, {5, 5, 2}, "bare LF received: lines must end with CRLF");
  ++counts_.errors;
  close(Ending::refused);
}

void ServerMachine::line_too_long() {
  waits_.is_waiting = false;
  if (mode_ == Mode::auth) {
    auth_.reset();
    mode_ = Mode::commands;
    return refuse({500,
                   {5, 5, 6},
                   "authentication response too long (limit " +
                       std::to_string(options_.limits.auth_line) + " bytes)"});
  }
  refuse(
      {500,
       {5, 5, 2},
       "command line too long (limit " + std::to_string(options_.limits.command_line) + " bytes)"});
}

void ServerMachine::ask(Question question) { question_.emplace(std::move(question)); }

void ServerMachine::reply(const Reply& answer) { reply(answer.code, answer.status, answer.text); }

void ServerMachine::reply(int code, EnhancedStatus status, std::string_view text) {
  auto& out = out_.bytes;
  const auto begin = out.size();
  format(code, options_.extensions.enhanced_status_codes ? status : EnhancedStatus{}, text, out);
  // Replies are ASCII unless the client requested SMTPUTF8 (RFC 6531 section 3.7.4.2).
  if (!transaction_.smtputf8)
    std::replace_if(out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(), is_8bit, '?');
}

// A refusal that counts as an error: too many of them end the session.
void ServerMachine::refuse(const Reply& refusal) {
  reply(refusal);
  if (refusal.code == 421) return close(Ending::refused);
  if (++counts_.errors <= options_.limits.errors) return;
  reply(421, {4, 7, 0}, options_.hostname + " too many errors, closing connection");
  close(Ending::too_many_errors);
}

// A client may have sent many RCPTs before it reads this: refusals that hold only for now count as
// errors beyond the overshoot limit.
void ServerMachine::refuse_recipient(const Reply& refusal) {
  recipients_refused_ = true;
  const bool counts = !refusal.is_temporary_failure() || refusal.code == 421 ||
                      ++counts_.overshoot > options_.limits.recipient_overshoot;
  counts ? refuse(refusal) : reply(refusal);
}

std::chrono::sys_seconds ServerMachine::wall_time() const {
  return clock_.wall + std::chrono::floor<std::chrono::seconds>(clock_.now - clock_.told);
}

void ServerMachine::close(Ending ending) {
  mode_ = Mode::closing;
  question_.reset();
  if (ending_ == Ending::open) ending_ = ending;
  input_ = {};
}

const std::vector<RecipientOptions>& Transaction::asked_of_recipients() const {
  static const std::vector<RecipientOptions> nothing;
  return recipient_options ? *recipient_options : nothing;
}

void Transaction::clear() {
  auto kept = std::move(recipients);
  *this = {};
  recipients = std::move(kept);
  recipients.clear();
  constexpr std::size_t most_kept = 16;
  if (recipients.capacity() > most_kept) recipients.shrink_to_fit();
}

void ServerMachine::reset_transaction() {
  transaction_.clear();
  waits_.transaction = {};
  chunk_.reset();
  recipients_refused_ = false;
  counts_.overshoot = 0;
  if (phase_ > Phase::ready) phase_ = Phase::ready;
}

}  // namespace postroad::smtp
