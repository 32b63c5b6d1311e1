// Addresses with the names of people, and lists of them, as header fields write them (RFC 5322
// §3.4).
//
//   address-list = (address *("," address))       ; empty places between commas are passed over
//   address      = mailbox / group
//   mailbox      = [phrase] "<" [route] addr-spec ">" / addr-spec
//   group        = phrase ":" [mailbox-list] ";"  ; its members count; no group in a group
//   CFWS         = blanks and comments            ; comments nest
//
// Limits: see the constants, each one an attack elsewhere. One pass without recursion: time is
// linear in the text. A display name is decoded (RFC 2047) after the list has been taken apart, for
// showing only: nothing decoded is ever parsed again, so `=?utf-8?q?a@b=2C?= <c@d>` is one address.
#pragma once

#include <postroad/mailbox.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace postroad {

inline constexpr std::size_t max_address_list = 1024 * 1024;  ///< octets of one list
inline constexpr std::size_t max_addresses = 50'000;          ///< in one list
inline constexpr std::size_t max_comment_depth = 16;

/// One entry of a list.
struct POSTROAD_EXPORT Address {
  std::string name;     ///< for showing: decoded, without quotes; empty when there is none
  Mailbox mailbox;      ///< an empty domain only where AddressRules::unqualified allows it
  std::string group{};  ///< of which group it is a member, where AddressRules::groups asks for it

  /// `name <local@domain>`, the name quoted where it must be: what `Message::to` and the like take,
  /// whatever the name holds. CR, LF and NUL in it stay, and are refused there. The group is not
  /// written.
  [[nodiscard]] std::string text() const;
  friend bool operator==(const Address&, const Address&) = default;
};

struct POSTROAD_EXPORT AddressRules {
  bool unqualified = false;  ///< a local part alone is taken, as `root` in mail of the system
  bool groups = false;       ///< groups keep their names; an empty one is an entry without mailbox
  bool tolerant = false;  ///< what cannot be read is passed over, up to the next comma: for showing
};

/// Error: Fault::input, `where` the list (its beginning), `detail` what is wrong and at which
/// column. Of a tolerant reading only when the list is too long.
POSTROAD_EXPORT Result<std::vector<Address>> parse_address_list(std::string_view text,
                                                                AddressRules rules = {});

}  // namespace postroad
