// See outbox_values.hpp.
#include "outbox/outbox_values.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "queue/handling.hpp"

namespace postroad::outbox {

namespace {

std::chrono::system_clock::time_point time_of(std::int64_t ms) {
  return std::chrono::system_clock::time_point(std::chrono::milliseconds(ms));
}

std::optional<Outcome> outcome_of(spool::State state, bool retries_unknown) {
  switch (state) {
    case spool::State::delivered:
      return Outcome::accepted;
    case spool::State::refused:
      return Outcome::refused;
    case spool::State::unknown:
      if (!retries_unknown) return Outcome::unknown;
      break;
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

OutboxStatus status_of(spool::QueueId id, const spool::Envelope& envelope, bool retries_unknown) {
  OutboxStatus status{id.text(), queue::handling_of(envelope).key, time_of(envelope.arrived), {}};
  for (const auto& one : envelope.recipients) {
    status.recipients.push_back({mailbox_of(one.address), outcome_of(one.state, retries_unknown),
                                 one.attempts, time_of(one.next_attempt), one.note});
  }
  return status;
}

bool is_kept_as(const Mailbox& mailbox) {
  if (mailbox.domain.empty() && iequals(mailbox.local, "postmaster")) return true;
  const auto again = Mailbox::parse(mailbox.text());
  return again && *again == mailbox;
}

}  // namespace postroad::outbox
