// Builds the tree of parts from the events of a MailReader, and answers questions about it; see
// postroad/mail_part.hpp. Not here: finding the parts (mail_reader.cpp).
#include <postroad/mail_part.hpp>

#include <algorithm>

#include <postroad/mail_reader.hpp>

#include "base/text.hpp"
#include "mail/header/fields.hpp"
#include "mail/header/media_type.hpp"
#include "mail/header/parameters.hpp"
#include "mail/header/words.hpp"
#include "mail/mime/charset.hpp"
#include "mail/mime/transfer.hpp"

namespace postroad {

namespace {

// Moves the view `part` of `copy` to the same place in `original`, which has the same bytes.
std::string_view rebase(std::string_view part, std::string_view copy, std::string_view original) {
  return original.substr(static_cast<std::size_t>(part.data() - copy.data()), part.size());
}

class TreeSink final : public PartSink {
 public:
  explicit TreeSink(std::string_view bytes) : bytes_(bytes) {}
  void begin(const PartHead& head) override {
    MailPart* part = &root_;
    if (!open_.empty()) part = &open_.back()->parts.emplace_back();
    open_.push_back(part);
    const auto original = bytes_.substr(head.header_offset, head.header.size());
    part->fields = head.fields;
    for (auto& field : part->fields) {
      for (auto* view : {&field.name, &field.body, &field.whole})
        *view = rebase(*view, head.header, original);
    }
    part->type = head.type;
    part->disposition = head.disposition;
    part->cut = head.cut;
    part->body = bytes_.substr(head.body_offset);
  }
  void body(std::string_view /*bytes*/) override {}
  void end(std::uint64_t offset, bool cut) override {
    auto& part = *open_.back();
    const auto begin = static_cast<std::uint64_t>(part.body.data() - bytes_.data());
    part.body = part.body.substr(0, std::max(offset, begin) - begin);
    part.cut = part.cut || cut;
    open_.pop_back();
  }
  MailPart take() { return std::move(root_); }

 private:
  std::string_view bytes_;
  MailPart root_;
  // The pointers stay valid: the list of a part grows only while none of its parts is open.
  std::vector<MailPart*> open_;
};

}  // namespace

MailPart MailPart::parse(std::string_view bytes, const MailLimits& limits) {
  TreeSink sink(bytes);
  MailReader reader(sink, limits);
  reader.take(bytes);
  reader.finish();
  return sink.take();
}

const HeaderField* MailPart::find(std::string_view name) const noexcept {
  return mail::find_field(fields, name);
}

std::string MailPart::header(std::string_view name) const {
  const auto* field = find(name);
  return field == nullptr ? std::string() : mail::decode_words(mail::repair_utf8(field->value()));
}

std::string MailPart::decoded() const {
  const auto* field = find("Content-Transfer-Encoding");
  const auto encoding =
      field == nullptr ? std::string() : mail::parse_parameterized(field->value()).value;
  if (is_multipart()) return std::string(body);
  if (encoding == "base64") return mail::decode_base64_tolerant(body);
  if (encoding == "quoted-printable") return mail::decode_quoted_printable(body);
  return std::string(body);
}

std::string MailPart::text() const {
  const auto bytes = decoded();
  const auto converted = mail::to_utf8(bytes, type.find("charset"));
  return converted ? *converted : mail::repair_utf8(bytes);
}

std::string MailPart::file_name() const {
  const auto name = disposition.find("filename");
  return std::string(name.empty() ? type.find("name") : name);
}

bool MailPart::is_message() const noexcept { return mail::is_message_type(type.value); }

bool MailPart::is_attachment() const {
  return disposition.value == "attachment" || (disposition.value.empty() && !file_name().empty());
}

const MailPart* MailPart::first(std::string_view wanted) const noexcept {
  if (type.value == wanted && disposition.value != "attachment") return this;
  if (!is_multipart()) return nullptr;
  for (const auto& part : parts) {
    if (const auto* found = part.first(wanted)) return found;
  }
  return nullptr;
}

}  // namespace postroad
