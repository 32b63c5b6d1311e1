// The mapping from outcomes to states; see settlement.hpp.
#include "queue/settlement.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "queue/retry_hint.hpp"
#include "queue/server_text.hpp"

namespace postroad::queue {

namespace {

constexpr std::size_t longest_note = 500;  // bytes

std::string note_of(const Reply& reply) {
  return reply.code == 0 ? printable(reply.text, longest_note) : reply.one_line();
}

}  // namespace

Attempt same_for_all(std::size_t count, std::optional<Outcome> outcome, std::string note) {
  return {std::vector<RecipientResult>(count, {outcome, std::move(note)}), std::nullopt};
}

namespace {

// The status code first, as other notes have it.
std::string note_of(const Error& error) {
  return error.status.empty() ? error.text() : error.status + ' ' + error.text();
}

Attempt attempt_without_host(const Error& error, std::size_t count) {
  if (error.may_have_been_delivered) return same_for_all(count, Outcome::unknown, error.text());
  // A refused login or EHLO name is a problem of the configuration, not of the message.
  const bool is_before_message = error.stage != Stage::none && error.stage < Stage::mail;
  if (error.fault == Fault::input && is_before_message)
    return same_for_all(count, Outcome::deferred, error.text());
  switch (error.fault) {
    case Fault::cancelled:
      return same_for_all(count, std::nullopt, error.text());
    case Fault::input:
    case Fault::unsupported:
    case Fault::data:
      return same_for_all(count, Outcome::refused, note_of(error));
    default:
      return same_for_all(count, Outcome::deferred, error.text());
  }
}

}  // namespace

Attempt attempt_of(const Error& error, std::size_t count) {
  auto attempt = attempt_without_host(error, count);
  if (error.reply_code != 0) {
    for (auto& one : attempt.recipients) one.host = error.where;
  }
  return attempt;
}

Attempt attempt_of(const SendReport& report) {
  Attempt attempt;
  const bool was_cut = report.broken && report.broken->fault == Fault::cancelled;
  for (const auto& one : report.recipients) {
    // A recipient without an outcome when the carrier was stopped was not tried.
    const bool is_untried = was_cut && one.outcome == Outcome::deferred && one.reply.code == 0;
    attempt.recipients.push_back(
        {is_untried ? std::nullopt : std::optional(one.outcome), note_of(one.reply),
         format_server(one.server, report.address, report.tls), one.server_reports});
  }
  return attempt;
}

std::chrono::milliseconds lifetime_of(const spool::Envelope& envelope, const Handling& handling,
                                      const SettlementPolicy& policy) {
  auto lifetime = policy.retry.lifetime;
  const auto own = handling.lifetime;
  if (lifetime.count() == 0) return own;
  if (envelope.reverse_path.empty()) lifetime = std::min(lifetime, policy.bounce_lifetime);
  return own.count() > 0 ? std::min(lifetime, own) : lifetime;
}

bool is_open(spool::State state, OnUnknown on_unknown) {
  return state == spool::State::pending ||
         (state == spool::State::unknown && on_unknown == OnUnknown::retry);
}

std::vector<std::uint32_t> open_recipients(const spool::Envelope& envelope, OnUnknown on_unknown) {
  std::vector<std::uint32_t> all;
  for (std::uint32_t i = 0; i < envelope.recipients.size(); ++i) {
    const auto& one = envelope.recipients[i];
    if (is_open(one.state, on_unknown) && !one.is_held) all.push_back(i);
  }
  return all;
}

std::vector<std::uint32_t> flushed_recipients(const spool::Envelope& envelope, OnUnknown on_unknown,
                                              std::int64_t wall) {
  auto all = open_recipients(envelope, on_unknown);
  std::erase_if(all, [&](std::uint32_t at) {
    const auto& one = envelope.recipients[at];
    return one.attempts == 0 && one.next_attempt > wall;
  });
  return all;
}

bool is_finished(const spool::Envelope& envelope, OnUnknown on_unknown) {
  return std::none_of(envelope.recipients.begin(), envelope.recipients.end(),
                      [&](const auto& one) { return is_open(one.state, on_unknown); });
}

bool is_delivered(const spool::Envelope& envelope) {
  return std::all_of(envelope.recipients.begin(), envelope.recipients.end(),
                     [](const auto& one) { return one.state == spool::State::delivered; });
}

bool has_unknown(const spool::Envelope& envelope) {
  return std::any_of(envelope.recipients.begin(), envelope.recipients.end(),
                     [](const auto& one) { return one.state == spool::State::unknown; });
}

namespace {

// The longest that the recipient may have been told to wait after its last attempt.
std::chrono::milliseconds longest_wait(const spool::Recipient& recipient,
                                       const RetryPolicy& retry) {
  const auto longest = retry.longest_after(recipient.attempts);
  const auto hint = recipient.attempts == 1 ? retry_hint(recipient.note) : std::nullopt;
  return hint ? std::max(longest, *hint) : longest;
}

}  // namespace

bool is_beyond_retry(const spool::Recipient& recipient, const RetryPolicy& retry,
                     std::int64_t wall) {
  return recipient.attempts > 0 &&
         recipient.next_attempt - wall > longest_wait(recipient, retry).count();
}

std::chrono::milliseconds time_until(const spool::Recipient& recipient, const RetryPolicy& retry,
                                     std::int64_t wall) {
  if (is_beyond_retry(recipient, retry, wall)) return longest_wait(recipient, retry);
  return std::chrono::milliseconds(std::max<std::int64_t>(recipient.next_attempt - wall, 0));
}

spool::OutcomeRecord settle(const Part& part, std::uint32_t recipient,
                            const RecipientResult& result, const SettlementPolicy& policy,
                            const AttemptEnd& end) {
  const auto& before = part.envelope.recipients[recipient];
  auto record = spool::outcome_of(part.envelope, recipient);
  record.state = spool::State::pending;
  record.attempts = before.attempts + 1;
  record.note = result.note;
  record.host = result.host;
  record.last_attempt = end.wall;
  switch (*result.outcome) {
    case Outcome::accepted:
      record.state = spool::State::delivered;
      record.is_reported = result.host_reports;
      record.next_attempt = end.wall;
      return record;
    case Outcome::refused:
      record.state = spool::State::refused;
      record.next_attempt = end.wall;
      return record;
    case Outcome::unknown:
      if (policy.on_unknown == OnUnknown::park) {
        record.state = spool::State::unknown;
        record.next_attempt = end.wall;
        return record;
      }
      break;
    case Outcome::deferred:
      break;
  }
  auto retry = policy.retry;
  retry.lifetime = lifetime_of(part.envelope, part.handling, policy);
  auto delay = retry.next(record.attempts, part.id.value, end.age);
  // A greylisting host names its time once: later replies would keep the message waiting.
  if (const auto hint = before.attempts == 0 ? retry_hint(result.note) : std::nullopt;
      delay && hint)
    delay = *hint;
  if (delay) {
    record.next_attempt = end.wall + delay->count();
  } else {
    record.state = spool::State::refused;
    record.next_attempt = end.wall;
    record.note.insert(0, given_up);
  }
  return record;
}

}  // namespace postroad::queue
