// The composer; see compose.hpp.
#include "mail/compose.hpp"

#include <unistd.h>

#include <array>
#include <random>

#include "base/text.hpp"
#include "mail/date.hpp"
#include "mail/fold.hpp"
#include "mail/parameters.hpp"
#include "mail/segment_source.hpp"
#include "mail/transfer.hpp"

namespace postroad::mail {

namespace {

void system_random(std::span<unsigned char> octets) {
  if (getentropy(octets.data(), octets.size()) == 0) return;
  std::random_device device;
  for (auto& octet : octets) octet = static_cast<unsigned char>(device() & 0xff);
}

class Composer final {
 public:
  Composer(const Draft& draft, const ComposeOptions& options)
      : draft_(draft), options_(options), source_(std::make_unique<SegmentSource>()) {}
  Result<std::unique_ptr<MessageSource>> whole();

 private:
  void add_header();
  void add_field(std::string_view name, const std::string& formatted);
  void add_addresses(std::string_view name, const std::vector<Address>& addresses);
  Result<void> add_content();
  void add_texts();
  void add_text_part(std::string_view type, const std::string& text);
  Result<void> add_attachment(const Attachment& attachment);
  void add_boundary(std::string_view boundary, bool last);
  void add_multipart(std::string_view type, std::string_view boundary);
  void flush();
  std::string random_word();
  std::string message_id_host() const;
  [[nodiscard]] bool lacks(std::string_view name) const;

