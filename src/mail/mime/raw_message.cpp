// Removes Bcc, reads the envelope from the header; see raw_message.hpp.
#include "mail/mime/raw_message.hpp"

#include "base/text.hpp"
#include "mail/header/fields.hpp"
#include "mail/mime/recode.hpp"
#include "mail/mime/transfer.hpp"

namespace postroad::mail {

namespace {

bool is_hidden(std::string_view name) noexcept {
  return iequals(name, "Bcc") || iequals(name, "Resent-Bcc");
}

// The fields of the newest Resent block. Blocks are prepended, so it is the first one. It ends
// where a field repeats that a block may contain only once.
std::vector<HeaderField> newest_resent(const std::vector<HeaderField>& fields) {
  std::vector<HeaderField> block;
  std::vector<std::string> seen;
  for (const auto& field : fields) {
    if (!istarts_with(field.name, "Resent-")) continue;
    auto name = lower(field.name);
    const bool once = name == "resent-date" || name == "resent-from" || name == "resent-sender" ||
                      name == "resent-message-id";
    if (once && std::find(seen.begin(), seen.end(), name) != seen.end()) break;
    if (once) seen.push_back(std::move(name));
    block.push_back(field);
  }
  return block;
}

void gather(RawMessage& message, std::vector<Address>& into, const std::vector<HeaderField>& fields,
            std::string_view name) {
  for (const auto& field : fields) {
    if (!iequals(field.name, name)) continue;
    auto list = parse_address_list(field.value(), {.unqualified = true});
    if (list) {
      into.insert(into.end(), list->begin(), list->end());
    } else if (!message.address_error) {
      message.address_error = list.error();
      message.address_error->where = std::string(name) + " \"" + list.error().where + '"';
    }
  }
}

void gather_envelope(RawMessage& message, const std::vector<HeaderField>& fields) {
  const auto resent = newest_resent(fields);
  const std::string prefix = resent.empty() ? "" : "Resent-";
  const auto& source = resent.empty() ? fields : resent;
  gather(message, message.reverse, source, prefix + "Sender");
  gather(message, message.reverse, source, prefix + "From");
  for (const auto* name : {"To", "Cc", "Bcc"})
    gather(message, message.recipients, source, prefix + name);
}

// Whether there is a Bcc between the malformed line that ended the header and the first empty line.
bool has_stray_bcc(std::string_view text) {
  while (!text.empty() && !text.starts_with("\r\n")) {
    const auto line = text.substr(0, text.find("\r\n"));
    if (is_hidden(trim(line.substr(0, line.find(':')))) && line.find(':') != std::string_view::npos)
      return true;
    text.remove_prefix(std::min(text.size(), line.size() + 2));
  }
  return false;
}

std::optional<Error> find_error(const std::string& input, const FieldBlock& block,
                                std::string_view body) {
  if (input.find('\0') < block.end) {
    return fail(Fault::input, "raw message",
                "the header contains a NUL, which no server accepts; remove it");
  }
  if (block.complete || block.fields.empty() || !has_stray_bcc(body)) return std::nullopt;
  return fail(Fault::input, "raw message",
              "a header line before Bcc is not a field; correct the line " +
                  printable(body.substr(0, body.find("\r\n")), 80));
}

std::string drop_mbox_line(std::string bytes) {
  if (!bytes.starts_with("From ")) return bytes;
  const auto end = bytes.find("\r\n");
  return end == std::string::npos ? std::string() : bytes.substr(end + 2);
}

}  // namespace

bool RawMessage::has(std::string_view lower_name) const noexcept {
  return std::find(names.begin(), names.end(), lower_name) != names.end();
}

Result<RawMessage> prepare_raw(std::string bytes) {
  const auto input = drop_mbox_line(with_crlf(std::move(bytes)));
  const auto block = split_fields(input, std::string::npos);
  const auto body = std::string_view(input).substr(block.body);
  if (auto error = find_error(input, block, body)) return std::move(*error);
  RawMessage message;
  std::string kept;
  kept.reserve(input.size() + 4);
  for (const auto& field : block.fields) {
    if (is_hidden(field.name)) continue;
    kept += field.whole;
    message.names.push_back(lower(field.name));
  }
  if (!kept.empty() && !kept.ends_with('\n')) kept += "\r\n";
  message.header_end = kept.size();
  message.needs_utf8 = std::any_of(kept.begin(), kept.end(), is_8bit) && is_utf8(kept);
  kept += "\r\n";
  kept += body;
  if (!kept.ends_with("\r\n")) kept += "\r\n";
  message.traits = traits_of(kept);
  gather_envelope(message, block.fields);
  message.bytes = std::make_shared<const std::string>(std::move(kept));
  return message;
}

}  // namespace postroad::mail
