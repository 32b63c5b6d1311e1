// The text of a delivery status notification (RFC 3464, RFC 6522) about a queued message. Pure:
// time is an argument. Not here: which notifications are owed (queue/reports.hpp), where they are
// stored (spool_reporter.hpp).
#pragma once

#include <chrono>
#include <cstdint>
#include <postroad/message.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "queue/reports.hpp"

namespace postroad::relay {

struct ReportContext {
  std::string host;  ///< this server's name: Reporting-MTA
  std::string to;    ///< whom the report is for, as an address
  /// Age at which the server stops trying; 0: never.
  std::chrono::milliseconds lifetime{0};
  /// The original message, or its header; empty if it cannot be read.
  std::string original;
  bool is_whole = false;  ///< `original` is the whole message, which is returned
  /// Set when no more reports go to this sender for a time: a sentence that says so.
  std::string last_words;
};

/// The notification about the recipients of `part` that are owed. It has no error, whatever the
/// original contains.
Message status_report(const queue::Part& part, const std::vector<queue::OwedReport>& owed,
                      const ReportContext& context);

/// The status (RFC 3463) of a recipient: the code in its note, else one of the class of `action`.
/// 4.4.7 for a recipient that was given up.
std::string status_of(const spool::Recipient& recipient, ReportedRecipient::Action action);
/// The server's reply in a note, without the words before it: "550 5.1.1 no such user"; empty if
/// the note has none.
std::string_view reply_in(const spool::Recipient& recipient);

}  // namespace postroad::relay
