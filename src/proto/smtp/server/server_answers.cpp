// The effect of the answer to each question. The transaction changes here; nothing after this
// refuses.
#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "proto/smtp/reply.hpp"
#include "proto/smtp/server/server_machine.hpp"

namespace postroad::smtp {

namespace {

const Reply ok{250, {2, 0, 0}, "Ok"};

bool is_yes(const Reply& answer) { return answer.code == 0 || answer.is_success(); }

}  // namespace

void ServerMachine::answered(const Reply& answer, const std::vector<Reply>& each) {
  const Question asked = std::move(*question_);
  question_.reset();
  std::visit([&](const auto& one) { on_answer(one, answer, each); }, asked);
}

// Code 0 stands for the usual reply.
void ServerMachine::reply_or(const Reply& answer, const Reply& usual) {
  reply(answer.code != 0 ? answer : usual);
}

void ServerMachine::reply_greeting(const Reply& answer) {
  const auto banner = options_.banner.empty() ? std::string() : ' ' + options_.banner;
  reply_or(answer, {220, {}, options_.hostname + " ESMTP" + banner});
}

// The client must greet again: everything that it sent before is discarded.
void ServerMachine::forget_client() {
  hello_ = {};
  login_.clear();
  reset_transaction();
  phase_ = Phase::greeted;
}

void ServerMachine::on_answer(const AskConnect&, const Reply& answer, const Each&) {
  reply_greeting(answer);
  if (!is_yes(answer)) return close(Ending::refused);
  mode_ = Mode::commands;
}

void ServerMachine::on_answer(const AskHelo&, const Reply& answer, const Each&) {
  if (!is_yes(answer)) return refuse(answer);
  hello_ = std::move(pending_hello_);
  // The EHLO may be the client's own, passed through: a proxy that becomes transparent must not
  // lend the client its trust.
  if (proxy_.has_spoken) proxy_.is_trusted = false;
  reset_transaction();
  phase_ = Phase::ready;
  reply(ehlo_reply());
  out_.sheds_memory = true;  // the longest reply that most sessions get
}

void ServerMachine::on_answer(const AskMail&, const Reply& answer, const Each&) {
  if (!is_yes(answer)) {
    refuse(answer);
    return reset_transaction();
  }
  recipients_refused_ = false;
  phase_ = Phase::mail;
  ++counts_.messages;
  reply_or(answer, {250, {2, 1, 0}, "Ok"});
}

// The recipient that is in question, with its options.
void ServerMachine::drop_recipient() {
  transaction_.recipients.pop_back();
  auto& asked = transaction_.recipient_options;
  if (asked && asked->size() > transaction_.recipients.size()) asked->pop_back();
}

void ServerMachine::on_answer(const AskRcpt&, const Reply& answer, const Each&) {
  if (!is_yes(answer)) {
    drop_recipient();
    return refuse_recipient(answer);
  }
  phase_ = Phase::rcpt;
  // A recipient that is named twice gets one copy; but LMTP sends a reply for each RCPT.
  const auto& recipients = transaction_.recipients;
  const auto last = recipients.end() - 1;
  if (!options_.lmtp && std::find(recipients.begin(), last, *last) != last) drop_recipient();
  reply_or(answer, {250, {2, 1, 5}, "Ok"});
}

void ServerMachine::on_answer(const AskData&, const Reply& answer, const Each&) {
  const bool yes = is_yes(answer);
  if (mode_ == Mode::chunk) {
    if (yes) begin_text();
    if (!yes) chunk_->refusal = std::make_unique<Reply>(answer);
    if (chunk_->left == 0) on_chunk_end();
    return;
  }
  if (!yes) return refuse(answer);
  mode_ = Mode::text;
  begin_text();
  reply(354, {}, "End data with <CR><LF>.<CR><LF>");
}

void ServerMachine::on_answer(const AskBody&, const Reply& answer, const Each&) {
  if (!is_yes(answer) && !data_.verdict) data_.verdict = std::make_unique<Reply>(answer);
  if (mode_ == Mode::chunk && chunk_->left == 0) on_chunk_end();
}

void ServerMachine::on_answer(const AskEnd&, const Reply& answer, const Each& each) {
  if (chunk_ && std::exchange(chunk_->was_reset, false)) {
    reset_transaction();
    return reply(ok);
  }
  say_end(data_.verdict ? *data_.verdict : answer.code != 0 ? answer : ok, each);
  if (mode_ != Mode::closing) reset_transaction();
}

// Some mechanisms have a last message for the client: the server's own proof, or the reason why a
// token was refused.
void ServerMachine::on_answer(const AskAuth&, const Reply& answer, const Each&) {
  const auto& words = answer.is_success() ? auth_->on_success : auth_->on_failure;
  if (!words || answer.code == 421) return end_auth(answer);
  auth_->verdict = answer;
  reply(334, {}, base64_encode(*words));
}

// The keys arrive by answered_keys(); this answer means that they are not available.
void ServerMachine::on_answer(const AskKeys&, const Reply& answer, const Each&) {
  end_auth(answer);
}

void ServerMachine::on_answer(const AskVrfy&, const Reply& answer, const Each&) {
  is_yes(answer) ? reply_or(answer, {252, {2, 5, 0}, "cannot verify the user"}) : refuse(answer);
}

void ServerMachine::on_answer(const AskExpn&, const Reply& answer, const Each&) {
  is_yes(answer) ? reply_or(answer, {252, {2, 5, 0}, "cannot expand the list"}) : refuse(answer);
}

void ServerMachine::on_answer(const AskXclient&, const Reply& answer, const Each&) {
  const auto attributes = std::move(proxy_.attributes);
  if (!is_yes(answer)) {
    refuse(answer);
    // The client is refused, whatever its proxy sends next. A 501 refuses the command only.
    if (answer.code != 501 && mode_ != Mode::closing) close(Ending::refused);
    return;
  }
  forget_client();
  proxy_.has_spoken = true;
  // Certificate and channel belong to the proxy: with EXTERNAL every client would be the proxy.
  if (tls_) {
    tls_->peer_name.clear();
    tls_->verified = false;
    tls_->binding = {};
  }
  for (const auto& [name, value] : *attributes) {
    const bool is_given = !value.empty() && value != "[UNAVAILABLE]" && value != "[TEMPUNAVAIL]";
    if (name == "LOGIN" && is_given && value.front() != '[') login_ = value;
    // Until the client's own EHLO comes through the proxy.
    if (name == "HELO" && is_given && value.size() <= most_helo_bytes) hello_.name = value;
  }
  reply_greeting(answer);
}

}  // namespace postroad::smtp
