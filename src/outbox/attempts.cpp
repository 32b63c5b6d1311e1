// Parts, results and calls of carriers; see attempts.hpp.
#include "outbox/attempts.hpp"

#include <algorithm>

#include "client/pool/relays.hpp"
#include "outbox/outbox_values.hpp"
#include "queue/schedule.hpp"

namespace postroad::outbox {

namespace {

// The parameters of MAIL with the times that are left.
MailOptions options_now(const queue::Part& part, bool passes_holds_on) {
  auto options = part.handling.asked;
  const auto now = queue::now_ms();
  if (const auto left = queue::time_left(part.handling, part.envelope, now))
    options.deliver_by->within = std::chrono::duration_cast<std::chrono::seconds>(*left);
  const auto age = std::chrono::duration_cast<std::chrono::seconds>(
      std::chrono::milliseconds(now - part.envelope.arrived));
  options.hold_for = std::max(options.hold_for - age, std::chrono::seconds(0));
  const bool is_over = options.hold_until &&
                       options.hold_until->time_since_epoch() <= std::chrono::milliseconds(now);
  if (is_over || !passes_holds_on) options.hold_until.reset();
  if (!passes_holds_on) options.hold_for = {};
  return options;
}

// Whether other messages would fail there too: the connection was lost, or the reply was 421.
std::optional<std::string> site_failure(const SendReport& report) {
  if (report.broken && client::is_relay_failure(*report.broken)) return report.broken->text();
  for (const auto& one : report.recipients) {
    if (one.outcome == Outcome::deferred && one.reply.code == 421) return one.reply.one_line();
  }
  return std::nullopt;
}

// A 4yz or 5yz reply to MAIL concerns that sender; an invalid login or name of our own concerns
// every message.
bool is_site_failure(const Error& error) {
  const bool is_before_message = error.stage != Stage::none && error.stage < Stage::mail;
  if (error.fault == Fault::input) return is_before_message;
  if (error.fault == Fault::refused && !is_before_message) return error.reply_code == 421;
  return client::is_relay_failure(error);
}

// RFC 5321 section 4.5.3.1.10: 452 also says that the host accepts no more recipients in this
// transaction (some hosts say 450). The transaction was of use to others, so the next one begins at
// once; without that, the recipient waits for its retry.
std::vector<bool> find_no_place(const SendReport& report) {
  if (!report.any(Outcome::accepted)) return {};
  std::vector<bool> found;
  for (const auto& one : report.recipients) {
    const bool is_limit = one.reply.code == 452 || one.reply.code == 450;
    found.push_back(one.outcome == Outcome::deferred && one.stage == Stage::rcpt && is_limit);
  }
  return found;
}

// The reply to the final dot was owed when the time for the stop was over.
void note_cut(queue::Attempt& attempt) {
  for (auto& result : attempt.recipients) {
    if (result.outcome == Outcome::unknown)
      result.note =
          "stopped before the reply to the final dot: the message may have been delivered";
  }
}

// Ended by the program's own ClientOptions::progress: a failed attempt like others.
void count_as_tried(queue::Attempt& attempt) {
  for (auto& result : attempt.recipients) {
    if (!result.outcome) result.outcome = Outcome::deferred;
  }
}

}  // namespace

Envelope envelope_of(const queue::Part& part, bool passes_holds_on) {
  Envelope envelope;
  if (auto from = Mailbox::parse(part.envelope.reverse_path))
    envelope.reverse_path = std::move(*from);
  envelope.options = options_now(part, passes_holds_on);
  for (const auto at : part.recipients) {
    const auto& recipient = part.envelope.recipients[at];
    envelope.recipients.push_back(mailbox_of(recipient.address));
    envelope.recipient_options.push_back(queue::options_of(recipient));
  }
  return envelope;
}

Ended ended_by(const Result<SendReport>& result, std::size_t count) {
  if (result) {
    Ended ended{queue::attempt_of(*result), find_no_place(*result)};
    ended.attempt.site_failure = site_failure(*result);
    return ended;
  }
  Ended ended{queue::attempt_of(result.error(), count)};
  if (is_site_failure(result.error())) ended.attempt.site_failure = result.error().text();
  return ended;
}

bool Call::can_hide_8bit(const Result<SendReport>& result) {
  const bool lacks_8bit = !result && result.error().fault == Fault::unsupported &&
                          part.handling.undeclared_8bit && source.is_8bit();
  if (!lacks_8bit || part.handling.body_8bit) return false;
  source.hide_8bit();
  (void)source.rewind();
  return true;
}

// A call that cannot be cancelled for lack of memory ends by itself.
void Calls::cancel(Call& call) noexcept {
  try {
    call.cancel();
  } catch (const std::exception&) {
  }
}

void Calls::begin(const queue::Part& part, queue::Carrier::Done done, const Start& start) {
  const auto call = std::make_shared<Call>(spool_, part, std::move(done));
  const std::lock_guard lock(mutex_);
  calls_.emplace(call.get(), call);
  try {
    this->start(call, start);
  } catch (...) {
    calls_.erase(call.get());
    throw;
  }
}

void Calls::begin_again(const std::shared_ptr<Call>& call, const Start& start) {
  const std::lock_guard lock(mutex_);
  this->start(call, start);
}

// Under the lock: the call may end before it can be cancelled.
void Calls::start(const std::shared_ptr<Call>& call, const Start& start) {
  start(call);
  call->is_stopping = is_stopping_;
  if (is_cut_ || (is_stopping_ && call->source.cut())) cancel(*call);
}

void Calls::end(const std::shared_ptr<Call>& call, Ended ended) {
  auto& attempt = ended.attempt;
  {
    const std::lock_guard lock(mutex_);
    if (!is_stopping_) count_as_tried(attempt);
    if (is_cut_) note_cut(attempt);
  }
  for (std::size_t i = 0; i < ended.has_no_place.size(); ++i)
    if (ended.has_no_place[i]) attempt.recipients[i].outcome.reset();
  // The part belongs to the dispatcher again after the callback.
  auto done = std::move(call->done);
  done(std::move(attempt));
  const std::lock_guard lock(mutex_);
  calls_.erase(call.get());
  bell_.notify_all();
}

void Calls::begin_stop() {
  const std::lock_guard lock(mutex_);
  is_stopping_ = true;
  for (const auto& [key, call] : calls_) {
    call->is_stopping = true;
    if (call->source.cut()) cancel(*call);
  }
}

void Calls::stop(std::chrono::steady_clock::time_point until) {
  begin_stop();
  std::unique_lock lock(mutex_);
  const auto is_over = [this] { return calls_.empty(); };
  if (bell_.wait_until(lock, until, is_over)) return;
  is_cut_ = true;
  for (const auto& [key, call] : calls_) cancel(*call);
  bell_.wait(lock, is_over);
}

}  // namespace postroad::outbox
