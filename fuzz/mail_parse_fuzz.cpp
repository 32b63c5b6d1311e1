// Any bytes as a message: it is parsed, every part is decoded, and it is prepared as a raw message,
// which then has no Bcc. Read on in include/postroad/mail_part.hpp and
// src/mail/mime/raw_message.hpp.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <postroad/mail_part.hpp>

#include "base/text.hpp"
#include "mail/header/fields.hpp"
#include "mail/header/hops.hpp"
#include "mail/mime/raw_message.hpp"

namespace {

using namespace postroad;

void visit(const MailPart& part) {
  for (const auto& field : part.fields) {
    const auto value = field.value();
    if (std::any_of(value.begin(), value.end(), is_line_breaker)) std::abort();
    if (std::string(part.header(field.name)).find('\n') != std::string::npos) std::abort();
  }
  if (!is_utf8(part.text()) || part.file_name().find('\n') != std::string::npos) std::abort();
  (void)part.is_attachment();
  (void)part.first("text/html");
  for (const auto& inner : part.parts) visit(inner);
}

void check_raw(std::string_view bytes) {
  const auto raw = mail::prepare_raw(std::string(bytes));
  if (!raw) return;
  const auto block = mail::split_fields(*raw->bytes);
  if (block.find("Bcc") != nullptr || block.find("Resent-Bcc") != nullptr) std::abort();
  if (block.end != raw->header_end || block.fields.size() != raw->names.size()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  visit(MailPart::parse(bytes));
  mail::HopCounter hops;
  hops.take(bytes);
  check_raw(bytes);
  return 0;
}
