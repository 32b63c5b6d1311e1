// The sites that a server remembers across restarts: those that an operator stopped, and the
// limits that were learnt. A text file in the data folder (docs/formats/sites.md).
#pragma once

#include <filesystem>
#include <optional>
#include <postroad/result.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "queue/dispatcher.hpp"

namespace postroad::daemon {

/// One line per site that is stopped or learnt about, in the order of `sites`.
std::string format_sites(const std::vector<queue::SiteFacts>& sites);
/// Lines that cannot be read are passed over: what they said is learnt again.
std::vector<queue::SiteFacts> parse_sites(std::string_view text);

/// The file, in the data folder. Thread rule: one thread.
class KnownSites final {
 public:
  explicit KnownSites(const std::filesystem::path& data) : path_(data / "sites") {}
  /// Nothing if there is no file. Error: Fault::io; Fault::data: it is larger than any that was
  /// written.
  [[nodiscard]] Result<std::vector<queue::SiteFacts>> load() const;
  /// On disk when it returns; nothing is written if nothing changed. Error: Fault::io, Fault::full.
  Result<void> save(const std::vector<queue::SiteFacts>& sites);

 private:
  std::filesystem::path path_;
  std::optional<std::string> saved_;  // the content of the file, once this process wrote it
};

}  // namespace postroad::daemon
