// Headers and bodies of parts; see entity_writer.hpp.
#include "mail/mime/entity_writer.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "mail/header/fold.hpp"
#include "mail/mime/recode.hpp"

namespace postroad::mail {

namespace {

// "multipart/alternative" → "alternative".
std::string_view subtype_of(const Entity& entity) {
  return std::string_view(entity.type).substr(entity.type.find('/') + 1);
}

Error too_long(std::string where, std::size_t line) {
  return fail(
      Fault::input, std::move(where),
      "line " + std::to_string(line) +
          " is longer than 998 bytes (RFC 5321 §4.5.3.1.6); a signed part is not changed, so "
          "encode it before signing");
}

}  // namespace

std::string_view encoding_of_text(std::string_view text, Transfer transfer) {
  if (is_plain_7bit(text)) return "7bit";
  if (transfer != Transfer::seven_bit && is_plain_8bit(text)) return "8bit";
  // Soft line breaks add at most 3 bytes to 72, so the exact size is rarely needed.
  const auto most = base64_lines_size(text.size());
  const auto least = quoted_printable_size(text);
  if (least > most) return "base64";
  const bool surely = least + least / 24 <= most;
  return surely || encode_quoted_printable(text).size() <= most ? "quoted-printable" : "base64";
}

void EntityWriter::add_head(const Entity& entity, std::string_view encoding,
                            std::string_view boundary) {
  FoldedField type("Content-Type");
  type.word(entity.type);
  if (entity.kind == EntityKind::text) type.parameter("charset", "utf-8");
  for (const auto& [name, value] : entity.parameters) type.parameter(name, value);
  if (!boundary.empty()) type.parameter("boundary", boundary);
  text_ += std::move(type).finish();
  if (!encoding.empty()) {
    text_ += "Content-Transfer-Encoding: ";
    text_ += encoding;
    text_ += "\r\n";
  }
  if (!entity.content_id.empty()) text_ += "Content-ID: <" + entity.content_id + ">\r\n";
  if (!entity.disposition.empty()) {
    FoldedField disposition("Content-Disposition");
    disposition.word(entity.disposition);
    if (!entity.file_name.empty()) disposition.parameter("filename", entity.file_name);
    text_ += std::move(disposition).finish();
  }
  for (const auto& [name, value] : entity.fields) text_ += format_text_field(name, value);
  // A multipart needs no empty line here: its first delimiter begins with a line end.
  if (boundary.empty()) text_ += "\r\n";
}

void EntityWriter::flush() {
  if (text_.empty()) return;
  ends_line_ = text_.ends_with("\r\n");
  source_.add_text(std::move(text_));
  text_.clear();
}

void EntityWriter::finish() {
  if (!(text_.empty() ? ends_line_ : text_.ends_with("\r\n"))) text_ += "\r\n";
  flush();
}

void EntityWriter::add_text_body(const Entity& entity) {
  const auto& text = *entity.bytes;
  const auto encoding = encoding_of_text(text, transfer_);
  add_head(entity, encoding, {});
  if (encoding == "quoted-printable") {
    text_ += encode_quoted_printable(text);
  } else if (encoding == "base64") {
    append_base64_lines(text, text_);
  } else {
    is_8bit_ = is_8bit_ || encoding == "8bit";
    text_ += text;
  }
}

Result<void> EntityWriter::add_bytes(const Entity& entity) {
  const bool binary = transfer_ == Transfer::binary;
  add_head(entity, binary ? "binary" : "base64", {});
  flush();
  is_binary_ = is_binary_ || binary;
  ends_line_ = !binary;
  const auto form = binary ? SegmentForm::plain : SegmentForm::base64;
  if (entity.kind == EntityKind::file) return source_.add_file(entity.path, form);
  if (entity.kind == EntityKind::stream) return source_.add_stream(entity.open, entity.size, form);
  source_.add_bytes(entity.bytes, form);
  return {};
}

// The line end before a delimiter belongs to the delimiter (RFC 2046 §5.1.1), so each part keeps
// its exact end.
Result<void> EntityWriter::add_multipart(const Entity& entity) {
  const auto boundary = "=_" + std::string(subtype_of(entity).substr(0, 20)) + '_' + random_word_();
  add_head(entity, {}, boundary);
  for (const auto& part : entity.parts) {
    text_ += "\r\n--" + boundary + "\r\n";
    if (auto added = add(part); !added) return added.error();
  }
  text_ += "\r\n--" + boundary + "--\r\n";
  return {};
}

// A message may not be encoded as a whole (RFC 2046 §5.2.1), so its own parts are encoded.
Result<void> EntityWriter::add_message(const Entity& entity) {
  auto bytes = entity.bytes;
  // The part declares 7bit or 8bit, never binary.
  const auto transfer = std::min(transfer_, Transfer::eight_bit);
  if (!traits_of(*bytes).fit(transfer)) {
    auto recoded = recode(*bytes, transfer);
    if (!recoded) return recoded.error();
    bytes = std::make_shared<const std::string>(std::move(*recoded));
  }
  const bool is_8bit = transfer_ != Transfer::seven_bit && traits_of(*bytes).is_8bit;
  is_8bit_ = is_8bit_ || is_8bit;
  add_head(entity, is_8bit ? "8bit" : "7bit", {});
  flush();
  source_.add_bytes(bytes, SegmentForm::plain);
  ends_line_ = bytes->ends_with("\r\n");
  return {};
}

Result<void> EntityWriter::add_raw(const Entity& entity) {
  const auto traits = traits_of(*entity.bytes);
  if (traits.long_line != 0) return too_long("raw part", traits.long_line);
  if (traits.has_nul)
    return fail(Fault::input, "raw part",
                "contains a NUL; a signed part is not changed, so encode it before signing");
  is_8bit_ = is_8bit_ || traits.is_8bit;
  flush();
  source_.add_bytes(entity.bytes, SegmentForm::plain);
  ends_line_ = entity.bytes->ends_with("\r\n");
  return {};
}

Result<void> EntityWriter::add(const Entity& entity) {
  if (entity.error) return *entity.error;
  switch (entity.kind) {
    case EntityKind::text:
      add_text_body(entity);
      return {};
    case EntityKind::multipart:
      return add_multipart(entity);
    case EntityKind::message:
      return add_message(entity);
    case EntityKind::raw:
      return add_raw(entity);
    default:
      return add_bytes(entity);
  }
}

}  // namespace postroad::mail
