// Any message encoded for a server that accepts less: the result fits, has the same parts with the
// same content, and does not change the second time; encoded binary parts keep their content. Read
// on in src/mail/mime/recode.hpp.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <postroad/mail_part.hpp>

#include "mail/mime/recode.hpp"

namespace {

using namespace postroad;
using namespace postroad::mail;

void compare(const MailPart& before, const MailPart& after) {
  if (before.type.value != after.type.value) std::abort();
  if (before.parts.size() != after.parts.size()) std::abort();
  for (std::size_t i = 0; i < before.parts.size(); ++i) compare(before.parts[i], after.parts[i]);
  if (!before.parts.empty() || before.is_multipart()) return;
  if (with_crlf(before.text()) != with_crlf(after.text())) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string raw(reinterpret_cast<const char*>(data), size);
  compare(MailPart::parse(raw), MailPart::parse(encode_binary_parts(raw)));
  const auto bytes = with_crlf(raw);
  for (const auto transfer : {Transfer::seven_bit, Transfer::eight_bit}) {
    const auto out = recode(bytes, transfer);
    if (!out) continue;
    const auto traits = traits_of(*out);
    if (traits.long_line != 0 || (traits.is_8bit && transfer == Transfer::seven_bit)) std::abort();
    compare(MailPart::parse(bytes), MailPart::parse(*out));
    const auto twice = recode(*out, transfer);
    if (!twice || *twice != *out) std::abort();
  }
  return 0;
}
