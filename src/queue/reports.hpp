// Delivery status notifications (RFC 3461, RFC 3464) that are owed to the sender of a queued
// message: a pure function of the envelope. The Reporter makes and stores them. Not here: its text
// (relay/reports/status_report.hpp).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <postroad/delivery_report.hpp>
#include <vector>

#include "queue/carrier.hpp"

namespace postroad::queue {

struct ReportPolicy {
  /// Age at which a sender is told of a delay, once: senders with a login, and those who asked for
  /// it (NOTIFY=DELAY). 0: never, but for DELIVERBY.
  std::chrono::milliseconds delay_after{std::chrono::hours(4)};
  /// The same for a recipient whose last attempt ended because a host lacks the TLS that a policy
  /// demands, or because DNSSEC proves an answer of the DNS wrong (both 4.7.5): the sender may have
  /// another way.
  std::chrono::milliseconds tls_delay_after{std::chrono::hours(1)};
  /// Whether a delivery is confirmed to this sender if NOTIFY=SUCCESS asks for it. Unset: to
  /// senders with a login. A confirmation says that an address exists.
  std::function<bool(const spool::Envelope&)> confirms{};
  /// Where a notification that cannot be delivered is reported; empty: nowhere.
  std::string postmaster{};
};

/// One recipient that the sender is to be told of.
struct OwedReport {
  std::uint32_t recipient = 0;
  ReportedRecipient::Action action = ReportedRecipient::Action::failed;
  friend bool operator==(const OwedReport&, const OwedReport&) = default;
};

/// The notifications that are owed now. `age` is the message's; `wall` is Unix time in
/// milliseconds.
std::vector<OwedReport> owed_reports(const spool::Envelope& envelope, const Handling& handling,
                                     const ReportPolicy& policy, std::int64_t wall,
                                     std::chrono::milliseconds age);
/// Where they go: the reverse-path, or the postmaster of `policy` for the null reverse-path.
const std::string& report_address(const spool::Envelope& envelope, const ReportPolicy& policy);
/// The records that say that these were reported.
std::vector<spool::OutcomeRecord> reported(const spool::Envelope& envelope,
                                           const std::vector<OwedReport>& owed);

/// Makes notifications and stores them in the spool, each in one transaction with the records that
/// say so.
class Reporter {
 public:
  using Done = std::function<void(Result<void>)>;
  virtual ~Reporter() = default;
  [[nodiscard]] virtual std::vector<OwedReport> owed(const spool::Envelope& envelope,
                                                     const Handling& handling, std::int64_t wall,
                                                     std::chrono::milliseconds age) const = 0;
  /// `done` is called exactly once, from any thread but not before this returns: with success, the
  /// notification and reported(…) are on disk. `part` lives until then; its list of recipients is
  /// not used. An exception: `done` is not called.
  virtual void report(const Part& part, std::vector<OwedReport> owed, Done done) = 0;
};

}  // namespace postroad::queue
