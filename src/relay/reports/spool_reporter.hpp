// Makes the notifications that senders are owed (queue/reports.hpp) and commits them to the spool,
// from which they are delivered like other messages. Reading the original and composing wait for
// the disk, so that it has a thread of its own.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <postroad/signer.hpp>
#include <string>
#include <thread>

#include "observe/log.hpp"
#include "queue/reports.hpp"
#include "relay/reports/report_limit.hpp"
#include "spool/spool.hpp"

namespace postroad::relay {

/// The recipients of a notification to an address: aliases expanded; none: a local address without
/// a mailbox.
using ReportRecipients = std::function<std::vector<spool::Recipient>(const std::string& address)>;

struct ReportSettings {
  std::string host;  ///< this server's name
  queue::ReportPolicy policy;
  std::chrono::milliseconds lifetime{0};          ///< of messages; 0: they are never given up
  std::size_t per_hour = 60;                      ///< to one address; 0: no limit
  std::shared_ptr<const MessageSigner> signer{};  ///< null: notifications are not signed
};

class SpoolReporter final : public queue::Reporter {
 public:
  /// Spool and log outlive it. `limit` is shared with the reporters before it. Throws
  /// std::system_error without a thread.
  SpoolReporter(spool::Spool& spool, observe::Log& log, ReportSettings settings,
                ReportRecipients recipients_of, std::shared_ptr<ReportLimit> limit);
  SpoolReporter(const SpoolReporter&) = delete;
  SpoolReporter& operator=(const SpoolReporter&) = delete;
  /// Waits until what was begun is with the spool.
  ~SpoolReporter() override;

  [[nodiscard]] std::vector<queue::OwedReport> owed(const spool::Envelope& envelope,
                                                    const queue::Handling& handling,
                                                    std::int64_t wall,
                                                    std::chrono::milliseconds age) const override;
  void report(const queue::Part& part, std::vector<queue::OwedReport> owed, Done done) override;

 private:
  struct Job {
    const queue::Part* part;
    std::vector<queue::OwedReport> owed;
    Done done;
  };
  void run();
  void make(const Job& job);
  void suppress(const Job& job, const std::string& to, const std::string& reason);
  [[nodiscard]] std::vector<spool::Recipient> recipients_for(const Job& job, std::string& to) const;
  [[nodiscard]] bool returns_whole(const Job& job) const;
  [[nodiscard]] std::string read_original(const queue::Part& part, bool whole) const;
  [[nodiscard]] std::string last_words() const;

  spool::Spool& spool_;
  observe::Log& log_;
  const ReportSettings settings_;
  const ReportRecipients recipients_of_;
  const std::shared_ptr<ReportLimit> limit_;
  std::mutex mutex_;
  std::condition_variable bell_;
  std::deque<Job> waiting_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace postroad::relay
