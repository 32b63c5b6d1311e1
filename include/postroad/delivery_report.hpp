// What a mail system says about a mail, as a mail: delivery status notifications (RFC 3464, 6522),
// abuse reports (RFC 5965) and disposition notifications, that is read receipts (RFC 8098). Both
// ways: read from octets, and composed as a body for `Message::content`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <postroad/mime_part.hpp>
#include <postroad/result.hpp>

namespace postroad {

/// What became of one recipient (RFC 3464 §2.3). Texts are those of the fields, without their type
/// (`rfc822;`, `smtp;`); empty ones are absent.
struct POSTROAD_EXPORT ReportedRecipient {
  enum class Action : std::uint8_t { failed, delayed, delivered, relayed, expanded };
  Action action = Action::failed;
  std::string status;              ///< `5.1.1` (RFC 3463)
  std::string final_recipient;     ///< the address that was tried
  std::string original_recipient;  ///< as the sender wrote it (ORCPT)
  std::string remote_mta;          ///< the host that said it
  std::string diagnostic;          ///< its words: `550 5.1.1 no such user`
  std::string last_attempt;        ///< dates as RFC 5322 has them
  std::string will_retry_until;
  friend bool operator==(const ReportedRecipient&, const ReportedRecipient&) = default;
};

/// A delivery status notification: a bounce, a delay, or a notice of success.
struct POSTROAD_EXPORT DeliveryReport {
  std::string reporting_mta;  ///< the host that reports
  std::string envelope_id;    ///< ENVID of the mail it is about
  std::string arrival_date;   ///< of that mail at the reporting host
  std::vector<ReportedRecipient> recipients;
  std::string text;      ///< for a person
  std::string original;  ///< the mail it is about, or its header; empty when it was not sent back
  friend bool operator==(const DeliveryReport&, const DeliveryReport&) = default;

  /// Reads a mail. nullopt when it is none. Octets of any line ends; what is broken is read as far
  /// as it can be; at most 1000 recipients.
  static std::optional<DeliveryReport> parse(std::string_view mail);
  /// multipart/report for `Message::content`. With `original` whole, or its header alone.
  [[nodiscard]] MimePart part(bool whole_original = false) const;
};

/// A complaint about a mail, from a mailbox provider's feedback loop.
struct POSTROAD_EXPORT AbuseReport {
  std::string type;        ///< abuse, fraud, virus, other, not-spam
  std::string user_agent;  ///< the program that made it
  std::string source_ip;   ///< where the mail came from
  std::string arrival_date;
  std::string mail_from;  ///< the mail's envelope
  std::vector<std::string> recipients;
  std::vector<std::string> domains;  ///< Reported-Domain
  std::string text;
  std::string original;
  friend bool operator==(const AbuseReport&, const AbuseReport&) = default;

  static std::optional<AbuseReport> parse(std::string_view mail);
  [[nodiscard]] MimePart part() const;
};

/// What a reader's program says of a mail it was shown: a read receipt.
struct POSTROAD_EXPORT ReadReceipt {
  std::string reporting_ua;
  std::string final_recipient;
  std::string original_recipient;
  std::string original_message_id;
  /// `manual-action/MDN-sent-manually; displayed` (RFC 8098 §3.2.6).
  std::string disposition;
  std::string text;
  friend bool operator==(const ReadReceipt&, const ReadReceipt&) = default;

  static std::optional<ReadReceipt> parse(std::string_view mail);
  /// Whether it says that the mail was shown.
  [[nodiscard]] bool is_displayed() const;
  [[nodiscard]] MimePart part() const;
};

/// The word for an action, as the field has it.
POSTROAD_EXPORT std::string_view to_string(ReportedRecipient::Action action) noexcept;

}  // namespace postroad
