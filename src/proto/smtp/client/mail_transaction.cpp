// Commands and replies of one mail transaction; see mail_transaction.hpp. A recipient is undecided
// while its `stage` is none.
#include "proto/smtp/client/mail_transaction.hpp"

#include <algorithm>
#include <utility>

#include "proto/smtp/client/client_error.hpp"
#include "proto/smtp/mail_parameters.hpp"

namespace postroad::smtp {

namespace {

using Next = MailTransaction::Next;
using Do = Next::Do;

Outcome outcome_of(const Reply& reply) {
  if (reply.is_success()) return Outcome::accepted;
  return reply.is_permanent_failure() ? Outcome::refused : Outcome::deferred;
}

bool is_undecided(const RecipientOutcome& recipient) { return recipient.stage == Stage::none; }

Next stop_at(Stage stage) { return {Do::stop, stage}; }

}  // namespace

MailTransaction::MailTransaction(const ClientOptions& options, const Capabilities& capabilities,
                                 CommandQueue& queue, MailRequest request)
    : options_(options),
      capabilities_(capabilities),
      queue_(queue),
      request_(std::move(request)),
      is_chunked_(request_.is_binary ||
                  (options.chunking == Chunking::preferred && capabilities.chunking)),
      encoder_(!is_chunked_) {
  for (const auto& recipient : request_.envelope.recipients)
    report_.recipients.push_back({recipient, Outcome::deferred, Stage::none, {}});
}

void MailTransaction::begin() {
  put_mail();
  if (pipelines()) (void)advance();  // no outcome is known yet: the machine only writes
}

// One stage after the other where the caller wants to stop at one.
bool MailTransaction::pipelines() const {
  return capabilities_.pipelining && options_.pipelining && !options_.stop_after;
}

bool MailTransaction::may_be_followed() const {
  return pipelines() && !is_chunked_ && !asks_prdr_ && !options_.lmtp &&
         options_.recipient_policy == RecipientPolicy::best_effort;
}

bool MailTransaction::has_undecided() const {
  return std::any_of(report_.recipients.begin(), report_.recipients.end(), is_undecided);
}

void MailTransaction::put_mail() {
  std::string line = "MAIL FROM:<" + request_.envelope.reverse_path.text() + '>';
  const auto any_utf8 = [](const Mailbox& mailbox) { return mailbox.needs_utf8(); };
  const auto& to = request_.envelope.recipients;
  asks_utf8_ = request_.needs_utf8 || any_utf8(request_.envelope.reverse_path) ||
               std::any_of(to.begin(), to.end(), any_utf8);
  if (request_.size && capabilities_.size) line += " SIZE=" + std::to_string(*request_.size);
  if (request_.is_binary) {
    line += " BODY=BINARYMIME";
  } else if (request_.is_8bit || (asks_utf8_ && capabilities_.eight_bit_mime)) {
    line += " BODY=8BITMIME";
  }
  if (asks_utf8_) line += " SMTPUTF8";
  // With all_or_none one reply for the whole message is wanted.
  asks_prdr_ = capabilities_.prdr && options_.prdr && !options_.lmtp && to.size() > 1 &&
               options_.recipient_policy == RecipientPolicy::best_effort;
  if (asks_prdr_) line += " PRDR";
  append_parameters(request_.envelope.options, line);
  queue_.put(line, {Exchange::mail, 0, Stage::mail});
}

// Writes what may be written now: RCPTs up to the window, then DATA.
Next MailTransaction::advance() {
  const auto& recipients = request_.envelope.recipients;
  if (mail_refused_) next_recipient_ = recipients.size();
  const std::size_t window = pipelines() ? options_.limits.window : 1;
  while (next_recipient_ < recipients.size() && queue_.awaited() < window) {
    std::string line = "RCPT TO:<" + recipients[next_recipient_].text() + '>';
    const auto& asked = request_.envelope.recipient_options;
    if (next_recipient_ < asked.size()) append_parameters(asked[next_recipient_], asks_utf8_, line);
    queue_.put(line, {Exchange::rcpt, next_recipient_, Stage::rcpt});
    ++next_recipient_;
  }
  if (next_recipient_ < recipients.size() || data_put_) return {};
  // BDAT waits: its bytes would have to be sent even if every recipient was refused.
  if (pipelines() && !mail_refused_ && !is_chunked_ &&
      options_.recipient_policy == RecipientPolicy::best_effort) {
    put_data();
    return {};
  }
  return queue_.is_awaiting() ? Next{} : decide_after_recipients();
}

void MailTransaction::put_data() {
  data_put_ = true;
  queue_.put("DATA", {Exchange::data, 0, Stage::data});
}

void MailTransaction::put_rset() { queue_.put("RSET", {Exchange::rset, 0, Stage::rset}); }

Next MailTransaction::decide_after_recipients() {
  if (mail_refused_) return {Do::end};
  if (is_last_stage(options_, Stage::rcpt)) return stop_at(Stage::rcpt);
  const bool refused = std::any_of(report_.recipients.begin(), report_.recipients.end(),
                                   [](const auto& recipient) { return !is_undecided(recipient); });
  if (refused && options_.recipient_policy == RecipientPolicy::all_or_none) {
    settle({0,
            {},
            "not sent: another recipient was not accepted, and the message goes to all or none"},
           Stage::rcpt);
  }
  if (!has_undecided()) {
    put_rset();
    return {};
  }
  if (!is_chunked_) {
    put_data();
    return {};
  }
  // BDAT has no reply before its bytes.
  if (is_last_stage(options_, Stage::data)) return stop_at(Stage::data);
  data_put_ = true;
  return {Do::send_data};
}

void MailTransaction::settle(std::size_t recipient, const Reply& reply, Stage stage) {
  auto& one = report_.recipients[recipient];
  one.outcome = outcome_of(reply);
  one.stage = stage;
  one.reply = reply;
}

void MailTransaction::settle(const Reply& reply, Stage stage) {
  for (std::size_t i = 0; i < report_.recipients.size(); ++i) {
    if (is_undecided(report_.recipients[i])) settle(i, reply, stage);
  }
}

void MailTransaction::fail(const Error& error) {
  for (auto& recipient : report_.recipients) {
    if (!is_undecided(recipient)) continue;
    recipient.outcome = has_ended_ ? Outcome::unknown : Outcome::deferred;
    recipient.stage = error.stage;
    recipient.reply = {0, {}, error.detail};
  }
  report_.broken = error;
}

Next MailTransaction::refuse(Stage stage, const Reply& reply) const {
  return {Do::fail, stage, refusal_at(options_, stage, reply)};
}

Next MailTransaction::on_reply(const Expect& expect, const Reply& reply, bool is_lost) {
  // A 421 decides every recipient that is undecided: the server closes (RFC 5321 section 3.8).
  const bool is_closing = reply.code == 421;
  switch (expect.exchange) {
    case Exchange::end_of_data:
      return on_end(expect.recipient, reply, is_lost);
    case Exchange::end_of_recipient:
      // PRDR: valid if the last reply says so.
      each_.resize(report_.recipients.size());
      each_[expect.recipient] = reply;
      return {};
    default:
      break;
  }
  if (is_closing) {
    settle(reply, expect.stage);
    return {Do::end};
  }
  switch (expect.exchange) {
    case Exchange::mail:
      return on_mail(reply);
    case Exchange::rcpt:
      return on_rcpt(expect.recipient, reply);
    case Exchange::data:
      return on_data(reply);
    default:
      return on_chunk(reply, is_lost);
  }
}

Next MailTransaction::on_mail(const Reply& reply) {
  if (reply.is_intermediate()) return refuse(Stage::mail, reply);
  if (!reply.is_success()) {
    mail_refused_ = true;
    settle(reply, Stage::mail);
    if (!queue_.is_awaiting()) return {Do::end};
  }
  if (!mail_refused_ && is_last_stage(options_, Stage::mail)) return stop_at(Stage::mail);
  return advance();
}

Next MailTransaction::on_rcpt(std::size_t recipient, const Reply& reply) {
  if (reply.is_intermediate()) return refuse(Stage::rcpt, reply);
  if (is_undecided(report_.recipients[recipient]) && !reply.is_success())
    settle(recipient, reply, Stage::rcpt);
  return advance();
}

Next MailTransaction::on_data(const Reply& reply) {
  if (reply.code == 354) {
    if (is_last_stage(options_, Stage::data)) return stop_at(Stage::data);
    if (has_undecided()) return {Do::send_data};
    // 354 though no recipient is left: an empty message ends it (RFC 2920 section 3.1). In LMTP
    // there would be a reply per recipient, and there is none: the end could not be seen.
    if (options_.lmtp) return {Do::give_up};
    queue_.bytes() += ".\r\n";
    queue_.expect({Exchange::end_of_data, 0, Stage::end_of_data});
    return {};
  }
  if (reply.is_success() || reply.is_intermediate()) return refuse(Stage::data, reply);
  settle(reply, Stage::data);
  if (mail_refused_) return {Do::end};
  put_rset();
  return {};
}

// One chunk failed: those behind it fail with it, and the rest is not sent.
Next MailTransaction::on_chunk(const Reply& reply, bool is_lost) {
  if (reply.is_intermediate()) return refuse(Stage::bdat, reply);
  if (!reply.is_success()) settle(reply, Stage::bdat);
  if (has_undecided()) return {};
  if (is_lost) return {Do::lost};
  // LMTP: it is not known how many replies the last chunk has now.
  if (options_.lmtp && has_ended_) return {Do::give_up};
  chunk_.clear();
  if (!queue_.is_awaiting()) put_rset();
  return {Do::talk};
}

// 353 of PRDR (draft-hall-prdr): a reply per recipient follows, and one for the whole.
Next MailTransaction::on_differing_recipients(const Reply& reply) {
  if (!asks_prdr_ || !each_.empty()) {
    return {Do::fail, Stage::end_of_data,
            error_at(options_, Fault::protocol, Stage::end_of_data,
                     "353 without PRDR, or for the second time: " + reply.one_line())};
  }
  for (std::size_t i = 0; i < report_.recipients.size(); ++i) {
    if (is_undecided(report_.recipients[i]))
      queue_.expect({Exchange::end_of_recipient, i, Stage::end_of_data});
  }
  queue_.expect({Exchange::end_of_data, 0, Stage::end_of_data});
  queue_.mark_written();
  return {};
}

Next MailTransaction::on_end(std::size_t recipient, const Reply& reply, bool is_lost) {
  const auto stage = has_ended_ ? Stage::end_of_data : Stage::data;
  report_.reply = reply;
  if (reply.code == 353 && has_ended_ && !options_.lmtp) return on_differing_recipients(reply);
  if (reply.is_intermediate()) return refuse(stage, reply);
  if (options_.lmtp && has_ended_ && reply.code != 421) {
    settle(recipient, reply, Stage::end_of_data);
    return {queue_.is_awaiting() ? Do::keep : Do::end};
  }
  for (std::size_t i = 0; i < each_.size() && reply.is_success(); ++i) {
    if (each_[i].code != 0) settle(i, each_[i], Stage::end_of_data);
  }
  // A 2yz to message data that was not sent whole means nothing.
  if (is_lost && !has_ended_ && reply.is_success()) return {Do::lost};
  settle(reply, stage);
  return {Do::end};
}

void MailTransaction::body(std::string_view bytes) {
  if (!is_chunked_) return encoder_.encode(bytes, queue_.bytes());
  if (!chunk_.empty()) put_chunk(false);
  if (request_.is_binary) {
    chunk_ += bytes;
  } else {
    encoder_.encode(bytes, chunk_);
  }
}

// bdat-cmd = "BDAT" SP chunk-size [ SP end-marker ]                          RFC 3030 section 2
void MailTransaction::put_chunk(bool last) {
  auto& out = queue_.bytes();
  out += "BDAT " + std::to_string(chunk_.size()) + (last ? " LAST\r\n" : "\r\n");
  out += chunk_;
  chunk_.clear();
  if (!last) queue_.expect({Exchange::chunk, 0, Stage::bdat});
}

Next MailTransaction::body_end() {
  if (is_last_stage(options_, Stage::message_data)) return stop_at(Stage::message_data);
  if (is_chunked_) {
    if (!request_.is_binary) encoder_.finish_line(chunk_);
    put_chunk(true);
  } else {
    encoder_.finish(queue_.bytes());
  }
  expect_end();
  return {Do::talk};
}

// One reply to the end of the message, or in LMTP one for each recipient that is left.
void MailTransaction::expect_end() {
  has_ended_ = true;
  if (!options_.lmtp) return queue_.expect({Exchange::end_of_data, 0, Stage::end_of_data});
  for (std::size_t i = 0; i < report_.recipients.size(); ++i) {
    if (is_undecided(report_.recipients[i]))
      queue_.expect({Exchange::end_of_data, i, Stage::end_of_data});
  }
}

}  // namespace postroad::smtp