  const Draft& draft_;
  const ComposeOptions& options_;
  std::unique_ptr<SegmentSource> source_;
  std::string text_;  // gathered until a segment of another kind comes
  bool utf8_ = false;
};

// 128 bits as 32 characters of a-p: safe in a Message-ID and in a boundary.
std::string Composer::random_word() {
  std::array<unsigned char, 16> octets{};
  options_.random ? options_.random(octets) : system_random(octets);
  std::string word;
  for (const auto octet : octets) {
    word += {static_cast<char>('a' + (octet >> 4)), static_cast<char>('a' + (octet & 15))};
  }
  return word;
}

std::string Composer::message_id_host() const {
  const auto usable = [](const std::string& host) {
    return !host.empty() && host.size() <= 255 && std::all_of(host.begin(), host.end(), [](char c) {
      return is_alnum(c) || std::string_view("-._[]:").find(c) != std::string_view::npos;
    });
  };
  if (usable(options_.host)) return options_.host;
  const auto& authors = draft_.from.empty() && draft_.raw ? draft_.raw->reverse : draft_.from;
  if (!authors.empty()) {
    auto domain = draft_.complete(authors.front()).domain;
    if (usable(domain)) return domain;
  }
  return "localhost";
}

bool Composer::lacks(std::string_view name) const {
  return !draft_.raw || !draft_.raw->has(lower(name));
}

void Composer::add_field(std::string_view name, const std::string& formatted) {
  if (!lacks(name)) return;
  text_ += formatted;
}

void Composer::add_addresses(std::string_view name, const std::vector<Address>& addresses) {
  if (addresses.empty() || !lacks(name)) return;
  auto complete = addresses;
  for (auto& address : complete) {
    address.mailbox = draft_.complete(address);
    utf8_ = utf8_ || address.mailbox.needs_utf8();
  }
  add_field(name, format_address_field(name, complete));
}

void Composer::add_header() {
  const auto now = options_.date.value_or(std::chrono::system_clock::now());
  add_field("Date", "Date: " + format_date(draft_.date.value_or(now)) + "\r\n");
  add_addresses("From", draft_.from);
  // More than one author needs one who sends (RFC 5322 §3.6.2).
  const bool many = draft_.from.size() > 1 && draft_.sender.empty();
  add_addresses("Sender", many ? std::vector{draft_.from.front()} : draft_.sender);
  add_addresses("Reply-To", draft_.reply_to);
  add_addresses("To", draft_.to);
  add_addresses("Cc", draft_.cc);
  if (draft_.subject) add_field("Subject", format_text_field("Subject", *draft_.subject));
  if (lacks("Message-ID")) {
    const auto id = draft_.message_id.value_or('<' + random_word() + '@' + message_id_host() + '>');
    text_ += "Message-ID: " + id + "\r\n";
  }
  for (const auto& [name, value] : draft_.fields) {
    const bool plain = std::all_of(value.begin(), value.end(),
                                   [](char c) { return (c >= ' ' && c < 0x7f) || c == '\t'; });
    FoldedField field(name);
    plain ? field.plain(value) : field.encoded(value);
    add_field(name, std::move(field).finish());
  }
}

void Composer::add_text_part(std::string_view type, const std::string& text) {
  text_ += "Content-Type: " + std::string(type) + "; charset=utf-8\r\nContent-Transfer-Encoding: ";
  if (is_plain_7bit(text)) {
    text_ += "7bit\r\n\r\n" + text;
  } else if (auto quoted = encode_quoted_printable(text);
             quoted.size() <= base64_lines_size(text.size())) {
    text_ += "quoted-printable\r\n\r\n" + quoted;
  } else {
    text_ += "base64\r\n\r\n";
    append_base64_lines(text, text_);
  }
}

void Composer::add_multipart(std::string_view type, std::string_view boundary) {
  FoldedField field("Content-Type");
  field.word(type);
  field.parameter("boundary", boundary);
  text_ += std::move(field).finish();  // the empty line is that of the first boundary
}

// The line end before a boundary is the boundary's (RFC 2046 §5.1.1), so a text keeps its own end
// exactly.
void Composer::add_boundary(std::string_view boundary, bool last) {
  text_ += "\r\n--" + std::string(boundary) + (last ? "--\r\n" : "\r\n");
}

void Composer::add_texts() {
  if (!draft_.text || !draft_.html) {
    const bool html = draft_.html.has_value();
    return add_text_part(html ? "text/html" : "text/plain",
                         html ? *draft_.html : draft_.text.value_or(""));
  }
  const auto boundary = "=_alternative_" + random_word();
  add_multipart("multipart/alternative", boundary);
  add_boundary(boundary, false);
  add_text_part("text/plain", *draft_.text);
  add_boundary(boundary, false);
  add_text_part("text/html", *draft_.html);
  add_boundary(boundary, true);
}

void Composer::flush() {
  source_->add_text(std::move(text_));
  text_.clear();
}

Result<void> Composer::add_attachment(const Attachment& attachment) {
  const auto parsed = parse_parameterized(attachment.type);
  FoldedField type("Content-Type");
  type.word(parsed.value);
  for (const auto& [name, value] : parsed.parameters) type.parameter(name, value);
  FoldedField disposition("Content-Disposition");
  disposition.word("attachment");
  if (!attachment.name.empty()) disposition.parameter("filename", attachment.name);
  text_ += std::move(type).finish() + "Content-Transfer-Encoding: base64\r\n" +
           std::move(disposition).finish() + "\r\n";
  flush();
  if (!attachment.octets) return source_->add_file(attachment.path);
  source_->add_base64(attachment.octets);
  return {};
}

Result<void> Composer::add_content() {
  text_ += "MIME-Version: 1.0\r\n";
  if (draft_.attachments.empty()) {
    add_texts();
    if (!text_.ends_with("\r\n")) text_ += "\r\n";
    flush();
    return {};
  }
  const auto boundary = "=_mixed_" + random_word();
  add_multipart("multipart/mixed", boundary);
  if (draft_.text || draft_.html) {
    add_boundary(boundary, false);
    add_texts();
  }
  for (const auto& attachment : draft_.attachments) {
    add_boundary(boundary, false);
    if (auto added = add_attachment(attachment); !added) return added.error();
  }
  add_boundary(boundary, true);
  flush();
  return {};
}

Result<std::unique_ptr<MessageSource>> Composer::whole() {
  if (!draft_.raw) {
    if (draft_.from.empty()) return fail(Fault::input, "From", "no author; set one with from()");
    add_header();
    if (auto content = add_content(); !content) return content.error();
    source_->set_8bit(utf8_, utf8_);
    return std::unique_ptr<MessageSource>(std::move(source_));
  }
  const auto& raw = *draft_.raw;
  source_->add_shared(raw.octets, 0, raw.header_end);
  add_header();
  flush();
  source_->add_shared(raw.octets, raw.header_end, std::string::npos);
  source_->set_8bit(utf8_ || raw.is_8bit, utf8_ || raw.needs_utf8);
  return std::unique_ptr<MessageSource>(std::move(source_));
}

}  // namespace

Result<std::unique_ptr<MessageSource>> compose(const Draft& draft, const ComposeOptions& options) {
  if (draft.raw && (draft.text || draft.html || !draft.attachments.empty())) {
    return fail(Fault::input, "raw message",
                "text, html and attachments do not go with a whole message; give one or the other");
  }
  return Composer(draft, options).whole();
}

}  // namespace postroad::mail
