// Machine-readable reports about a message: delivery status notifications (RFC 3464, RFC 6522),
// abuse reports (RFC 5965), and message disposition notifications, also called read receipts
// (RFC 8098). Each is parsed from a received message and composed as a part for `Message::content`.
// Not here: when to send one.
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

/// The per-recipient fields of a delivery status notification (RFC 3464 §2.3). Strings hold the
/// field bodies without their type (`rfc822;`, `smtp;`); an empty string is an absent field.
struct POSTROAD_EXPORT ReportedRecipient {
  enum class Action : std::uint8_t { failed, delayed, delivered, relayed, expanded };
  Action action = Action::failed;
  std::string status{};              ///< `5.1.1` (RFC 3463)
  std::string final_recipient{};     ///< the address of the delivery attempt
  std::string original_recipient{};  ///< the address that the sender gave (ORCPT)
  std::string remote_mta{};          ///< the host that sent the reply
  /// Its reply, such as `550 5.1.1 no such user`, or another text that says why.
  std::string diagnostic{};
  std::string last_attempt{};      ///< an RFC 5322 date
  std::string will_retry_until{};  ///< an RFC 5322 date
  /// Address type of `original_recipient`, such as `x400`; empty: `rfc822` or `utf-8`.
  std::string original_type{};
  friend bool operator==(const ReportedRecipient&, const ReportedRecipient&) = default;
};

/// A delivery status notification (RFC 3464): a bounce, a delay or a confirmation.
struct POSTROAD_EXPORT DeliveryReport {
  std::string reporting_mta{};  ///< the host that reports
  std::string envelope_id{};    ///< ENVID of the original message
  std::string arrival_date{};   ///< when the original message arrived at the reporting host
  std::vector<ReportedRecipient> recipients{};
  std::string text{};      ///< the human-readable part
  std::string original{};  ///< the original message or its header; empty if it was not returned
  friend bool operator==(const DeliveryReport&, const DeliveryReport&) = default;

  /// Parses a message with any line ends; nullopt if it is not such a report. A malformed report is
  /// read as far as possible. At most 1000 recipients are kept. Never fails; linear time.
  static std::optional<DeliveryReport> parse(std::string_view message);
  /// Composes multipart/report for `Message::content`, with all of `original` or only its header.
  [[nodiscard]] MimePart part(bool whole_original = false) const;
};

/// A complaint about a message, from the feedback loop of a mailbox provider (RFC 5965).
struct POSTROAD_EXPORT AbuseReport {
  std::string type{};        ///< abuse, fraud, virus, other, not-spam
  std::string user_agent{};  ///< the program that generated the report
  std::string source_ip{};   ///< the client that the original message came from
  std::string arrival_date{};
  std::string mail_from{};                ///< Original-Mail-From
  std::vector<std::string> recipients{};  ///< Original-Rcpt-To
  std::vector<std::string> domains{};     ///< Reported-Domain
  std::string text{};
  std::string original{};
  friend bool operator==(const AbuseReport&, const AbuseReport&) = default;

  /// As DeliveryReport::parse.
  static std::optional<AbuseReport> parse(std::string_view message);
  /// Composes multipart/report for `Message::content`, with all of `original`.
  [[nodiscard]] MimePart part() const;
};

/// A message disposition notification (RFC 8098): the recipient's program reports whether the
/// message was displayed.
struct POSTROAD_EXPORT ReadReceipt {
  std::string reporting_ua{};
  std::string final_recipient{};
  std::string original_recipient{};
  std::string original_message_id{};
  /// `manual-action/MDN-sent-manually; displayed` (RFC 8098 §3.2.6).
  std::string disposition{};
  std::string text{};
  friend bool operator==(const ReadReceipt&, const ReadReceipt&) = default;

  /// As DeliveryReport::parse.
  static std::optional<ReadReceipt> parse(std::string_view message);
  /// Whether the disposition type is `displayed`.
  [[nodiscard]] bool is_displayed() const;
  /// Composes multipart/report for `Message::content`.
  [[nodiscard]] MimePart part() const;
};

/// The value of the Action field (RFC 3464 §2.3.3).
POSTROAD_EXPORT std::string_view to_string(ReportedRecipient::Action action) noexcept;

}  // namespace postroad
