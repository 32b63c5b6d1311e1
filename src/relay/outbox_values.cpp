// See outbox_values.hpp.
#include "relay/outbox_values.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "queue/due_queue.hpp"
#include "relay/intake.hpp"

namespace postroad::relay::outbox {

namespace {

std::chrono::system_clock::time_point time_of(std::int64_t ms) {
  return std::chrono::system_clock::time_point(std::chrono::milliseconds(ms));
}

std::optional<Outcome> outcome_of(spool::State state) {
  switch (state) {
    case spool::State::delivered:
      return Outcome::accepted;
    case spool::State::refused:
      return Outcome::refused;
    case spool::State::unknown:
      return Outcome::unknown;
    case spool::State::pending:
      break;
  }
  return std::nullopt;
}

}  // namespace

Mailbox mailbox_of(const std::string& text) {
  auto parsed = Mailbox::parse(text);
  return parsed ? std::move(*parsed) : Mailbox{"postmaster", {}};  // the one without a domain
}

std::string key_of(const spool::Envelope& envelope) {
  for (const auto& [name, value] : envelope.options) {
    if (name == key_option) return value;
  }
  return {};
}

OutboxStatus status_of(spool::QueueId id, const spool::Envelope& envelope) {
  OutboxStatus status{id.text(), key_of(envelope), time_of(envelope.arrived), {}};
  for (const auto& one : envelope.recipients) {
    status.recipients.push_back({mailbox_of(one.address), outcome_of(one.state), one.attempts,
                                 time_of(one.next_attempt), one.note});
  }
  return status;
}

MailOptions options_now(const spool::Envelope& envelope) {
  auto options = relay::options_of(envelope);
  const auto age = std::chrono::duration_cast<std::chrono::seconds>(
      std::chrono::milliseconds(queue::now_ms() - envelope.arrived));
  if (options.deliver_by) options.deliver_by->within -= age;
  options.hold_for = std::max(options.hold_for - age, std::chrono::seconds(0));
  if (options.hold_until &&
      options.hold_until->time_since_epoch() <= std::chrono::milliseconds(queue::now_ms()))
    options.hold_until.reset();
  return options;
}

bool is_kept_as(const Mailbox& mailbox) {
  if (mailbox.domain.empty() && iequals(mailbox.local, "postmaster")) return true;
  const auto again = Mailbox::parse(mailbox.text());
  return again && *again == mailbox;
}

bool is_done(const spool::Envelope& envelope) {
  return std::none_of(envelope.recipients.begin(), envelope.recipients.end(),
                      [](const auto& one) { return one.state == spool::State::pending; });
}

}  // namespace postroad::relay::outbox
