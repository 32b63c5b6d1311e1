// The counted sessions of the period under way, and the periods that have ended and are not all
// reported, in memory and on disk (docs/formats/tlsrpt.md). A period ends with the UTC day, or when
// it is asked for. A crash loses the counts of the last moments. Not here: sending (reporter.hpp).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <postroad/result.hpp>
#include <string>
#include <vector>

#include "relay/tlsrpt/counts.hpp"
#include "relay/tlsrpt/report.hpp"

namespace postroad::relay::tlsrpt {

/// Thread rule: any thread. Times are Unix milliseconds.
class Tally final {
 public:
  /// The counts of one domain in one period.
  struct Key {
    std::int64_t begin;
    std::int64_t end;  ///< of the period under way: the end of its day
    std::string domain;
    bool has_ended;
  };

  /// `folder` is made when it is needed; empty: nothing is kept on disk. Reads what is there.
  Tally(std::filesystem::path folder, std::int64_t now);

  /// Counts it in the period under way; never waits for the disk.
  void add(const tls::TlsSession& session);
  /// Ends the period under way if its day is over, or if `at_once` and it has counts; writes what
  /// was counted. Error: the disk; the next call writes it.
  Result<void> turn(std::int64_t now, bool at_once = false);
  /// Those whose report has not gone out, oldest first.
  [[nodiscard]] std::vector<Key> keys() const;
  /// nullopt: there are none, or they were settled.
  [[nodiscard]] std::optional<Report> report(const Key& key) const;
  /// The report went out, or there is none to send. The files of a period go with its last one.
  /// Error: the disk; after a restart it may go out again.
  Result<void> settle(const Key& key);
  /// Sessions that were not counted, since there was no room.
  [[nodiscard]] std::uint64_t left_out() const;

 private:
  struct Ended {
    std::int64_t begin;
    std::int64_t end;
    std::map<std::string, DomainCounts> domains;
  };
  void load(std::int64_t now);
  void load_ended(const std::string& name);
  Result<void> end_period(std::int64_t at);
  Result<void> write();
  Result<void> make_folder() const;
  [[nodiscard]] std::filesystem::path path_of(std::int64_t begin) const;
  [[nodiscard]] std::filesystem::path path_of(const Ended& period) const;

  mutable std::mutex mutex_;
  const std::filesystem::path folder_;
  std::int64_t begin_;
  Counts counts_;            // of the period under way
  Counts unwritten_;         // the part of these that is not on disk
  std::uint64_t bytes_ = 0;  // of its file
  std::vector<Ended> ended_;
  std::uint64_t left_out_ = 0;
};

/// The UTC day of `when`. Unix milliseconds.
std::int64_t begin_of_day(std::int64_t when);
std::int64_t end_of_day(std::int64_t when);

}  // namespace postroad::relay::tlsrpt
