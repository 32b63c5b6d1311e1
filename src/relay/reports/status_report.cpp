// Composes notifications; see status_report.hpp.
#include "relay/reports/status_report.hpp"

#include <algorithm>
#include <optional>

#include "base/text.hpp"
#include "mail/header/date.hpp"
#include "mail/header/fields.hpp"
#include "mail/header/words.hpp"
#include "queue/server_text.hpp"
#include "queue/settlement.hpp"

namespace postroad::relay {

namespace {

using Action = ReportedRecipient::Action;

std::string date_of(std::int64_t wall) {
  const std::chrono::system_clock::time_point when{std::chrono::milliseconds(wall)};
  return mail::is_date(when) ? mail::format_date(when) : std::string();
}

// The length of an enhanced status code (RFC 3463) at the beginning, with nothing but a space
// after it; 0: there is none.
std::size_t status_length(std::string_view text) {
  std::size_t at = 0;
  for (const int part : {0, 1, 2}) {
    const auto begin = at;
    while (at < text.size() && is_digit(text[at]) && at - begin < 3) ++at;
    if (at == begin) return 0;
    if (part == 0 && (at != 1 || (text[0] != '2' && text[0] != '4' && text[0] != '5'))) return 0;
    if (part == 2) break;
    if (at == text.size() || text[at] != '.') return 0;
    ++at;
  }
  return at == text.size() || text[at] == ' ' ? at : 0;
}

bool is_reply(std::string_view text) {
  return text.size() >= 3 && text[0] >= '2' && text[0] <= '5' && is_digit(text[1]) &&
         is_digit(text[2]) && (text.size() == 3 || text[3] == ' ' || text[3] == '-');
}

constexpr std::string_view local_fault = "a fault of this mail server, which its log describes";

std::string_view without_given_up(std::string_view note) {
  if (note.starts_with(queue::given_up)) note.remove_prefix(queue::given_up.size());
  return note;
}

// Without the port; an address is a literal (RFC 5321 section 4.1.3).
std::string name_of(std::string_view host) {
  const std::string name(queue::parse_server(host).name);
  const bool is_ipv4 = !name.empty() && name.find_first_not_of("0123456789.") == std::string::npos;
  return is_ipv4 ? '[' + name + ']' : name;
}

// Empty: it is tried for ever.
std::string retry_until(const queue::Part& part, const ReportContext& context) {
  if (context.lifetime.count() <= 0) return {};
  return date_of(queue::released_at(part.handling, part.envelope) + context.lifetime.count());
}

bool has(const std::vector<queue::OwedReport>& owed, Action action) {
  return std::any_of(owed.begin(), owed.end(),
                     [action](const auto& one) { return one.action == action; });
}

// The address that the sender knows: only a user of this server is told where an alias leads to.
const std::string& address_for_sender(const queue::Part& part, const spool::Recipient& one) {
  const bool is_hidden = part.envelope.login.empty() && !one.original.empty();
  return is_hidden ? one.original : one.address;
}

// The gravest action names the report.
std::string subject_of(const queue::Part& part, const std::vector<queue::OwedReport>& owed) {
  const auto action = has(owed, Action::failed)    ? Action::failed
                      : has(owed, Action::delayed) ? Action::delayed
                                                   : owed.front().action;
  const auto is_one = [action](const auto& one) { return one.action == action; };
  const std::string text = action == Action::failed    ? "Undelivered mail: "
                           : action == Action::delayed ? "Delayed mail: "
                                                       : "Delivered mail: ";
  const auto count = std::count_if(owed.begin(), owed.end(), is_one);
  if (count > 1) return text + std::to_string(count) + " recipients";
  const auto first = std::find_if(owed.begin(), owed.end(), is_one);
  return text +
         printable(address_for_sender(part, part.envelope.recipients[first->recipient]), 200);
}

// A sentence for people. The paths of this server concern its operator only.
std::string reason_of(const spool::Recipient& one) {
  const auto note = without_given_up(one.note);
  const auto reply = reply_in(one);
  const std::string begin = note.size() == one.note.size() ? "" : "The server has given up. ";
  if (!reply.empty() && !one.host.empty())
    return begin + "The server " + name_of(one.host) + " replied: " + std::string(reply);
  return begin + std::string(note.starts_with('/') ? local_fault : note);
}

class Text final {
 public:
  Text(const queue::Part& part, const std::vector<queue::OwedReport>& owed,
       const ReportContext& context)
      : part_(part), owed_(owed), context_(context) {}

  std::string make(const std::string& subject) && {
    text_ = "This is the mail server " + context_.host + ".\n\nThis report is about the message";
    if (!subject.empty()) text_ += " \"" + subject + '"';
    if (const auto date = date_of(part_.envelope.arrived); !date.empty())
      text_ += ", which arrived on " + date;
    text_ += ".\n";
    group(Action::failed, "It was not delivered to:", "The server does not try again.");
    group(Action::delayed, "It has not been delivered yet to:", keeps_trying());
    group(Action::delivered, "It was delivered to:", "");
    group(Action::relayed,
          "It was accepted by the next server, which sends no confirmations, for:", "");
    if (!context_.last_words.empty()) text_ += '\n' + context_.last_words + '\n';
    return std::move(text_);
  }

