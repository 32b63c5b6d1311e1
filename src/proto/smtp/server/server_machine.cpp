// The server machine's loop: wishes, lines, deadlines, answers. The commands are in
// server_commands.cpp.
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
constexpr std::size_t most_idle = 1024;  // octets of a buffer while a session idles
}  // namespace

ServerMachine::ServerMachine(const ServerOptions& options) : options_(options) {
  ask(AskConnect{});
}

Action ServerMachine::next(Time now) {
  now_ = now;
  for (;;) {
    if (question_) return {Wish::consult, {}, false, {}};
    const auto unsent = out_.size() - out_sent_;
    const bool must_flush =
        mode_ == Mode::closing || start_tls_ || (unsent > 0 && unsent >= options_.limits.replies);
    if (!must_flush && step()) continue;
    if (out_sent_ < out_.size()) {
      if (!std::exchange(sending_, true)) send_deadline_ = now + options_.limits.send;
      return {Wish::send, std::string_view(out_).substr(out_sent_), mode_ == Mode::auth,
              send_deadline_};
    }
    if (mode_ == Mode::closing) return {Wish::done, {}, false, {}};
    if (start_tls_) return {Wish::start_tls, {}, false, now + options_.limits.handshake};
    if (stopping_ && mode_ == Mode::commands && phase_ < Phase::mail) {
      reply(421, {4, 3, 2}, options_.hostname + " is closing for maintenance, try again later");
      close(Ending::stopped);
      continue;
    }
    arm(now);
    return {Wish::receive,
            {},
            mode_ == Mode::auth,
            is_in_transaction() ? std::min(deadline_, transaction_deadline_) : deadline_};
  }
}

// A deadline begins when the machine begins to wait for a command or a block, and no octet moves
// it. That of a transaction begins at the first wait behind MAIL.
void ServerMachine::arm(Time now) {
  if (is_in_transaction() && transaction_deadline_ == Time{})
    transaction_deadline_ = now + options_.limits.transaction;
  if (std::exchange(waiting_, true)) return;
  const bool is_text = mode_ == Mode::text || mode_ == Mode::chunk;
  deadline_ = now + (is_text ? options_.limits.data_block : options_.limits.command);
}

void ServerMachine::received(std::string_view bytes) { input_ = bytes; }

bool ServerMachine::needs_input() const {
  if (!input_.empty()) return true;
  return question_ && !std::holds_alternative<AskEnd>(*question_) &&
         !std::holds_alternative<AskAuth>(*question_);
}

void ServerMachine::sent(std::size_t count) {
  out_sent_ += count;
  if (out_sent_ < out_.size()) {
    // A peer that reads octet by octet while it sends commands must not make the front grow.
    if (out_sent_ >= options_.limits.replies) out_.erase(0, std::exchange(out_sent_, 0));
    return;
  }
  out_.clear();
  if (std::exchange(shed_out_, false) || out_.capacity() > most_idle) std::string().swap(out_);
  out_sent_ = 0;
  sending_ = false;
}

void ServerMachine::closed() {
  input_ = {};
  out_.clear();
  out_sent_ = 0;
  close(Ending::closed_by_peer);
}

void ServerMachine::tls_up(proto::TlsFacts facts) {
  tls_ = std::make_unique<proto::TlsFacts>(std::move(facts));
  start_tls_ = false;
  // RFC 3207 §4.2: nothing that the client said in clear is known any more.
  helo_.clear();
  login_.clear();
  esmtp_ = false;
  reset_transaction();
  phase_ = Phase::greeted;
  mails_ = 0;
}

void ServerMachine::failed(const Error& error) {
  if (error.fault == Fault::cancelled && stopping_ && mode_ != Mode::closing)
    return;  // woken by stop(): next() says 421
  const bool was_closing = mode_ == Mode::closing;
  const bool handshake = std::exchange(start_tls_, false);
  const bool unread =
      std::exchange(sending_, false);  // to a peer that does not read, there is nothing more to say
  input_ = {};
  out_.clear();
  out_sent_ = 0;
  if (error.fault == Fault::timeout && !was_closing && !handshake && !unread) {
    reply(421, {4, 4, 2}, options_.hostname + " waited too long, closing");
    close(Ending::timeout);
    return;
  }
  if (was_closing) return;
  close(error.fault == Fault::closed    ? Ending::closed_by_peer
        : error.fault == Fault::timeout ? Ending::timeout
                                        : Ending::failed);
}

// One step that needs no wish; false when there is nothing left to do with what is here.
bool ServerMachine::step() {
  if (mode_ == Mode::text || mode_ == Mode::chunk) {
    if (input_.empty()) return false;
    mode_ == Mode::text ? on_text() : on_chunk();
    return true;
  }
  std::string_view line;
  if (mode_ == Mode::closing) return false;
  // A TLS ClientHello where clear text comes first would be read as garbage for a while.
  if (commands_ == 0 && !tls_ && partial_.empty() && input_.starts_with('\x16')) {
    reply(554, {5, 5, 1}, "TLS begins with STARTTLS here; implicit TLS is on another port");
    close(Ending::not_smtp);
    return true;
  }
  if (!take_line(line)) return false;
  waiting_ = false;
  if (mode_ == Mode::auth) {
    on_auth_line(line);
  } else {
    on_command(line);
  }
  return true;
}

