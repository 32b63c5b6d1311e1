// The hosts with which opportunistic TLS failed lately: for a day they get messages without TLS, at
// once. A text file in the data folder (docs/formats/policies.md).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <postroad/result.hpp>
#include <string>
#include <string_view>

namespace postroad::relay::tls {

/// Thread rule: one thread.
class FailedTls final {
 public:
  struct Failure {
    std::int64_t until = 0;  ///< Unix milliseconds
    std::string reason;
    friend bool operator==(const Failure&, const Failure&) = default;
  };
  static constexpr std::size_t most = 10'000;  ///< hosts; those that end first are forgotten

  /// Reads the file. Empty: nothing is kept on disk.
  explicit FailedTls(std::filesystem::path file, bool only_reads = false);
  /// nullopt: none, or it is over at `now`.
  [[nodiscard]] std::optional<Failure> find(const std::string& host, std::int64_t now) const;
  /// Error: Fault::io, Fault::full: it is remembered until the server ends.
  Result<void> add(const std::string& host, Failure failure, std::int64_t now);
  /// False: there was none.
  bool remove(const std::string& host);
  [[nodiscard]] const std::map<std::string, Failure>& all() const { return failures_; }

 private:
  [[nodiscard]] Result<void> save();
  [[nodiscard]] Result<void> append(const std::string& host, const Failure& failure);
  std::filesystem::path file_;
  bool only_reads_;
  std::size_t lines_ = 0;  // in the file; of several about one host the last one counts
  std::map<std::string, Failure> failures_;
};

}  // namespace postroad::relay::tls
