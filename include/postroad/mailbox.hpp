// One address as SMTP carries it (RFC 5321 §4.1.2 Mailbox): what stands between the angle brackets.
// Not here: display names and header lists (address.hpp).
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include <postroad/mail_options.hpp>
#include <postroad/result.hpp>

namespace postroad {

/// Local part and domain. The local part is kept without its quotes and backslashes, and is quoted
/// again when it is written, if it needs it: `"a b"@x` has the local part `a b`. An empty domain
/// stands for the bare `postmaster` only; both empty is the null reverse-path `<>`.
struct POSTROAD_EXPORT Mailbox {
  std::string local;   ///< at most 64 octets (RFC 5321 §4.5.3.1.1)
  std::string domain;  ///< at most 255 octets; a name, or a literal with its brackets "[192.0.2.1]"

  /// Parses `local@domain`, linear in time. UTF-8 is taken in both parts (RFC 6531); whether it may
  /// be sent is the protocol's question. Error: Fault::input, `where` the text, `detail` what is
  /// wrong and at which column.
  static Result<Mailbox> parse(std::string_view text);

  /// `local@domain`, the local part quoted if it must be. Never holds CR, LF or NUL for a parsed
  /// mailbox.
  [[nodiscard]] std::string text() const;
  /// The same at the end of `out`.
  void append_to(std::string& out) const;
  /// Null reverse-path.
  [[nodiscard]] bool is_null() const noexcept { return local.empty() && domain.empty(); }
  /// Whether it holds octets outside ASCII, so that SMTPUTF8 is needed.
  [[nodiscard]] bool needs_utf8() const noexcept;
  /// Equal in the sense of RFC 5321 §2.4: the domain without regard to case, the local part to the
  /// octet.
  friend POSTROAD_EXPORT bool operator==(const Mailbox& a, const Mailbox& b) noexcept;
};

/// Writes `text()`, control characters escaped.
POSTROAD_EXPORT std::ostream& operator<<(std::ostream& out, const Mailbox& mailbox);

/// Who a message is from and for, as the transport sees it (RFC 5321 §2.3.1); the header may say
/// otherwise.
struct POSTROAD_EXPORT Envelope {
  Mailbox reverse_path;  ///< null for a bounce
  std::vector<Mailbox> recipients;
  MailOptions options{};  ///< what is asked of the servers beyond delivery
  /// For each recipient in order what is asked for it; may be shorter: nothing for the rest.
  std::vector<RecipientOptions> recipient_options{};
  friend bool operator==(const Envelope&, const Envelope&) = default;
};

}  // namespace postroad
