// Collects edits while walking the tree of parts and applies them at the end; see recode.hpp.
#include "mail/mime/recode.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include <postroad/mail_part.hpp>

#include "base/text.hpp"
#include "mail/header/fold.hpp"
#include "mail/header/parameters.hpp"

namespace postroad::mail {

namespace {

// A replacement of `length` bytes at offset `at`.
struct Edit {
  std::size_t at;
  std::size_t length;
  std::string text;
};

std::string encoding_of(const MailPart& part) {
  const auto* field = part.find("Content-Transfer-Encoding");
  return field == nullptr ? std::string() : parse_parameterized(field->value()).value;
}

// Whether the parts below `part` begin with the header of a message. null stands for the root,
// which does.
bool is_message(const MailPart* part) noexcept { return part == nullptr || part->is_message(); }

class Recoder final {
 public:
  Recoder(std::string_view bytes, Transfer transfer) : bytes_(bytes), transfer_(transfer) {}
  Result<std::string> whole();
  std::string without_binary();

 private:
  [[nodiscard]] std::string edited();
  void visit(const MailPart& part, const MailPart* above);
  void visit_leaf(const MailPart& part, const MailPart* above);
  void replace_encoding(const MailPart& part, const MailPart* above, std::string_view encoding,
                        std::string fields);
  [[nodiscard]] bool has_empty_line(const MailPart& part, const MailPart* above) const noexcept;
  void gather_boundaries(const MailPart& part);
  [[nodiscard]] bool holds_delimiter(std::string_view encoded) const;
  [[nodiscard]] bool fits(std::string_view text) const noexcept;
  [[nodiscard]] std::size_t offset_of(std::string_view view) const noexcept {
    return static_cast<std::size_t>(view.data() - bytes_.data());
  }

