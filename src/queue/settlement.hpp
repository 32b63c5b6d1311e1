// The one mapping from the outcome of a recipient to its state in the spool. Pure: time is an
// argument.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

#include "queue/carrier.hpp"
#include "queue/retry_policy.hpp"
#include "spool/spool.hpp"

namespace postroad::queue {

/// The treatment of a recipient whose outcome is unknown: the connection was lost after the final
/// dot, so the message may have been delivered (RFC 1047).
enum class OnUnknown : std::uint8_t {
  retry,  ///< a lost connection counts as 421 (RFC 5321 section 3.8): it may be delivered twice
  park,   ///< never sent again without a decision: it may be lost
};

/// Begins the note of a recipient that was given up; the last reply or error follows it.
constexpr std::string_view given_up = "given up: ";

struct SettlementPolicy {
  RetryPolicy retry;
  /// Age at which a message with the null reverse-path is given up: its sender is a server.
  std::chrono::milliseconds bounce_lifetime{std::chrono::hours(2 * 24)};
  OnUnknown on_unknown = OnUnknown::retry;
};

/// The age at which the message is given up; 0: never.
std::chrono::milliseconds lifetime_of(const spool::Envelope& envelope, const Handling& handling,
                                      const SettlementPolicy& policy);

/// Whether another attempt is due for a recipient in this state.
bool is_open(spool::State state, OnUnknown on_unknown);
/// The indices of those recipients, without those that an operator holds.
std::vector<std::uint32_t> open_recipients(const spool::Envelope& envelope, OnUnknown on_unknown);
/// Those that a flush makes due: not those whose sender asked for a later date (RFC 4865).
std::vector<std::uint32_t> flushed_recipients(const spool::Envelope& envelope, OnUnknown on_unknown,
                                              std::int64_t wall);
/// No recipient remains to be tried.
bool is_finished(const spool::Envelope& envelope, OnUnknown on_unknown);
bool is_delivered(const spool::Envelope& envelope);
/// The outcome of a recipient is unknown.
bool has_unknown(const spool::Envelope& envelope);

/// The stored time of the next attempt lies further ahead of `wall` than any retry after that many
/// attempts: the wall clock was set back since. Never so before the first attempt, whose time is
/// the end of a hold (RFC 4865).
bool is_beyond_retry(const spool::Recipient& recipient, const RetryPolicy& retry,
                     std::int64_t wall);
/// Time until the next attempt at `wall`, not below zero. No retry waits longer than its own delay,
/// though the wall clock was set back since.
std::chrono::milliseconds time_until(const spool::Recipient& recipient, const RetryPolicy& retry,
                                     std::int64_t wall);

/// When an attempt ended.
struct AttemptEnd {
  std::int64_t wall = 0;          ///< Unix milliseconds
  std::chrono::milliseconds age;  ///< of the message; its lifetime ends by it
};

/// The record of one recipient after an attempt. With no further attempt, `next_attempt` holds the
/// time of the decision. `result.outcome` is set.
spool::OutcomeRecord settle(const Part& part, std::uint32_t recipient,
                            const RecipientResult& result, const SettlementPolicy& policy,
                            const AttemptEnd& end);

}  // namespace postroad::queue