// A whole line without its end: a view into the input, or into partial_ when it came in pieces. Of
// a line that is too long only the last byte is kept, to tell CRLF from a bare LF.
bool ServerMachine::take_line(std::string_view& line) {
  if (std::exchange(line_taken_from_partial_, false)) {
    partial_.clear();
    if (partial_.capacity() > most_idle) std::string().swap(partial_);
  }
  while (!input_.empty()) {
    const auto limit =
        mode_ == Mode::auth ? options_.limits.auth_line : options_.limits.command_line;
    const auto end = input_.find('\n');
    const auto piece = input_.substr(0, end);
    input_.remove_prefix(end == std::string_view::npos ? input_.size() : end + 1);
    if (!skipping_line_ && partial_.size() + piece.size() + 1 > limit) {
      skipping_line_ = true;
      // Where the octets of such a BDAT end is not known: none of them is run as a command.
      if (istarts_with(partial_.empty() ? piece : std::string_view(partial_), "BDAT ")) {
        line_too_long();
        close(Ending::refused);
        return false;
      }
    }
    if (skipping_line_) {
      const auto& last = piece.empty() ? std::string_view(partial_) : piece;
      partial_.assign(1, last.empty() ? ' ' : last.back());
    }
    if (end == std::string_view::npos) {
      if (!skipping_line_) partial_ += piece;
      return false;
    }
    if (skipping_line_) {
      skipping_line_ = false;
      const bool is_bare = partial_ != "\r";
      partial_.clear();
      if (is_bare && !options_.accept_bare_lf) {
        refuse_bare_lf();
        return false;
      }
      line_too_long();
      continue;
    }
    line_taken_from_partial_ = !partial_.empty();
    if (line_taken_from_partial_) partial_ += piece;
    line = line_taken_from_partial_ ? std::string_view(partial_) : piece;
    if (line.ends_with('\r')) {
      line.remove_suffix(1);
    } else if (!options_.accept_bare_lf) {
      refuse_bare_lf();
      return false;
    }
    return true;
  }
  return false;
}

// What follows in the same line may be an injected command, so nothing of it is read.
void ServerMachine::refuse_bare_lf() {
  reply(500, {5, 5, 2}, "bare LF received: lines must end with CRLF");
  ++errors_;
  close(Ending::refused);
}

void ServerMachine::line_too_long() {
  waiting_ = false;
  if (mode_ == Mode::auth) {
    auth_.reset();
    mode_ = Mode::commands;
    return refuse(
        {500,
         {5, 5, 6},
         "the response is longer than " + std::to_string(options_.limits.auth_line) + " octets"});
  }
  refuse({500,
          {5, 5, 2},
          "the line is longer than " + std::to_string(options_.limits.command_line) + " octets"});
}

void ServerMachine::ask(Question question) { question_.emplace(std::move(question)); }

void ServerMachine::reply(const Reply& answer) { reply(answer.code, answer.status, answer.text); }

void ServerMachine::reply(int code, EnhancedStatus status, std::string_view text) {
  const auto begin = out_.size();
  format(code, options_.enhanced_status_codes ? status : EnhancedStatus{}, text, out_);
  // Only who asked for SMTPUTF8 gets replies that are not ASCII (RFC 6531 §3.7.4.2).
  if (!transaction_.smtputf8)
    std::replace_if(out_.begin() + static_cast<std::ptrdiff_t>(begin), out_.end(), is_8bit, '?');
}

// A refusal that counts: too many of them end the session.
void ServerMachine::refuse(const Reply& refusal) {
  reply(refusal);
  if (refusal.code == 421) return close(Ending::refused);
  if (++errors_ <= options_.limits.errors) return;
  reply(421, {4, 7, 0}, options_.hostname + " closes: too many errors");
  close(Ending::too_many_errors);
}

// A client may have sent many RCPTs before it reads this: refusals that hold only for now count as
// errors beyond the overshoot limit.
void ServerMachine::refuse_recipient(const Reply& refusal) {
  recipients_refused_ = true;
  const bool counts = !refusal.is_temporary_failure() || refusal.code == 421 ||
                      ++overshoot_ > options_.limits.recipient_overshoot;
  counts ? refuse(refusal) : reply(refusal);
}

std::chrono::sys_seconds ServerMachine::wall_time() const {
  return wall_time_ + std::chrono::floor<std::chrono::seconds>(now_ - wall_time_told_);
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

// The recipient that was asked about last, with what was asked for it.
void ServerMachine::drop_recipient() {
  transaction_.recipients.pop_back();
  auto& asked = transaction_.recipient_options;
  if (asked && asked->size() > transaction_.recipients.size()) asked->pop_back();
}

void ServerMachine::reset_transaction() {
  transaction_.clear();
  transaction_deadline_ = {};
  chunk_.reset();
  recipients_refused_ = false;
  overshoot_ = 0;
  if (phase_ > Phase::ready) phase_ = Phase::ready;
}

}  // namespace postroad::smtp
