// One mail transaction of the client machine (RFC 5321 §3.3, RFC 2920 for the pipelining): the
// commands, their replies and the outcome of each recipient. A recipient is undecided while its
// `stage` is none.
#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "proto/smtp/client/client_machine.hpp"
#include "proto/smtp/mail_parameters.hpp"

namespace postroad::smtp {

namespace {

Outcome outcome_of(const Reply& reply) {
  if (reply.is_success()) return Outcome::accepted;
  return reply.is_permanent_failure() ? Outcome::refused : Outcome::deferred;
}

bool is_undecided(const RecipientOutcome& recipient) { return recipient.stage == Stage::none; }

}  // namespace

// Everything that can be known to fail before the server hears of it.
std::optional<Error> ClientMachine::preflight(const MailRequest& request) const {
  const auto refuse = [&](Fault fault, Stage stage, std::string why) {
    auto error = make_error(fault, stage, std::move(why));
    error.usable = usable_;
    return error;
  };
  const auto check = [&](const Mailbox& mailbox, Stage stage) -> std::optional<Error> {
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
  if (!usable_) return refuse(Fault::closed, Stage::mail, "the connection is not open");
  if (request.envelope.recipients.empty())
    return refuse(Fault::input, Stage::rcpt, "there is no recipient");
  if (!request.envelope.reverse_path.is_null()) {
    if (auto error = check(request.envelope.reverse_path, Stage::mail)) return error;
  }
  for (const auto& recipient : request.envelope.recipients) {
    if (auto error = check(recipient, Stage::rcpt)) return error;
  }
  if (request.needs_utf8 && !capabilities_.smtputf8) {
    return refuse(Fault::unsupported, Stage::mail,
                  "the server lacks SMTPUTF8, which the message's header needs");
  }
  const auto chunks = capabilities_.chunking && options_.chunking != Chunking::never;
  if (request.is_binary && !(chunks && capabilities_.binary_mime)) {
    return refuse(Fault::unsupported, Stage::mail,
                  "the server lacks CHUNKING and BINARYMIME, which the message needs");
  }
  if (request.is_8bit && !request.is_binary && !capabilities_.eight_bit_mime) {
    return refuse(Fault::unsupported, Stage::mail,
                  "the server lacks 8BITMIME, which the message needs");
  }
  if (request.size && capabilities_.size.value_or(0) > 0 && *request.size > *capabilities_.size) {
    return refuse(Fault::unsupported, Stage::mail,
                  "the message has " + std::to_string(*request.size) +
                      " octets and the server takes " + std::to_string(*capabilities_.size));
  }
  auto error = check_options(request);
  if (error) error->usable = usable_;
  return error;
}

void ClientMachine::drop_unsupported(Envelope& envelope) const {
  const auto& caps = capabilities_;
  auto& asked = envelope.options;
  if (!caps.dsn) {
    asked.return_content = MailOptions::Return::unspecified;
    asked.envelope_id.clear();
    envelope.recipient_options.clear();
  }
  if (!caps.future_release) {
    asked.hold_for = {};
    asked.hold_until.reset();
  }
  if (!caps.mt_priority) asked.priority.reset();
  if (caps.auth.empty()) asked.submitter.reset();
  if (!caps.deliver_by && asked.deliver_by &&
      asked.deliver_by->otherwise == DeliverBy::Else::notify)
    asked.deliver_by.reset();
}

// An extension that is asked for and not there would be dropped in silence otherwise.
std::optional<Error> ClientMachine::check_options(const MailRequest& request) const {
  const auto& caps = capabilities_;
  const auto& asked = request.envelope.options;
  const auto lacks = [&](std::string_view keyword, Stage stage) {
    return make_error(Fault::unsupported, stage,
                      "the server lacks " + std::string(keyword) + ", which was asked for");
  };
  if (auto wrong = wrong_with(asked); !wrong.empty())
    return make_error(Fault::input, Stage::mail, std::move(wrong));
  if (asked.require_tls && !(tls_ && tls_->verified && caps.require_tls)) {
    return make_error(Fault::tls_required, Stage::mail,
                      "REQUIRETLS was asked for, and " +
                          std::string(!tls_             ? "there is no TLS here"
                                      : !tls_->verified ? "the certificate was not checked"
                                                        : "the server does not offer it"));
  }
  const bool wants_dsn =
      asked.return_content != MailOptions::Return::unspecified || !asked.envelope_id.empty();
  if (wants_dsn && !caps.dsn) return lacks("DSN", Stage::mail);
  if (asked.deliver_by && !caps.deliver_by) return lacks("DELIVERBY", Stage::mail);
  if (asked.deliver_by && asked.deliver_by->otherwise == DeliverBy::Else::give_up &&
      asked.deliver_by->within < caps.least_deliver_by) {
    return make_error(Fault::unsupported, Stage::mail,
                      "the server delivers within " +
                          std::to_string(caps.least_deliver_by.count()) + " seconds at the least");
  }
  const bool holds = asked.hold_for.count() > 0 || asked.hold_until;
  if (holds && !caps.future_release) return lacks("FUTURERELEASE", Stage::mail);
  const bool too_long =
      (caps.longest_hold.count() > 0 && asked.hold_for > caps.longest_hold) ||
      (caps.latest_hold && asked.hold_until && *asked.hold_until > *caps.latest_hold);
  if (too_long)
    return make_error(Fault::unsupported, Stage::mail, "the server does not hold mail so long");
  if (asked.priority && !caps.mt_priority) return lacks("MT-PRIORITY", Stage::mail);
  if (asked.submitter && caps.auth.empty()) return lacks("AUTH", Stage::mail);
  for (const auto& recipient : request.envelope.recipient_options) {
    if (auto wrong = wrong_with(recipient); !wrong.empty())
      return make_error(Fault::input, Stage::rcpt, std::move(wrong));
    if (!recipient.is_empty() && !caps.dsn) return lacks("DSN", Stage::rcpt);
  }
  return std::nullopt;
}

void ClientMachine::send(MailRequest request) {
  begin();
  request_ = std::move(request);
  next_recipient_ = 0;
  data_put_ = mail_refused_ = false;
  by_chunks_ = false;
  chunk_.clear();
  each_.clear();
  if (options_.drops_options) drop_unsupported(request_.envelope);
  if (auto error = preflight(request_)) return end(std::move(error));
  for (const auto& recipient : request_.envelope.recipients) {
    report_.recipients.push_back({recipient, Outcome::deferred, {}, {}});
  }
  ++mails_;
  by_chunks_ =
      request_.is_binary || (options_.chunking == Chunking::preferred && capabilities_.chunking);
  encoder_ = DotEncoder(!by_chunks_);
  put_mail();
  if (capabilities_.pipelining && options_.pipelining && !options_.stop_after) advance();
}

void ClientMachine::put_mail() {
  std::string line = "MAIL FROM:<" + request_.envelope.reverse_path.text() + '>';
  const auto any_utf8 = [](const Mailbox& mailbox) { return mailbox.needs_utf8(); };
  const auto& to = request_.envelope.recipients;
  const bool utf8 = asks_utf8_ = request_.needs_utf8 || any_utf8(request_.envelope.reverse_path) ||
                                 std::any_of(to.begin(), to.end(), any_utf8);
  if (request_.size && capabilities_.size) line += " SIZE=" + std::to_string(*request_.size);
  if (request_.is_binary) {
    line += " BODY=BINARYMIME";
  } else if (request_.is_8bit || (utf8 && capabilities_.eight_bit_mime)) {
    line += " BODY=8BITMIME";
  }
  if (utf8) line += " SMTPUTF8";
  // All or none is what one reply says.
  asks_prdr_ = capabilities_.prdr && options_.prdr && !options_.lmtp && to.size() > 1 &&
               options_.recipient_policy == RecipientPolicy::best_effort;
  if (asks_prdr_) line += " PRDR";
  append_parameters(request_.envelope.options, line);
  put(line, {Exchange::mail, 0, Stage::mail});
}

// Writes what may be written now: RCPTs up to the window, then DATA.
void ClientMachine::advance() {
  const bool pipelining = capabilities_.pipelining && options_.pipelining && !options_.stop_after;
  const auto& recipients = request_.envelope.recipients;
  if (mail_refused_) next_recipient_ = recipients.size();
  const std::size_t window = pipelining ? options_.window : 1;
  while (next_recipient_ < recipients.size() && expects_.size() < window) {
    std::string line = "RCPT TO:<" + recipients[next_recipient_].text() + '>';
    const auto& asked = request_.envelope.recipient_options;
    if (next_recipient_ < asked.size()) append_parameters(asked[next_recipient_], asks_utf8_, line);
    put(line, {Exchange::rcpt, next_recipient_, Stage::rcpt});
    ++next_recipient_;
  }
  if (next_recipient_ < recipients.size() || data_put_) return;
  // BDAT waits: its octets would have to be sent to a server that refused everybody.
  if (pipelining && !mail_refused_ && !by_chunks_ &&
      options_.recipient_policy == RecipientPolicy::best_effort)
    return put_data();
  if (expects_.empty()) decide_after_recipients();
}

void ClientMachine::put_data() {
  data_put_ = true;
  put("DATA", {Exchange::data, 0, Stage::data});
}

void ClientMachine::decide_after_recipients() {
  if (mail_refused_) return end();
  if (stops_after(Stage::rcpt)) return;
  const bool refused = std::any_of(report_.recipients.begin(), report_.recipients.end(),
                                   [](const auto& recipient) { return !is_undecided(recipient); });
  if (refused && options_.recipient_policy == RecipientPolicy::all_or_none) {
    settle({0, {}, "not sent: all or none, and another recipient was refused"}, Stage::rcpt);
  }
  if (has_undecided() && by_chunks_) {
    if (stops_after(Stage::data)) return;  // BDAT has no answer before its octets
    data_put_ = true;
    waiting_ = false;
    state_ = State::body;
    return;
  }
  if (has_undecided()) return put_data();
  put("RSET", {Exchange::rset, 0, Stage::rset});
}

bool ClientMachine::has_undecided() const {
  return std::any_of(report_.recipients.begin(), report_.recipients.end(), is_undecided);
}

void ClientMachine::settle(const Reply& reply, Stage stage) {
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
bool ClientMachine::is_goodbye(const Reply& reply, Stage stage) {
  if (reply.code != 421) return false;
  settle(reply, stage);
  end();
  return true;
}

void ClientMachine::on_mail_reply(const Reply& reply) {
  if (is_goodbye(reply, Stage::mail)) return;
  if (reply.is_intermediate()) return refused(reply, Stage::mail);
  if (!reply.is_success()) {
    mail_refused_ = true;
    settle(reply, Stage::mail);
    if (expects_.empty()) return end();
  }
  if (!mail_refused_ && stops_after(Stage::mail)) return;
  advance();
}

void ClientMachine::on_rcpt_reply(std::size_t index, const Reply& reply) {
  if (is_goodbye(reply, Stage::rcpt)) return;
  if (reply.is_intermediate()) return refused(reply, Stage::rcpt);
  auto& recipient = report_.recipients[index];
  if (is_undecided(recipient) && !reply.is_success()) {
    recipient.outcome = outcome_of(reply);
    recipient.stage = Stage::rcpt;
    recipient.reply = reply;
  }
  advance();
}

void ClientMachine::on_data_reply(const Reply& reply) {
  if (is_goodbye(reply, Stage::data)) return;
  if (reply.code == 354) {
    if (stops_after(Stage::data)) return;
    if (has_undecided()) {
      state_ = State::body;
      return;
    }
    // 354 although nobody is left: an empty text and nothing else ends it (RFC 2920 §3.1).
    // LMTP has a reply for each recipient, and there is none: whether the end arrived is not known.
    if (options_.lmtp) {
      usable_ = false;
      return end();
    }
    out_ += ".\r\n";
    expects_.push_back({Exchange::end_of_data, 0, Stage::end_of_data});
    return;
  }
  if (reply.is_success() || reply.is_intermediate()) return refused(reply, Stage::data);
  settle(reply, Stage::data);
  if (mail_refused_) return end();
  put("RSET", {Exchange::rset, 0, Stage::rset});
}

// One chunk failed: those behind it fail with it, and the rest is not sent.
void ClientMachine::on_chunk_reply(const Reply& reply) {
  if (is_goodbye(reply, Stage::bdat)) return;
  if (reply.is_intermediate()) return refused(reply, Stage::bdat);
  if (!reply.is_success()) settle(reply, Stage::bdat);
  if (has_undecided()) return;
  if (state_ == State::draining) return broke(std::exchange(send_failure_, {}));
  // LMTP: how many replies the last chunk has now is not known.
  if (options_.lmtp && dot_put_) {
    usable_ = false;
    return end();
  }
  chunk_.clear();
  state_ = State::talking;
  if (expects_.empty()) put("RSET", {Exchange::rset, 0, Stage::rset});
}

// PRDR: what becomes of each, if the last reply says that it was done.
void ClientMachine::on_end_of_recipient(std::size_t index, const Reply& reply) {
  each_.resize(report_.recipients.size());
  each_[index] = reply;
}

void ClientMachine::on_end_of_data(std::size_t index, const Reply& reply) {
  report_.reply = reply;
  if (reply.is_intermediate() && reply.code != 353)
    return refused(reply, dot_put_ ? Stage::end_of_data : Stage::data);
  if (options_.lmtp && dot_put_ && reply.code != 421) {
    auto& recipient = report_.recipients[index];
    recipient.outcome = outcome_of(reply);
    recipient.stage = Stage::end_of_data;
    recipient.reply = reply;
    if (expects_.empty()) end();
    return;
  }
  if (reply.code == 353 && dot_put_) {
    if (!asks_prdr_ || !each_.empty())
      return broke(make_error(Fault::protocol, Stage::end_of_data,
                              "a 353 that was not asked for: " + reply.one_line()));
    for (std::size_t i = 0; i < report_.recipients.size(); ++i) {
      if (is_undecided(report_.recipients[i]))
        expects_.push_back({Exchange::end_of_recipient, i, Stage::end_of_data});
    }
    expects_.push_back({Exchange::end_of_data, 0, Stage::end_of_data});
    written_ = expects_.size();
    return;
  }
  for (std::size_t i = 0; i < each_.size() && reply.is_success(); ++i) {
    if (each_[i].code == 0) continue;
    auto& recipient = report_.recipients[i];
    recipient.outcome = outcome_of(each_[i]);
    recipient.stage = Stage::end_of_data;
    recipient.reply = each_[i];
  }
  if (state_ == State::draining && !dot_put_ && reply.is_success()) {
    return broke(
        std::exchange(send_failure_, {}));  // 2yz to a text that was not sent whole means nothing
  }
  settle(reply, dot_put_ ? Stage::end_of_data : Stage::data);
  end();
}

void ClientMachine::body(std::string_view octets) {
  waiting_ = false;
  if (!by_chunks_) return encoder_.encode(octets, out_);
  if (!chunk_.empty()) put_chunk(false);
  if (request_.is_binary) {
    chunk_ += octets;
  } else {
    encoder_.encode(octets, chunk_);
  }
}

// bdat-cmd = "BDAT" SP chunk-size [ SP end-marker ] RFC 3030 §2; the octets as they are.
void ClientMachine::put_chunk(bool last) {
  out_ += "BDAT " + std::to_string(chunk_.size()) + (last ? " LAST\r\n" : "\r\n") + chunk_;
  chunk_.clear();
  if (!last) expects_.push_back({Exchange::chunk, 0, Stage::bdat});
}

// One reply behind the text, or in LMTP one for each recipient that is left.
void ClientMachine::expect_end() {
  dot_put_ = true;
  state_ = State::talking;
  if (!options_.lmtp) return expects_.push_back({Exchange::end_of_data, 0, Stage::end_of_data});
  for (std::size_t i = 0; i < report_.recipients.size(); ++i) {
    if (is_undecided(report_.recipients[i]))
      expects_.push_back({Exchange::end_of_data, i, Stage::end_of_data});
  }
}

void ClientMachine::body_end() {
  waiting_ = false;
  if (stops_after(Stage::message_data)) return;
  if (by_chunks_) {
    if (!request_.is_binary) encoder_.finish_line(chunk_);
    put_chunk(true);
  } else {
    encoder_.finish(out_);
  }
  expect_end();
}

// No dot may follow a text that could not be read whole: the server would take the part for the
// message.
void ClientMachine::body_failed(const Error& cause) {
  auto error = make_error(cause.fault, Stage::data, cause.text());
  broke(std::move(error));
}

}  // namespace postroad::smtp