 private:
  [[nodiscard]] std::string keeps_trying() const {
    const auto until = retry_until(part_, context_);
    const std::string end = until.empty() ? "" : " until " + until;
    return "You need not send it again: the server goes on trying" + end + '.';
  }

  void group(Action action, std::string_view begin, const std::string& end) {
    if (!has(owed_, action)) return;
    (text_ += '\n') += begin;
    text_ += "\n\n";
    for (const auto& one : owed_) {
      if (one.action != action) continue;
      const auto& recipient = part_.envelope.recipients[one.recipient];
      const auto& address = address_for_sender(part_, recipient);
      text_ += "  " + printable(address, 320);
      if (!recipient.original.empty() && address != recipient.original)
        text_ += " (for " + printable(recipient.original, 320) + ')';
      text_ += '\n';
      const bool is_good = action == Action::delivered || action == Action::relayed;
      if (const auto reason = reason_of(recipient); !is_good && !reason.empty())
        text_ += "    " + reason + '\n';
    }
    if (!end.empty()) text_ += '\n' + end + '\n';
  }

  const queue::Part& part_;
  const std::vector<queue::OwedReport>& owed_;
  const ReportContext& context_;
  std::string text_;
};

ReportedRecipient fields_of(const queue::Part& part, const queue::OwedReport& owed,
                            const ReportContext& context) {
  const auto& one = part.envelope.recipients[owed.recipient];
  const auto asked = queue::options_of(one);
  ReportedRecipient made;
  made.action = owed.action;
  made.status = status_of(one, owed.action);
  made.final_recipient = address_for_sender(part, one);
  made.original_type = asked.original_type;
  made.original_recipient = asked.original.empty() ? one.original : asked.original;
  made.remote_mta = name_of(one.host);
  const auto reply = reply_in(one);
  made.diagnostic = reply.empty() ? without_given_up(one.note) : reply;
  if (made.diagnostic.starts_with('/')) made.diagnostic = local_fault;
  // Programs read these fields best in ASCII; the text for people has the reply as it was.
  std::replace_if(made.diagnostic.begin(), made.diagnostic.end(), is_8bit, '?');
  if (one.last_attempt != 0) made.last_attempt = date_of(one.last_attempt);
  if (owed.action == Action::delayed) made.will_retry_until = retry_until(part, context);
  return made;
}

// A field of the original's header; empty if it is missing.
std::string field_of(const mail::FieldBlock& header, std::string_view name) {
  const auto* field = header.find(name);
  return field == nullptr ? std::string() : field->value();
}

void set_reference(const mail::FieldBlock& header, Message& message) {
  const auto id = field_of(header, "Message-ID");
  if (id.empty() || Message().references(id).error()) return;
  message.references(id).in_reply_to(id);
}

}  // namespace

std::string_view reply_in(const spool::Recipient& recipient) {
  auto note = without_given_up(recipient.note);
  if (is_reply(note)) return note;
  // "mx.example:25 MAIL: 550 5.7.1 no"
  if (recipient.host.empty() || !note.starts_with(recipient.host)) return {};
  const auto colon = note.find(": ", recipient.host.size());
  if (colon == std::string_view::npos) return {};
  note.remove_prefix(colon + 2);
  return is_reply(note) ? note : std::string_view();
}

std::string status_of(const spool::Recipient& recipient, Action action) {
  if (action == Action::delivered || action == Action::relayed) return "2.0.0";
  if (recipient.note.starts_with(queue::given_up) && action == Action::failed) return "4.4.7";
  auto text = reply_in(recipient);
  if (text.empty()) text = without_given_up(recipient.note);
  if (is_reply(text) && text.size() > 4) text.remove_prefix(4);
  const auto length = status_length(text);
  const char expected = action == Action::failed ? '5' : '4';
  // A host may say "550 4.1.1"; RFC 3464 section 2.3.4 asks for the class of the action.
  if (length > 0) return expected + std::string(text.substr(1, length - 1));
  return expected + std::string(".0.0");
}

Message status_report(const queue::Part& part, const std::vector<queue::OwedReport>& owed,
                      const ReportContext& context) {
  const auto header = mail::split_fields(context.original);
  DeliveryReport report;
  report.reporting_mta = context.host;
  report.envelope_id = part.handling.asked.envelope_id;
  report.arrival_date = date_of(part.envelope.arrived);
  for (const auto& one : owed) report.recipients.push_back(fields_of(part, one, context));
  report.text = Text(part, owed, context)
                    .make(printable(mail::decode_words(field_of(header, "Subject")), 200));
  report.original = context.original;
  Message message;
  message.from("Mail Delivery System <MAILER-DAEMON@" + context.host + '>')
      .subject(subject_of(part, owed))
      .header("Auto-Submitted", "auto-replied")
      .content(report.part(context.is_whole));
  set_reference(header, message);
  if (const auto to = Message().to(context.to); !to.error())
    message.to(context.to);
  else
    message.to("undisclosed-recipients:;");
  return message;
}

}  // namespace postroad::relay
