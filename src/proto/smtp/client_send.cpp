// One mail transaction of the client machine (RFC 5321 §3.3, RFC 2920 for the pipelining): the
// commands, their replies and the outcome of each recipient. A recipient is undecided while its
// `stage` is empty.
#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "proto/smtp/client_machine.hpp"

namespace postroad::smtp {

namespace {

Outcome outcome_of(const Reply& reply) {
  if (reply.is_success()) return Outcome::accepted;
  return reply.is_permanent_failure() ? Outcome::refused : Outcome::deferred;
}

bool is_undecided(const RecipientOutcome& recipient) { return recipient.stage.empty(); }

}  // namespace

// Everything that can be known to fail before the server hears of it.
std::optional<Error> ClientMachine::preflight(const MailRequest& request) const {
  const auto refuse = [&](Fault fault, std::string stage, std::string why) {
    auto error = make_error(fault, std::move(stage), std::move(why));
    error.usable = usable_;
    return error;
  };
  const auto check = [&](const Mailbox& mailbox, const std::string& stage) -> std::optional<Error> {
    const auto again = Mailbox::parse(mailbox.text());
    const bool postmaster = mailbox.domain.empty() && iequals(mailbox.local, "postmaster");
    if (!postmaster && (!again || !(*again == mailbox))) {
      return refuse(Fault::input, stage,
                    "not an address: " + (again ? mailbox.text() : again.error().text()));
    }
    if (mailbox.needs_utf8() && !capabilities_.smtputf8) {
      return refuse(Fault::unsupported, stage,
                    "the server lacks SMTPUTF8, which this address needs: " + mailbox.text());
    }
    return std::nullopt;
  };
  if (!usable_) return refuse(Fault::closed, "MAIL FROM", "the connection is not open");
  if (request.envelope.recipients.empty())
    return refuse(Fault::input, "RCPT TO", "there is no recipient");
  if (!request.envelope.reverse_path.is_null()) {
    if (auto error = check(request.envelope.reverse_path, "MAIL FROM")) return error;
  }
  for (const auto& recipient : request.envelope.recipients) {
    if (auto error = check(recipient, "RCPT TO")) return error;
  }
  if (request.needs_utf8 && !capabilities_.smtputf8) {
    return refuse(Fault::unsupported, "MAIL FROM",
                  "the server lacks SMTPUTF8, which the message's header needs");
  }
  if (request.is_8bit && !capabilities_.eight_bit_mime) {
    return refuse(Fault::unsupported, "MAIL FROM",
                  "the server lacks 8BITMIME, which the message needs");
  }
  if (request.size && capabilities_.size.value_or(0) > 0 && *request.size > *capabilities_.size) {
    return refuse(Fault::unsupported, "MAIL FROM",
                  "the message has " + std::to_string(*request.size) +
                      " octets and the server takes " + std::to_string(*capabilities_.size));
  }
  return std::nullopt;
}

void ClientMachine::send(MailRequest request) {
  begin();
  request_ = std::move(request);
  next_recipient_ = 0;
  data_put_ = mail_refused_ = false;
  encoder_ = {};
  if (auto error = preflight(request_)) return end(std::move(error));
  for (const auto& recipient : request_.envelope.recipients) {
    report_.recipients.push_back({recipient, Outcome::deferred, {}, {}});
  }
  put_mail();
  if (capabilities_.pipelining && options_.pipelining) advance();
}

void ClientMachine::put_mail() {
  std::string line = "MAIL FROM:<" + request_.envelope.reverse_path.text() + '>';
  const auto any_utf8 = [](const Mailbox& mailbox) { return mailbox.needs_utf8(); };
  const auto& to = request_.envelope.recipients;
  const bool utf8 = request_.needs_utf8 || any_utf8(request_.envelope.reverse_path) ||
                    std::any_of(to.begin(), to.end(), any_utf8);
  if (request_.size && capabilities_.size) line += " SIZE=" + std::to_string(*request_.size);
  if (request_.is_8bit || (utf8 && capabilities_.eight_bit_mime)) line += " BODY=8BITMIME";
  if (utf8) line += " SMTPUTF8";
  put(line, {Step::mail, 0, "MAIL FROM"});
}

// Writes what may be written now: RCPTs up to the window, then DATA.
void ClientMachine::advance() {
  const bool pipelining = capabilities_.pipelining && options_.pipelining;
  const auto& recipients = request_.envelope.recipients;
  if (mail_refused_) next_recipient_ = recipients.size();
  const std::size_t window = pipelining ? options_.window : 1;
  while (next_recipient_ < recipients.size() && expects_.size() < window) {
    put("RCPT TO:<" + recipients[next_recipient_].text() + '>',
        {Step::rcpt, next_recipient_, "RCPT TO"});
    ++next_recipient_;
  }
  if (next_recipient_ < recipients.size() || data_put_) return;
  if (pipelining && !mail_refused_ && options_.recipients == RecipientPolicy::best_effort)
    return put_data();
  if (expects_.empty()) decide_after_recipients();
}

void ClientMachine::put_data() {
  data_put_ = true;
  put("DATA", {Step::data, 0, "DATA"});
}

void ClientMachine::decide_after_recipients() {
  if (mail_refused_) return end();
  const bool refused = std::any_of(report_.recipients.begin(), report_.recipients.end(),
                                   [](const auto& recipient) { return !is_undecided(recipient); });
  if (refused && options_.recipients == RecipientPolicy::all_or_none) {
    settle({0, {}, "not sent: all or none, and another recipient was refused"}, "RCPT TO");
  }
  if (has_undecided()) return put_data();
  put("RSET", {Step::rset, 0, "RSET"});
}

bool ClientMachine::has_undecided() const {
  return std::any_of(report_.recipients.begin(), report_.recipients.end(), is_undecided);
}

void ClientMachine::settle(const Reply& reply, std::string_view stage) {
  for (auto& recipient : report_.recipients) {
    if (!is_undecided(recipient)) continue;
    recipient.outcome = outcome_of(reply);
    recipient.stage = stage;
    recipient.reply = reply;
  }
}

void ClientMachine::settle_broken(const Error& error) {
  for (auto& recipient : report_.recipients) {
    if (!is_undecided(recipient)) continue;
    recipient.outcome = dot_put_ ? Outcome::unknown : Outcome::deferred;
    recipient.stage = error.stage;
    recipient.reply = {0, {}, error.detail};
  }
  report_.broken = error;
}

// A server that says 421 hangs up: every recipient who waits gets its words (RFC 5321 §3.8).
bool ClientMachine::is_goodbye(const Reply& reply, std::string_view stage) {
  if (reply.code != 421) return false;
  settle(reply, stage);
  end();
  return true;
}

void ClientMachine::on_mail_reply(const Reply& reply) {
  if (is_goodbye(reply, "MAIL FROM")) return;
  if (!reply.is_success()) {
    mail_refused_ = true;
    settle(reply, "MAIL FROM");
    if (expects_.empty()) return end();
  }
  advance();
}

void ClientMachine::on_rcpt_reply(std::size_t index, const Reply& reply) {
  if (is_goodbye(reply, "RCPT TO")) return;
  auto& recipient = report_.recipients[index];
  if (is_undecided(recipient) && !reply.is_success()) {
    recipient.outcome = outcome_of(reply);
    recipient.stage = "RCPT TO";
    recipient.reply = reply;
  }
  advance();
}

void ClientMachine::on_data_reply(const Reply& reply) {
  if (is_goodbye(reply, "DATA")) return;
  if (reply.code == 354) {
    if (has_undecided()) {
      state_ = State::body;
      return;
    }
    // 354 although nobody is left: an empty text and nothing else ends it (RFC 2920 §3.1).
    out_ += ".\r\n";
    expects_.push_back({Step::end_of_data, 0, "END OF DATA"});
    return;
  }
  if (reply.is_success() || reply.is_intermediate()) {
    return broke(
        make_error(Fault::protocol, "DATA", "neither 354 nor a refusal: " + reply.one_line()));
  }
  settle(reply, "DATA");
  if (mail_refused_) return end();
  put("RSET", {Step::rset, 0, "RSET"});
}

void ClientMachine::on_end_of_data(const Reply& reply) {
  report_.reply = reply;
  if (state_ == State::draining && !dot_put_ && reply.is_success()) {
    return broke(
        std::exchange(send_failure_, {}));  // 2yz to a text that was not sent whole means nothing
  }
  settle(reply, dot_put_ ? "END OF DATA" : "DATA");
  end();
}

void ClientMachine::body(std::string_view octets) {
  waiting_ = false;
  encoder_.encode(octets, out_);
}

void ClientMachine::body_end() {
  waiting_ = false;
  encoder_.finish(out_);
  dot_put_ = true;
  state_ = State::talking;
  expects_.push_back({Step::end_of_data, 0, "END OF DATA"});
}

// No dot may follow a text that could not be read whole: the server would take the part for the
// message.
void ClientMachine::body_failed(const Error& cause) {
  auto error = make_error(cause.fault, "DATA", cause.text());
  broke(std::move(error));
}

}  // namespace postroad::smtp
