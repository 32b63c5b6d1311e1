// Questions to a part; see part.hpp.
#include "mail/part.hpp"

#include "base/text.hpp"
#include "mail/charset.hpp"
#include "mail/transfer.hpp"
#include "mail/words.hpp"

namespace postroad::mail {

const Field* Part::find(std::string_view name) const noexcept { return find_field(fields, name); }

std::string Part::header(std::string_view name) const {
  const auto* field = find(name);
  return field == nullptr ? std::string() : decode_words(repair_utf8(field->value()));
}

std::string Part::decoded() const {
  const auto* field = find("Content-Transfer-Encoding");
  const auto encoding =
      field == nullptr ? std::string() : parse_parameterized(field->value()).value;
  if (is_multipart()) return std::string(body);
  if (encoding == "base64") return decode_base64_tolerant(body);
  if (encoding == "quoted-printable") return decode_quoted_printable(body);
  return std::string(body);
}

std::string Part::text() const {
  const auto octets = decoded();
  const auto converted = to_utf8(octets, type.find("charset"));
  return converted ? *converted : repair_utf8(octets);
}

std::string Part::file_name() const {
  const auto name = disposition.find("filename");
  return std::string(name.empty() ? type.find("name") : name);
}

bool Part::is_attachment() const {
  return disposition.value == "attachment" || (disposition.value.empty() && !file_name().empty());
}

const Part* Part::first(std::string_view wanted) const noexcept {
  if (type.value == wanted && disposition.value != "attachment") return this;
  if (!is_multipart()) return nullptr;
  for (const auto& part : parts) {
    if (const auto* found = part.first(wanted)) return found;
  }
  return nullptr;
}

}  // namespace postroad::mail
