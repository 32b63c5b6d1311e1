// Received, Return-Path and Delivered-To; see received.hpp.
#include "mail/header/received.hpp"

#include "base/text.hpp"
#include "mail/header/date.hpp"
#include "mail/header/fields.hpp"
#include "mail/header/fold.hpp"

namespace postroad::mail {

namespace {

constexpr std::size_t max_value = 255;

// Replaces every byte that is not printable ASCII or is in `special`.
std::string scrub(std::string_view value, std::string_view special) {
  std::string out(value.substr(0, max_value));
  std::replace_if(
      out.begin(), out.end(),
      [&](char c) { return c < ' ' || c >= 0x7f || special.find(c) != std::string_view::npos; },
      '?');
  return out;
}

std::string scrub_word(std::string_view value) { return scrub(value, " ()<>\\\";,"); }

// An address keeps UTF-8 (RFC 6531 §3.7.3).
std::string scrub_address(std::string_view value) {
  constexpr std::size_t max_path = 400;
  std::string out(value.substr(0, max_path));
  if (!is_utf8(out)) return scrub(value, "<>");
  std::replace_if(
      out.begin(), out.end(), [](char c) { return is_control(c) || c == '<' || c == '>'; }, '?');
  return out;
}

std::string client_literal(std::string_view client) {
  const auto address = scrub_word(client);
  if (address.starts_with('[')) return '(' + address + ')';
  return (address.find(':') == std::string::npos ? "([" : "([IPv6:") + address + "])";
}

void clause(FoldedField& field, std::string_view keyword, const std::string& value) {
  if (value.empty()) return;
  std::string words;
  words.reserve(keyword.size() + 1 + value.size());
  words += keyword;
  words += ' ';
  field.word(words += value);
}

}  // namespace

std::string format_received(const ReceivedInfo& info) {
  FoldedField field("Received");
  // A message that this host made came from nowhere.
  if (!info.helo.empty() || !info.client.empty())
    clause(field, "from", scrub_word(info.helo.empty() ? "unknown" : info.helo));
  if (!info.client.empty()) field.word(client_literal(info.client));
  clause(field, "by", scrub_word(info.by));
  clause(field, "with", scrub_word(info.protocol));
  if (!info.tls.empty()) field.word('(' + scrub(info.tls, "()\\") + ')');
  clause(field, "id", scrub_word(info.id));
  if (info.recipient) clause(field, "for", '<' + scrub_address(info.recipient->text()) + '>');
  field.glue(";");
  field.word(format_date(info.time));
  return std::move(field).finish();
}

std::string format_return_path(const Mailbox& reverse_path) {
  return "Return-Path: <" + scrub_address(reverse_path.text()) + ">\r\n";
}

std::string format_delivered_to(const Mailbox& recipient) {
  return "Delivered-To: " + scrub_address(recipient.text()) + "\r\n";
}

}  // namespace postroad::mail
