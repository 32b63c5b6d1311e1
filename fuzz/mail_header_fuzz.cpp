// Header parsers and lint over any bytes: decoded text is UTF-8 without line ends; the fields are
// adjacent; lint reports only lines that exist. Read on in src/mail/header/fields.hpp, words.hpp,
// parameters.hpp, date.hpp and src/mail/lint/lint.hpp.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/text.hpp"
#include "mail/address/idn.hpp"
#include "mail/address/mailbox.hpp"
#include "mail/header/date.hpp"
#include "mail/header/fields.hpp"
#include "mail/header/parameters.hpp"
#include "mail/header/words.hpp"
#include "mail/html/html_references.hpp"
#include "mail/html/html_text.hpp"
#include "mail/lint/lint.hpp"
#include "mail/mime/flowed.hpp"

namespace {

using namespace postroad;

bool is_displayable(std::string_view text) {
  return is_utf8(text) && std::none_of(text.begin(), text.end(), is_line_breaker);
}

void check_fields(std::string_view bytes) {
  const auto block = mail::split_fields(bytes);
  std::size_t at = 0;
  for (const auto& field : block.fields) {
    if (field.whole.data() != bytes.data() + at || !mail::is_field_name(field.name)) std::abort();
    at += field.whole.size();
    const auto value = field.value();
    if (std::any_of(value.begin(), value.end(), is_line_breaker)) std::abort();
  }
  if (at != block.end || block.body < at || block.body > bytes.size()) std::abort();
}

void check_words(std::string_view text) {
  if (is_utf8(text) && !is_displayable(mail::decode_words(text))) std::abort();
  const auto value = mail::parse_parameterized(text);
  if (value.parameters.size() > mail::max_parameters) std::abort();
  for (const auto& [name, parameter] : value.parameters) {
    if (!is_displayable(parameter)) std::abort();
  }
}

void check_date(std::string_view text) {
  const auto date = mail::parse_date(text);
  if (date && mail::is_date(*date) && mail::parse_date(mail::format_date(*date)) != date)
    std::abort();
}

void check_domain(std::string_view text) {
  const auto ascii = mail::to_ascii_domain(text);
  const bool foreign = std::any_of(text.begin(), text.end(), is_8bit);
  if (ascii && foreign && !mail::is_domain(*ascii)) std::abort();
  (void)mail::to_unicode_domain(text);
}

void check_texts(std::string_view text) {
  const bool utf8 = is_utf8(text);
  if (utf8 && !is_utf8(mail::html_to_text(text))) std::abort();
  (void)mail::replace_references(text, [](std::string_view) { return std::string("cid:x"); });
  const auto flowed = mail::flow(text);
  if (utf8 && !is_utf8(flowed)) std::abort();
  (void)mail::unflow(text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_fields(text);
  check_words(text);
  check_date(text);
  check_domain(text);
  check_texts(text);
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  for (const auto& finding : mail::lint(text)) {
    if (finding.line > lines || finding.why.empty() || finding.remedy.empty()) std::abort();
  }
  return 0;
}
