// The addresses of this server that deliveries go out from. Each message has one and keeps it, so
// that a host that greylists knows it again. Each source has limits and lines of its own at a site.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "spool/spool.hpp"

namespace postroad::relay::mx {

/// `[[source]]`.
struct Source {
  std::string name;  ///< a word
  std::optional<boost::asio::ip::address> ipv4{};
  std::optional<boost::asio::ip::address> ipv6{};
  std::string helo_name{};  ///< empty: that of the server
  unsigned weight = 1;      ///< share of the messages
  friend bool operator==(const Source&, const Source&) = default;
};

/// The same for a message at all attempts, and after a restart.
std::uint64_t source_seed(const spool::Envelope& envelope);

/// "mx:HOSTS from NAME"; without a name "mx:HOSTS".
std::string site_from(const std::string& site, std::string_view source);
struct SiteAndSource {
  std::string_view site;
  std::string_view source;  ///< empty: none
};
/// The reverse.
SiteAndSource split_site(std::string_view name);

/// Thread rule: any thread.
class Sources final {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::minutes failed_memory{5};

  explicit Sources(std::vector<Source> all) : all_(std::move(all)) {}
  /// The source of a message to the domain: of those that did not fail lately the one that its seed
  /// prefers, by weight; when one fails, only its messages move. Null: there are none.
  [[nodiscard]] const Source* choose(std::uint64_t seed, const std::string& domain, Time now) const;
  /// Null: there is no source with this name.
  [[nodiscard]] const Source* find(std::string_view name) const;
  /// `domain`: the source reaches none of its hosts; empty: it cannot be used at all.
  void note_failure(const std::string& name, const std::string& domain, Time now);
  [[nodiscard]] const std::vector<Source>& all() const { return all_; }

 private:
  const std::vector<Source> all_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Time> failed_;  // "NAME DOMAIN", until
};

/// Leaves the addresses of the families that the source has.
void keep_reachable(const Source& source, std::vector<boost::asio::ip::address>& addresses);

/// Why none of its addresses can be used on this machine now; empty: one can.
std::string why_unusable(const Source& source);

}  // namespace postroad::relay::mx
