// Sends messages of a queue over a pool; see pool_carrier.hpp.
#include "outbox/pool_carrier.hpp"

#include <algorithm>

#include "client/pool/relays.hpp"
#include "outbox/outbox_values.hpp"
#include "queue/schedule.hpp"

namespace postroad::outbox {

namespace {

constexpr std::chrono::milliseconds quit_patience{2'000};

std::unique_ptr<Pool> make_pool(const PoolCarrierSettings& settings, bool any_certificate) {
  auto client = settings.client;
  if (any_certificate) client.tls.insecure_accept_any_certificate = true;
  if (!settings.login)
    return std::make_unique<Pool>(settings.urls, std::move(client), settings.pool);
  return std::make_unique<Pool>(settings.urls, *settings.login, std::move(client), settings.pool);
}

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

queue::Attempt attempt_of(const Result<SendReport>& result, std::size_t count) {
  auto attempt = result ? queue::attempt_of(*result) : queue::attempt_of(result.error(), count);
  if (result) {
    attempt.site_failure = site_failure(*result);
  } else if (is_site_failure(result.error())) {
    attempt.site_failure = result.error().text();
  }
  return attempt;
}

// RFC 5321 section 4.5.3.1.10: 452 also says that the host accepts no more recipients in this
// transaction (some hosts say 450). The transaction was of use to others, so the next one begins at
// once; without that, the recipient waits for its retry.
void leave_to_next_transaction(const SendReport& report, queue::Attempt& attempt) {
  if (!report.any(Outcome::accepted)) return;
  for (std::size_t i = 0; i < report.recipients.size(); ++i) {
    const auto& one = report.recipients[i];
    const bool has_no_place = one.reply.code == 452 || one.reply.code == 450;
    if (one.outcome == Outcome::deferred && one.stage == Stage::rcpt && has_no_place)
      attempt.recipients[i].outcome.reset();
  }
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

PoolCarrier::PoolCarrier(spool::Spool& spool, PoolCarrierSettings settings)
    : spool_(spool), settings_(std::move(settings)), pool_(make_pool(settings_, false)) {}

PoolCarrier::~PoolCarrier() { stop(std::chrono::steady_clock::now()); }

// At most as many as the pool has connections: the others wait in the site's line, in order.
std::size_t PoolCarrier::limit() const {
  const auto relays =
      settings_.pool.relay_order == RelayOrder::round_robin ? settings_.urls.size() : 1;
  return std::max<std::size_t>(settings_.pool.connections * relays, 1);
}

// Credentials are never sent to a server whose certificate is invalid, whatever the message says.
Pool& PoolCarrier::pool_for(const queue::Part& part) {
  if (!part.handling.tls_optional || settings_.login) return *pool_;
  if (!any_certificate_pool_) any_certificate_pool_ = make_pool(settings_, true);
  return *any_certificate_pool_;
}

void PoolCarrier::carry(const queue::Part& part, Done done) {
  auto call = std::make_shared<Call>(spool_, part);
  call->done = std::move(done);
  const std::lock_guard lock(mutex_);
  call->pool = &pool_for(part);
  calls_.emplace(call.get(), call);
  try {
    begin(call);
  } catch (...) {
    calls_.erase(call.get());
    throw;
  }
}

// A call that cannot be cancelled for lack of memory ends by itself.
void PoolCarrier::cancel(Call& call) noexcept {
  try {
    call.pool->cancel(call.ticket);
  } catch (const std::exception&) {
  }
}

// Under the lock: the call may end before its ticket is known.
void PoolCarrier::begin(const std::shared_ptr<Call>& call) {
  call->ticket = call->pool->start_send(
      envelope_of(call->part, settings_.passes_holds_on), call->source,
      [this, call](const Result<SendReport>& result) { ended(call, result); });
  if (is_cut_ || (is_stopping_ && call->source.cut())) cancel(*call);
}

// On the pool's thread.
void PoolCarrier::ended(const std::shared_ptr<Call>& call, const Result<SendReport>& result) {
  const bool lacks_8bit = !result && result.error().fault == Fault::unsupported &&
                          call->part.handling.undeclared_8bit && call->source.is_8bit();
  if (lacks_8bit && !call->part.handling.body_8bit) {
    call->source.hide_8bit();
    (void)call->source.rewind();
    const std::lock_guard lock(mutex_);
    return begin(call);
  }
  auto attempt = attempt_of(result, call->part.recipients.size());
  {
    const std::lock_guard lock(mutex_);
    if (!is_stopping_) count_as_tried(attempt);
    if (is_cut_) note_cut(attempt);
  }
  if (result) leave_to_next_transaction(*result, attempt);
  // The part belongs to the dispatcher again after the callback.
  auto done = std::move(call->done);
  done(std::move(attempt));
  const std::lock_guard lock(mutex_);
  calls_.erase(call.get());
  bell_.notify_all();
}

void PoolCarrier::begin_stop() {
  const std::lock_guard lock(mutex_);
  is_stopping_ = true;
  for (const auto& [key, call] : calls_) {
    if (call->source.cut()) cancel(*call);
  }
}

void PoolCarrier::stop(std::chrono::steady_clock::time_point until) {
  begin_stop();
  {
    std::unique_lock lock(mutex_);
    const auto is_over = [this] { return calls_.empty(); };
    if (!bell_.wait_until(lock, until, is_over)) {
      is_cut_ = true;
      for (const auto& [key, call] : calls_) cancel(*call);
      bell_.wait(lock, is_over);
    }
  }
  for (auto* pool : {pool_.get(), any_certificate_pool_.get()}) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    if (pool != nullptr && left.count() > 0) pool->close(std::min(left, quit_patience));
  }
}

}  // namespace postroad::outbox