  std::string_view bytes_;
  Transfer transfer_;
  bool only_binary_ = false;             // change only parts that are declared binary
  std::vector<std::string> boundaries_;  // of the whole message
  std::vector<Edit> edits_;
};

bool Recoder::fits(std::string_view text) const noexcept { return traits_of(text).fit(transfer_); }

void Recoder::gather_boundaries(const MailPart& part) {
  if (part.is_multipart()) boundaries_.emplace_back(part.type.find("boundary"));
  for (const auto& below : part.parts) gather_boundaries(below);
}

// Whether a line would be taken for a delimiter: encoding moves line ends, and decoding may have
// revealed such a line.
bool Recoder::holds_delimiter(std::string_view encoded) const {
  for (std::size_t at = 0; at < encoded.size();) {
    auto line = encoded.substr(at, encoded.find('\n', at) - at);
    at += line.size() + 1;
    if (!line.starts_with("--")) continue;
    line.remove_prefix(2);
    if (std::any_of(boundaries_.begin(), boundaries_.end(),
                    [&](const std::string& one) { return line.starts_with(one); }))
      return true;
  }
  return false;
}

// Whether a part without fields has the empty line that separates header and body: at the start of
// a message or after a delimiter.
bool Recoder::has_empty_line(const MailPart& part, const MailPart* above) const noexcept {
  const auto at = offset_of(part.body);
  if (is_message(above)) {
    const auto front = above == nullptr ? 0 : offset_of(above->body);
    return at == front + 2 && bytes_.substr(front, 2) == "\r\n";
  }
  return at >= 4 && bytes_.substr(at - 4, 4) == "\r\n\r\n";
}

// Replaces Content-Transfer-Encoding in the header of the part and appends `fields`.
void Recoder::replace_encoding(const MailPart& part, const MailPart* above,
                               std::string_view encoding, std::string fields) {
  for (const auto& field : part.fields) {
    if (iequals(field.name, "Content-Transfer-Encoding"))
      edits_.push_back({offset_of(field.whole), field.whole.size(), {}});
  }
  fields = "Content-Transfer-Encoding: " + std::string(encoding) + "\r\n" + std::move(fields);
  std::size_t at = offset_of(part.body);
  if (!part.fields.empty()) {
    const auto& last = part.fields.back().whole;
    at = offset_of(last) + last.size();
    if (!last.ends_with('\n')) fields = "\r\n" + fields;
  } else if (has_empty_line(part, above)) {
    at -= 2;
  }
  // The header ended at a line that is not a field, so there is no empty line yet.
  if (at == offset_of(part.body)) fields += "\r\n";
  edits_.push_back({at, 0, std::move(fields)});
}

void Recoder::visit_leaf(const MailPart& part, const MailPart* above) {
  const bool binary = encoding_of(part) == "binary";
  const bool stays = only_binary_ ? !binary || find_bare_line_end(part.body) == std::string::npos
                                  : fits(part.body);
  if (stays) return;
  // Line ends of text may be changed only if they are visible: base64 may contain UTF-16.
  const bool text = part.type.value.starts_with("text/") && encoding_of(part) != "base64";
  auto decoded = part.decoded();
  if (text) decoded = with_crlf(std::move(decoded));
  auto encoded = text ? encode_quoted_printable(decoded) : std::string();
  const bool quoted =
      text && encoded.size() <= base64_lines_size(decoded.size()) && !holds_delimiter(encoded);
  if (!quoted) {
    encoded.clear();
    append_base64_lines(decoded, encoded);
  }
  std::string fields;
  if (is_message(above) && part.find("MIME-Version") == nullptr) fields += "MIME-Version: 1.0\r\n";
  if (part.find("Content-Type") == nullptr && is_utf8(decoded))
    fields += "Content-Type: text/plain; charset=utf-8\r\n";
  replace_encoding(part, above, quoted ? "quoted-printable" : "base64", std::move(fields));
  edits_.push_back({offset_of(part.body), part.body.size(), std::move(encoded)});
}

void Recoder::visit(const MailPart& part, const MailPart* above) {
  if (part.parts.empty()) {
    // A multipart or a message may not be encoded as a whole (RFC 2045 §6.4).
    if (!part.is_multipart() && !is_message(&part)) visit_leaf(part, above);
    return;
  }
  const auto encoding = encoding_of(part);
  const bool seven = transfer_ == Transfer::seven_bit;
  const bool declares =
      (encoding == "8bit" && seven) || (encoding == "binary" && transfer_ != Transfer::binary);
  if (declares) replace_encoding(part, above, seven ? "7bit" : "8bit", {});
  const auto before = static_cast<std::ptrdiff_t>(edits_.size());
  for (const auto& below : part.parts) visit(below, &part);
  // The header ended without an empty line, at the first line of the message inside.
  const auto* last = part.fields.empty() ? nullptr : &part.fields.back().whole;
  const bool is_open = last == nullptr ? !has_empty_line(part, above)
                                       : offset_of(*last) + last->size() == offset_of(part.body);
  const bool changed = edits_.size() > static_cast<std::size_t>(before);
  if (is_message(&part) && is_open && changed && !declares)
    edits_.insert(edits_.begin() + before, {offset_of(part.body), 0, "\r\n"});
}

bool is_signed(const MailPart& part) {
  if (part.type.value == "multipart/signed" || part.type.value == "multipart/encrypted")
    return true;
  return std::any_of(part.parts.begin(), part.parts.end(), is_signed);
}

// "line 3": the number of the line where `where` begins, plus `more`.
std::string line_of(std::string_view bytes, std::string_view where, std::size_t more) {
  const auto before = bytes.substr(0, static_cast<std::size_t>(where.data() - bytes.data()));
  const auto lines = std::count(before.begin(), before.end(), '\n');
  return "line " + std::to_string(static_cast<std::size_t>(lines) + 1 + more);
}

// The first error in the headers of this part and the parts below it.
std::optional<Error> find_header_error(std::string_view bytes, const MailPart& part, bool ascii) {
  for (const auto& field : part.fields) {
    const auto traits = traits_of(field.whole);
    const auto name = [&] { return "the field " + printable(field.name, 80); };
    if (traits.long_line != 0)
      return fail(Fault::input, line_of(bytes, field.whole, traits.long_line - 1),
                  name() + " has a line over 998 bytes (RFC 5321 §4.5.3.1.6); fold it at spaces");
    if (traits.has_nul)
      return fail(Fault::input, line_of(bytes, field.whole, 0),
                  name() + " contains a NUL, which no server accepts; remove it");
    if (ascii && traits.is_8bit)
      return fail(
          Fault::unsupported, line_of(bytes, field.whole, 0),
          name() + " contains bytes outside ASCII, which only a server with SMTPUTF8 accepts");
  }
  for (const auto& below : part.parts) {
    if (auto error = find_header_error(bytes, below, ascii)) return error;
  }
  return std::nullopt;
}

Result<std::string> Recoder::whole() {
  if (fits(bytes_)) return std::string(bytes_);
  const auto root = MailPart::parse(bytes_);
  if (auto error = find_header_error(bytes_, root, transfer_ == Transfer::seven_bit))
    return std::move(*error);
  if (root.find("DKIM-Signature") != nullptr || is_signed(root))
    return fail(Fault::unsupported, "the message",
                "it is signed and contains bytes or lines that this server does not accept; "
                "encode it as quoted-printable or base64 before signing");
  gather_boundaries(root);
  visit(root, nullptr);
  auto out = edited();
  if (!fits(out))
    return fail(Fault::unsupported, "the message",
                "bytes or lines between its parts are not accepted by this server; remove them");
  return out;
}

std::string Recoder::without_binary() {
  only_binary_ = true;
  visit(MailPart::parse(bytes_), nullptr);
  return edited();
}

std::string Recoder::edited() {
  std::stable_sort(edits_.begin(), edits_.end(),
                   [](const Edit& a, const Edit& b) { return a.at < b.at; });
  std::string out;
  std::size_t at = 0;
  for (const auto& edit : edits_) {
    out += bytes_.substr(at, edit.at - at);
    out += edit.text;
    at = edit.at + edit.length;
  }
  out += bytes_.substr(at);
  return out;
}

}  // namespace

Traits traits_of(std::string_view bytes) noexcept {
  constexpr std::size_t most = 998;
  Traits traits;
  traits.is_8bit = std::any_of(bytes.begin(), bytes.end(), is_8bit);
  traits.has_nul = bytes.find('\0') != std::string_view::npos;
  std::size_t number = 0;
  while (!bytes.empty() && traits.long_line == 0) {
    ++number;
    const auto lf = bytes.find('\n');
    auto line = bytes.substr(0, lf);
    bytes.remove_prefix(lf == std::string_view::npos ? bytes.size() : lf + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() > most) traits.long_line = number;
  }
  return traits;
}

Result<std::string> recode(std::string_view bytes, Transfer transfer) {
  return Recoder(bytes, transfer).whole();
}

std::string encode_binary_parts(std::string_view bytes) {
  return Recoder(bytes, Transfer::eight_bit).without_binary();
}

}  // namespace postroad::mail
