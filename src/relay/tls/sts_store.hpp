// The MTA-STS policies that the server keeps across restarts: one file per domain in a folder
// (docs/formats/policies.md). Without this an attacker who blocks the first fetch after each
// restart would switch MTA-STS off.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <postroad/result.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "relay/tls/sts_policy.hpp"

namespace postroad::relay::tls {

/// A policy as it was fetched.
struct KeptPolicy {
  std::string id;
  std::int64_t fetched = 0;  ///< Unix milliseconds
  std::string text;
  StsPolicy policy;  ///< of `text`

  /// It rules until then; Unix milliseconds.
  [[nodiscard]] std::int64_t until() const {
    return fetched + std::chrono::milliseconds(policy.max_age).count();
  }
};

/// The content of a file. nullopt: it is none.
std::string format_policy(const KeptPolicy& kept);
std::optional<KeptPolicy> parse_policy(std::string_view text);

/// Domains are lower case, A-labels, without a final dot: the names of the files. Thread rule: one
/// thread.
class StsStore final {
 public:
  /// The folder is made with the first policy. Empty: nothing is kept.
  explicit StsStore(std::filesystem::path folder, bool only_reads = false)
      : folder_(std::move(folder)), only_reads_(only_reads) {}

  /// nullopt: there is none, or it is damaged; or the system does not let it be read, and
  /// `failure`, which may be null, says why.
  [[nodiscard]] std::optional<KeptPolicy> load(const std::string& domain,
                                               std::string* failure = nullptr) const;
  /// On disk when it returns. Error: Fault::io, Fault::full.
  [[nodiscard]] Result<void> save(const std::string& domain, const KeptPolicy& kept) const;
  /// False: there was none.
  bool remove(const std::string& domain) const;
  /// Removes the policies that are over at `now` (Unix milliseconds).
  void remove_over(std::int64_t now) const;
  /// The domains that have a policy, sorted.
  [[nodiscard]] std::vector<std::string> domains() const;

 private:
  [[nodiscard]] std::filesystem::path path_of(const std::string& domain) const {
    return folder_ / domain;
  }
  std::filesystem::path folder_;
  bool only_reads_;
};

}  // namespace postroad::relay::tls
