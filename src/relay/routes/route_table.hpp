// Which route a recipient takes: the first whose conditions hold. Pure; built from the
// configuration, and asked at every attempt, so that a reload reaches queued messages too. Not
// here: where a route leads (delivery.hpp).
#pragma once

#include <cstddef>
#include <optional>
#include <postroad/mailbox.hpp>
#include <postroad/result.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace postroad::relay {

/// The conditions of a route; it holds when each list that is not empty has an entry that does.
struct RouteMatch {
  /// Recipient domains: `example.org`, `.example.org` (all subdomains), `*` (all). In U-labels or
  /// A-labels, in any case.
  std::vector<std::string> domains{};
  /// Reverse-paths: `ann@example.org`, `@example.org`, `<>` (the null reverse-path).
  std::vector<std::string> senders{};
  /// Logins of those who handed the message in: `ann`, `@example.org` (all logins with this end),
  /// `*` (all). In any case.
  std::vector<std::string> logins{};
  friend bool operator==(const RouteMatch&, const RouteMatch&) = default;
};

/// Where a message comes from.
struct RouteOrigin {
  std::string_view sender;   ///< reverse-path, empty for the null one
  std::string_view login{};  ///< empty: without AUTH
};

class RouteTable final {
 public:
  /// Error: Fault::input with the entry that has not one of these forms.
  static Result<RouteTable> make(const std::vector<RouteMatch>& routes);

  /// The index of the route; nullopt: none is for this recipient. A local recipient takes only a
  /// route that names its domain.
  [[nodiscard]] std::optional<std::size_t> find(RouteOrigin origin, const Mailbox& recipient,
                                                bool is_local) const;

 private:
  struct Row {
    std::vector<std::string> domains;  // lower case, A-labels
    std::vector<std::string> senders;  // lower case domains
    std::vector<std::string> logins;   // lower case
  };
  std::vector<Row> rows_;
  bool names_domains_ = false;  // a row names a domain, which may be a local one
};

/// Lower case and A-labels; text that IDNA does not allow in lower case only.
std::string canonical_domain(std::string_view domain);

}  // namespace postroad::relay
