// Parsing and composing the three kinds of reports; see postroad/delivery_report.hpp. Composing
// never fails, whatever the original message contains, because a report must be sent.
#include <postroad/delivery_report.hpp>

#include <algorithm>
#include <array>

#include <postroad/mail_part.hpp>

#include "base/text.hpp"
#include "mail/header/fields.hpp"
#include "mail/header/fold.hpp"
#include "mail/mime/charset.hpp"
#include "mail/mime/entity.hpp"
#include "mail/mime/recode.hpp"
#include "mail/mime/transfer.hpp"

namespace postroad {

namespace {

constexpr std::size_t max_recipients = 1000;
constexpr std::array<std::string_view, 5> actions{"failed", "delayed", "delivered", "relayed",
                                                  "expanded"};

const MailPart* find_type(const MailPart& part, std::string_view type) {
  if (part.type.value == type) return &part;
  for (const auto& below : part.parts) {
    if (const auto* found = find_type(below, type)) return found;
  }
  return nullptr;
}

// The groups of fields in the machine-readable part of a report, which empty lines separate.
std::vector<std::vector<HeaderField>> groups_of(std::string_view body) {
  std::vector<std::vector<HeaderField>> groups;
  while (!body.empty() && groups.size() <= max_recipients) {
    auto block = mail::split_fields(body);
    const bool stuck = block.fields.empty() && block.body == 0;
    if (!block.fields.empty()) groups.push_back(std::move(block.fields));
    // A line that is not a field is skipped.
    const auto lf = body.find('\n');
    body.remove_prefix(!stuck ? block.body : lf == std::string_view::npos ? body.size() : lf + 1);
  }
  return groups;
}

std::string value_of(const std::vector<HeaderField>& fields, std::string_view name) {
  for (const auto& field : fields) {
    if (iequals(field.name, name)) return field.value();
  }
  return {};
}

// `rfc822; a@b` → `a@b`. A value without a type is returned unchanged.
std::string untyped_value_of(const std::vector<HeaderField>& fields, std::string_view name) {
  const auto value = value_of(fields, name);
  const auto semicolon = value.find(';');
  return std::string(
      trim(semicolon == std::string::npos ? value : std::string_view(value).substr(semicolon + 1)));
}

// The human-readable part: the first one.
std::string text_of(const MailPart& report) {
  if (report.parts.empty() || report.parts.front().is_multipart()) {
    const auto* text = report.first("text/plain");
    return text == nullptr ? std::string() : text->text();
  }
  return report.parts.front().text();
}

std::string original_of(const MailPart& report) {
  for (const auto* type :
       {"message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers"}) {
    if (const auto* part = find_type(report, type)) return part->decoded();
  }
  return {};
}

// `x400; …` → `x400`; empty for an Internet address.
std::string original_type_of(std::string_view value) {
  const auto semicolon = value.find(';');
  if (semicolon == std::string_view::npos) return {};
  auto type = lower(trim(value.substr(0, semicolon)));
  return type == "rfc822" || type == "utf-8" ? std::string() : type;
}

ReportedRecipient recipient_of(const std::vector<HeaderField>& fields) {
  ReportedRecipient one;
  const auto word = lower(value_of(fields, "Action"));
  const auto known = std::find(actions.begin(), actions.end(),
                               std::string_view(word).substr(0, word.find_first_of(" (")));
  if (known != actions.end())
    one.action = static_cast<ReportedRecipient::Action>(known - actions.begin());
  const auto status = value_of(fields, "Status");
  one.status = status.substr(0, status.find_first_of(" ("));
  one.final_recipient = untyped_value_of(fields, "Final-Recipient");
  one.original_recipient = untyped_value_of(fields, "Original-Recipient");
  one.original_type = original_type_of(value_of(fields, "Original-Recipient"));
  one.remote_mta = untyped_value_of(fields, "Remote-MTA");
  one.diagnostic = untyped_value_of(fields, "Diagnostic-Code");
  one.last_attempt = value_of(fields, "Last-Attempt-Date");
  one.will_retry_until = value_of(fields, "Will-Retry-Until");
  return one;
}

// The fields of a report under construction. Values come from peers: control characters become `?`.
class ReportFields final {
 public:
  void add(std::string_view name, std::string_view value, std::string_view type = {}) {
    if (value.empty()) return;
    std::string line(type);
    if (!type.empty()) line += "; ";
    const auto repaired = mail::repair_utf8(cut(value));
    for (const char c : cut(repaired)) line += is_control(c) ? '?' : c;
    mail::FoldedField field(name);
    field.plain(line);
    text_ += std::move(field).finish();
  }
  void end_group() { text_ += "\r\n"; }
  [[nodiscard]] std::string take() && { return std::move(text_); }

