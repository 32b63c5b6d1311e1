// Outcomes in an envelope; see spool.hpp.
#include "spool/spool.hpp"

namespace postroad::spool {

OutcomeRecord outcome_of(const Envelope& envelope, std::uint32_t recipient) {
  const auto& one = envelope.recipients[recipient];
  return {recipient, one.state,        one.attempts,    one.next_attempt,      one.note,
          one.host,  one.last_attempt, one.is_reported, one.is_delay_reported, one.is_held};
}

void apply(Envelope& envelope, const OutcomeRecord& outcome) {
  if (outcome.recipient >= envelope.recipients.size()) return;
  auto& recipient = envelope.recipients[outcome.recipient];
  recipient.state = outcome.state;
  recipient.attempts = outcome.attempts;
  recipient.next_attempt = outcome.next_attempt;
  recipient.note = outcome.note;
  recipient.host = outcome.host;
  recipient.last_attempt = outcome.last_attempt;
  recipient.is_reported = outcome.is_reported;
  recipient.is_delay_reported = outcome.is_delay_reported;
  recipient.is_held = outcome.is_held;
}

}  // namespace postroad::spool
