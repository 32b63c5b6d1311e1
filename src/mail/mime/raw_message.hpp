// A whole message that the user gives, made ready to go out: CRLF line ends, no Bcc, and the
// envelope its header implies (RFC 5322 §3.6.3, §3.6.6). Not here: fields that are added to it
// (compose.cpp).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <postroad/address.hpp>

#include "mail/mime/recode.hpp"

namespace postroad::mail {

struct RawMessage {
  std::shared_ptr<const std::string>
      octets;                       ///< header without Bcc, empty line, body; shared, never changed
  std::size_t header_end = 0;       ///< octets of header fields at the front
  std::vector<std::string> names;   ///< of the fields that are left, lower case
  std::vector<Address> reverse;     ///< Sender and From, or those of the newest Resent block
  std::vector<Address> recipients;  ///< To, Cc, Bcc, or those of the newest Resent block
  std::optional<Error> address_fault;  ///< an address field that cannot be read
  Traits traits;                       ///< of all of it
  bool needs_utf8 = false;             ///< the header holds UTF-8 that is not encoded

  [[nodiscard]] bool has(std::string_view lower_name) const noexcept;
};

/// Linear time. Error: Fault::input for NUL in the header, and for a line in the header that is no
/// field with a Bcc after it: taken as body, as other programs do, that Bcc would be shown to
/// everybody.
Result<RawMessage> prepare_raw(std::string octets);

}  // namespace postroad::mail