 private:
  // Truncates a value at the end of a character.
  static std::string_view cut(std::string_view value) noexcept {
    constexpr std::size_t most = 900;
    if (value.size() <= most) return value;
    std::size_t end = most;
    while (end > most - 3 && (static_cast<unsigned char>(value[end]) & 0xc0) == 0x80) --end;
    return value.substr(0, end);
  }
  std::string text_;
};

std::string_view address_type(std::string_view address) {
  return std::any_of(address.begin(), address.end(), is_8bit) ? "utf-8" : "rfc822";
}

std::string_view original_type(const ReportedRecipient& one) {
  const bool is_internet = one.original_type.empty() || iequals(one.original_type, "rfc822") ||
                           iequals(one.original_type, "utf-8");
  return is_internet ? address_type(one.original_recipient) : std::string_view(one.original_type);
}

// RFC 3464 section 2.3.6: a reply of SMTP, or a text of the reporting host.
std::string_view diagnostic_type(std::string_view text) {
  const bool is_reply = text.size() >= 3 && std::all_of(text.begin(), text.begin() + 3, is_digit) &&
                        (text.size() == 3 || text[3] == ' ' || text[3] == '-');
  return is_reply ? "smtp" : "x-postroad";
}

// message/`subtype` with ASCII fields, which may not be encoded. Fields outside ASCII are encoded
// as message/`global`, so that every server accepts them (RFC 6533 §4, §5); an abuse report has no
// such type and keeps its own.
MimePart fields_part(const std::string& subtype, const std::string& global, std::string fields) {
  if (std::none_of(fields.begin(), fields.end(), is_8bit))
    return MimePart::raw("Content-Type: message/" + subtype + "\r\n\r\n" + std::move(fields));
  return MimePart::raw("Content-Type: message/" + global +
                       "\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
                       mail::encode_quoted_printable(fields));
}

// The original message, or only its header if the whole cannot be sent to every server, such as a
// signed message in 8bit.
MimePart original_part(const std::string& original, bool whole) {
  auto clean = mail::with_crlf(original);
  if (whole && mail::recode(clean, mail::Transfer::seven_bit))
    return MimePart::message(std::move(clean));
  clean.resize(mail::split_fields(clean).end);
  if (!is_utf8(clean)) return MimePart::bytes("text/rfc822-headers", std::move(clean));
  if (std::none_of(clean.begin(), clean.end(), is_8bit))
    return MimePart::text("rfc822-headers", std::move(clean));
  return MimePart::raw(  // RFC 6533 section 6
      "Content-Type: message/global-headers\r\nContent-Transfer-Encoding: "
      "quoted-printable\r\n\r\n" +
      mail::encode_quoted_printable(clean));
}

MimePart report_part(std::string_view type, const std::string& text, MimePart fields,
                     const std::string& original, bool whole) {
  std::vector<MimePart> parts;
  parts.push_back(MimePart::text("plain", mail::repair_utf8(text)));
  parts.push_back(std::move(fields));
  if (!original.empty()) parts.push_back(original_part(original, whole));
  return MimePart::multipart("report", std::move(parts)).parameter("report-type", type);
}

}  // namespace

std::string_view to_string(ReportedRecipient::Action action) noexcept {
  return actions[static_cast<std::size_t>(action)];
}

std::optional<DeliveryReport> DeliveryReport::parse(std::string_view message) {
  const auto root = MailPart::parse(message);
  const auto* part = find_type(root, "message/delivery-status");
  if (part == nullptr) part = find_type(root, "message/global-delivery-status");
  if (part == nullptr) return std::nullopt;
  const auto body = part->decoded();
  auto groups = groups_of(body);
  DeliveryReport report;
  if (!groups.empty()) {
    report.reporting_mta = untyped_value_of(groups.front(), "Reporting-MTA");
    report.envelope_id = value_of(groups.front(), "Original-Envelope-Id");
    report.arrival_date = value_of(groups.front(), "Arrival-Date");
  }
  for (const auto& group : groups) {
    // If the first empty line is missing, the first group also describes a recipient.
    const bool has_recipient =
        !value_of(group, "Final-Recipient").empty() || !value_of(group, "Action").empty();
    if (has_recipient) report.recipients.push_back(recipient_of(group));
  }
  report.text = text_of(root);
  report.original = original_of(root);
  return report;
}

MimePart DeliveryReport::part(bool whole_original) const {
  ReportFields fields;
  fields.add("Original-Envelope-Id", envelope_id);
  fields.add("Reporting-MTA", reporting_mta, "dns");
  fields.add("Arrival-Date", arrival_date);
  for (const auto& one : recipients) {
    fields.end_group();
    fields.add("Original-Recipient", one.original_recipient, original_type(one));
    fields.add("Final-Recipient", one.final_recipient, address_type(one.final_recipient));
    fields.add("Action", to_string(one.action));
    fields.add("Status", one.status);
    fields.add("Remote-MTA", one.remote_mta, "dns");
    fields.add("Diagnostic-Code", one.diagnostic, diagnostic_type(one.diagnostic));
    fields.add("Last-Attempt-Date", one.last_attempt);
    fields.add("Will-Retry-Until", one.will_retry_until);
  }
  return report_part(
      "delivery-status", text,
      fields_part("delivery-status", "global-delivery-status", std::move(fields).take()), original,
      whole_original);
}

std::optional<AbuseReport> AbuseReport::parse(std::string_view message) {
  const auto root = MailPart::parse(message);
  const auto* part = find_type(root, "message/feedback-report");
  if (part == nullptr) return std::nullopt;
  const auto body = part->decoded();
  const auto groups = groups_of(body);
  AbuseReport report;
  if (!groups.empty()) {
    const auto& fields = groups.front();
    report.type = lower(value_of(fields, "Feedback-Type"));
    report.user_agent = value_of(fields, "User-Agent");
    report.source_ip = value_of(fields, "Source-IP");
    report.arrival_date = value_of(fields, "Arrival-Date");
    if (report.arrival_date.empty()) report.arrival_date = value_of(fields, "Received-Date");
    report.mail_from = value_of(fields, "Original-Mail-From");
    for (const auto& field : fields) {
      if (report.recipients.size() + report.domains.size() >= max_recipients) break;
      if (iequals(field.name, "Original-Rcpt-To")) report.recipients.push_back(field.value());
      if (iequals(field.name, "Reported-Domain")) report.domains.push_back(field.value());
    }
  }
  report.text = text_of(root);
  report.original = original_of(root);
  return report;
}

MimePart AbuseReport::part() const {
  ReportFields fields;
  fields.add("Feedback-Type", type.empty() ? "abuse" : type);
  fields.add("User-Agent", user_agent.empty() ? "postroad" : user_agent);
  fields.add("Version", "1");
  fields.add("Original-Mail-From", mail_from);
  fields.add("Arrival-Date", arrival_date);
  fields.add("Source-IP", source_ip);
  for (const auto& one : recipients) fields.add("Original-Rcpt-To", one);
  for (const auto& one : domains) fields.add("Reported-Domain", one);
  return report_part("feedback-report", text,
                     fields_part("feedback-report", "feedback-report", std::move(fields).take()),
                     original, true);
}

std::optional<ReadReceipt> ReadReceipt::parse(std::string_view message) {
  const auto root = MailPart::parse(message);
  const auto* part = find_type(root, "message/disposition-notification");
  if (part == nullptr) part = find_type(root, "message/global-disposition-notification");
  if (part == nullptr) return std::nullopt;
  const auto body = part->decoded();
  const auto groups = groups_of(body);
  ReadReceipt receipt;
  if (!groups.empty()) {
    const auto& fields = groups.front();
    receipt.reporting_ua = value_of(fields, "Reporting-UA");
    receipt.final_recipient = untyped_value_of(fields, "Final-Recipient");
    receipt.original_recipient = untyped_value_of(fields, "Original-Recipient");
    receipt.original_message_id = value_of(fields, "Original-Message-ID");
    receipt.disposition = value_of(fields, "Disposition");
  }
  receipt.text = text_of(root);
  return receipt;
}

bool ReadReceipt::is_displayed() const {
  const auto semicolon = disposition.find(';');
  if (semicolon == std::string::npos) return false;
  auto word = std::string_view(disposition).substr(semicolon + 1);
  word = trim(word.substr(0, word.find('/')));
  return iequals(word, "displayed");
}

MimePart ReadReceipt::part() const {
  ReportFields fields;
  fields.add("Reporting-UA", reporting_ua);
  fields.add("Original-Recipient", original_recipient, address_type(original_recipient));
  fields.add("Final-Recipient", final_recipient, address_type(final_recipient));
  fields.add("Original-Message-ID", original_message_id);
  fields.add("Disposition", disposition.empty()
                                ? std::string_view("manual-action/MDN-sent-manually; displayed")
                                : std::string_view(disposition));
  return report_part("disposition-notification", text,
                     fields_part("disposition-notification", "global-disposition-notification",
                                 std::move(fields).take()),
                     {}, false);
}

}  // namespace postroad
