// Which notifications are owed; see reports.hpp.
#include "queue/reports.hpp"

#include "base/text.hpp"

namespace postroad::queue {

namespace {

using Action = ReportedRecipient::Action;

// Without NOTIFY the sender is told of a failure; with a login, of a delay too (RFC 3461 section
// 4.1 leaves the default to the server).
Notify notify_of(const spool::Envelope& envelope, const spool::Recipient& recipient) {
  if (const auto asked = options_of(recipient).notify) return *asked;
  return {.success = false, .failure = true, .delay = !envelope.login.empty()};
}

bool is_confirmed(const spool::Envelope& envelope, const ReportPolicy& policy) {
  return policy.confirms ? policy.confirms(envelope) : !envelope.login.empty();
}

class Owed final {
 public:
  /// `age`: nullopt while a deadline (DELIVERBY) takes the place of the usual delay.
  Owed(const spool::Envelope& envelope, const ReportPolicy& policy,
       std::optional<std::chrono::milliseconds> age, bool is_past_deadline)
      : envelope_(envelope), policy_(policy), age_(age), is_past_deadline_(is_past_deadline) {}

  [[nodiscard]] std::optional<Action> action(const spool::Recipient& one) const {
    if (one.state == spool::State::pending) return delay(one);
    if (one.is_reported) return std::nullopt;
    // A notification that arrived is reported to no one.
    if (envelope_.reverse_path.empty() && one.state != spool::State::refused) return std::nullopt;
    const auto notify = notify_of(envelope_, one);
    if (one.state == spool::State::refused && notify.failure) return Action::failed;
    if (one.state == spool::State::delivered && notify.success && is_confirmed(envelope_, policy_))
      return one.host.empty() ? Action::delivered : Action::relayed;
    return std::nullopt;
  }

 private:
  // RFC 2852 section 4.1.4: with by-mode N the sender is told when the time is over, unless NOTIFY
  // says NEVER.
  [[nodiscard]] std::optional<Action> delay(const spool::Recipient& one) const {
    if (one.is_delay_reported || one.is_held || one.attempts == 0 || envelope_.reverse_path.empty())
      return std::nullopt;
    const auto notify = notify_of(envelope_, one);
    const bool is_owed = (is_slow(one) && notify.delay) ||
                         (is_past_deadline_ && (notify.delay || notify.failure || notify.success));
    return is_owed ? std::optional(Action::delayed) : std::nullopt;
  }

  [[nodiscard]] bool is_slow(const spool::Recipient& one) const {
    const auto after =
        one.note.starts_with("4.7.5 ") ? policy_.tls_delay_after : policy_.delay_after;
    return age_ && after.count() > 0 && *age_ >= after;
  }

  const spool::Envelope& envelope_;
  const ReportPolicy& policy_;
  std::optional<std::chrono::milliseconds> age_;
  bool is_past_deadline_;
};

}  // namespace

std::vector<OwedReport> owed_reports(const spool::Envelope& envelope, const Handling& handling,
                                     const ReportPolicy& policy, std::int64_t wall,
                                     std::chrono::milliseconds age) {
  const auto& to = report_address(envelope, policy);
  if (handling.stays_here || to.empty()) return {};
  const auto left = time_left(handling, envelope, wall);
  const bool is_past_deadline =
      left && left->count() <= 0 && handling.asked.deliver_by->otherwise == DeliverBy::Else::notify;
  // A deadline with by-mode N takes the place of the usual delay, so that its report is not missed.
  const bool has_deadline =
      left && left->count() > 0 && handling.asked.deliver_by->otherwise == DeliverBy::Else::notify;
  const Owed rules(envelope, policy, has_deadline ? std::nullopt : std::optional(age),
                   is_past_deadline);
  std::vector<OwedReport> owed;
  for (std::uint32_t i = 0; i < envelope.recipients.size(); ++i) {
    const auto& one = envelope.recipients[i];
    // A failure of a notification to the postmaster is not reported again.
    const bool is_postmasters =
        envelope.reverse_path.empty() && (iequals(one.address, to) || iequals(one.original, to));
    if (const auto action = rules.action(one); action && !is_postmasters)
      owed.push_back({i, *action});
  }
  return owed;
}

const std::string& report_address(const spool::Envelope& envelope, const ReportPolicy& policy) {
  return envelope.reverse_path.empty() ? policy.postmaster : envelope.reverse_path;
}

std::vector<spool::OutcomeRecord> reported(const spool::Envelope& envelope,
                                           const std::vector<OwedReport>& owed) {
  std::vector<spool::OutcomeRecord> records;
  for (const auto& one : owed) {
    auto& record = records.emplace_back(spool::outcome_of(envelope, one.recipient));
    if (one.action == ReportedRecipient::Action::delayed)
      record.is_delay_reported = true;
    else
      record.is_reported = true;
  }
  return records;
}

}  // namespace postroad::queue
