// One address as SMTP carries it between the angle brackets (RFC 5321 §4.1.2 Mailbox), and the
// envelope made of such addresses. Not here: display names and address lists (address.hpp), the
// options of an envelope (mail_options.hpp).
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include <postroad/mail_options.hpp>
#include <postroad/result.hpp>

namespace postroad {

/// Local part and domain. The local part is stored without quotes and backslashes and is quoted on
/// output if necessary: `"a b"@x` has the local part `a b`. The domain is empty only for the bare
/// `postmaster`; both are empty for the null reverse-path `<>`.
struct POSTROAD_EXPORT Mailbox {
  std::string local;   ///< at most 64 bytes (RFC 5321 §4.5.3.1.1)
  std::string domain;  ///< at most 255 bytes; a name, or a literal with its brackets "[192.0.2.1]"

  /// Parses `local@domain` in linear time. UTF-8 is accepted in both parts (RFC 6531); whether the
  /// server accepts it is decided when the message is sent. Error: Fault::input; `where` is the
  /// text, `detail` says what is wrong and at which column.
  static Result<Mailbox> parse(std::string_view text);

  /// `local@domain`, the local part quoted if necessary. For a parsed mailbox the result never
  /// contains CR, LF or NUL.
  [[nodiscard]] std::string text() const;
  /// Appends `text()` to `out`.
  void append_to(std::string& out) const;
  /// Whether this is the null reverse-path `<>`.
  [[nodiscard]] bool is_null() const noexcept { return local.empty() && domain.empty(); }
  /// Whether it contains bytes outside ASCII, so that SMTPUTF8 is needed (RFC 6531).
  [[nodiscard]] bool needs_utf8() const noexcept;
  /// Equality as in RFC 5321 §2.4: domains compare case-insensitively, local parts byte by byte.
  friend POSTROAD_EXPORT bool operator==(const Mailbox& a, const Mailbox& b) noexcept;
};

/// Writes `text()` with control characters escaped.
POSTROAD_EXPORT std::ostream& operator<<(std::ostream& out, const Mailbox& mailbox);

/// Sender and recipients of a message for the transport (RFC 5321 §2.3.1). The header fields of the
/// message may differ.
struct POSTROAD_EXPORT Envelope {
  Mailbox reverse_path{};  ///< null for a bounce
  std::vector<Mailbox> recipients{};
  MailOptions options{};  ///< parameters of MAIL
  /// Parameters of RCPT, in the order of `recipients`. May be shorter: the rest have none.
  std::vector<RecipientOptions> recipient_options{};
  friend bool operator==(const Envelope&, const Envelope&) = default;
};

}  // namespace postroad
