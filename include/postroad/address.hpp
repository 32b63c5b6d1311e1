// Addresses with display names, and lists of them, as header fields hold them (RFC 5322 §3.4).
// Not here: the bare address that SMTP carries (mailbox.hpp).
//
//   address-list = (address *("," address))       ; empty elements between commas are skipped
//   address      = mailbox / group
//   mailbox      = [phrase] "<" [route] addr-spec ">" / addr-spec
//   group        = phrase ":" [mailbox-list] ";"  ; groups do not nest
//   CFWS         = whitespace and comments        ; comments nest
//
// Each constant below limits a known attack. The parser makes one pass without recursion; its time
// is linear in the text. Display names are decoded (RFC 2047) after the list has been split and are
// never parsed again, so `=?utf-8?q?a@b=2C?= <c@d>` is one address.
#pragma once

#include <postroad/mailbox.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace postroad {

inline constexpr std::size_t max_address_list = 1024 * 1024;  ///< bytes in one list
inline constexpr std::size_t max_addresses = 50'000;          ///< in one list
inline constexpr std::size_t max_comment_depth = 16;          ///< nested comments

/// One entry of an address list.
struct POSTROAD_EXPORT Address {
  std::string name{};   ///< display name, decoded and unquoted; empty if there is none
  Mailbox mailbox{};    ///< its domain is empty only if AddressRules::unqualified allowed it
  std::string group{};  ///< the group that it is a member of; set only with AddressRules::groups

  /// `name <local@domain>`, the name quoted if necessary. `Message::to` and the other setters take
  /// this form. CR, LF and NUL in the name are kept here, and those setters refuse them. The group
  /// is not written.
  [[nodiscard]] std::string text() const;
  friend bool operator==(const Address&, const Address&) = default;
};

/// Options of parse_address_list.
struct POSTROAD_EXPORT AddressRules {
  bool unqualified = false;  ///< accept a local part without a domain, such as `root` from cron
  bool groups = false;       ///< keep group names; an empty group is an entry without a mailbox
  bool tolerant = false;     ///< skip unreadable text up to the next comma: for display only
};

/// Parses an address list. Error: Fault::input; `where` is the beginning of the list, `detail` says
/// what is wrong and at which column. With AddressRules::tolerant, only a list over a limit fails.
POSTROAD_EXPORT Result<std::vector<Address>> parse_address_list(std::string_view text,
                                                                AddressRules rules = {});

}  // namespace postroad
