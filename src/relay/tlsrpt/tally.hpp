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
#include <set>
#include <string>
#include <vector>

#include "base/descriptor.hpp"
#include "relay/tlsrpt/counts.hpp"
#include "relay/tlsrpt/report.hpp"

namespace postroad::relay::tlsrpt {

/// While another process has the folder, the counts are in memory alone and no period ends: after a
/// hand-over the one before writes what it has counted first.
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
  /// Writes what was counted and leaves the folder to the next process.
  void leave();
  /// Those whose report has not gone out, oldest first.
  [[nodiscard]] std::vector<Key> keys() const;
  /// nullopt: there are none, or they were settled.
  [[nodiscard]] std::optional<Report> report(const Key& key) const;
  /// The report went to this URI, or never will. Error: the disk; after a restart it may go there
  /// again.
  Result<void> note_sent(const Key& key, const std::string& uri);
  [[nodiscard]] bool was_sent(const Key& key, const std::string& uri) const;
  /// The report went out, or there is none to send. The files of a period go with its last one.
  /// Error: as note_sent().
  Result<void> settle(const Key& key);
  /// Sessions that were not counted since there was no room; begins again at 0.
  std::uint64_t take_left_out();

 private:
  struct Ended {
    std::int64_t begin;
    std::int64_t end;
    std::map<std::string, DomainCounts> domains;
    std::map<std::string, std::set<std::string>> sent{};  // URIs, by domain
  };
  bool hold(std::int64_t now);
  void load(std::int64_t now);
  void load_ended(const std::string& name, std::vector<Ended>& ended) const;
  Result<void> close(Ended period, std::vector<Ended>& ended, bool is_written) const;
  Result<void> end_period(std::int64_t at);
  Result<void> write();
  Result<void> write_lines(std::string lines);
  Result<void> note(const std::filesystem::path& period, const std::string& line) const;
  Result<void> make_folder() const;
  [[nodiscard]] Ended* find(const Key& key);
  [[nodiscard]] std::filesystem::path path_of(std::int64_t begin) const;
  [[nodiscard]] std::filesystem::path path_of(const Ended& period) const;

  const std::filesystem::path folder_;
  std::mutex disk_;  // of the files: taken before the other one, which no write is waited for with
  Descriptor lock_;  // of the folder
  std::uint64_t bytes_ = 0;  // of the file of the period under way

  mutable std::mutex mutex_;  // of the rest
  std::int64_t begin_;
  Counts counts_;     // of the period under way
  Counts unwritten_;  // the part of these that is not on disk
  std::vector<Ended> ended_;
  std::uint64_t left_out_ = 0;
};

/// The UTC day of `when`. Unix milliseconds.
std::int64_t begin_of_day(std::int64_t when);
std::int64_t end_of_day(std::int64_t when);

}  // namespace postroad::relay::tlsrpt
