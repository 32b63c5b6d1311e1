// Any bytes as an address list: a parsed list is written as one field and parses to the same
// mailboxes again. Read on in include/postroad/address.hpp.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <postroad/address.hpp>

#include "mail/header/fields.hpp"
#include "mail/header/fold.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postroad;
  using namespace postroad::mail;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto list = parse_address_list(text, {.unqualified = size % 2 == 0});
  if (!list) return list.error().detail.empty() ? std::abort(), 0 : 0;
  const auto written = format_address_field("To", *list);
  const auto block = split_fields(written);
  if (block.fields.size() != 1 || block.end != written.size()) std::abort();
  const auto again = parse_address_list(block.fields.front().value(), {.unqualified = true});
  if (!again || again->size() != list->size()) std::abort();
  for (std::size_t i = 0; i < list->size(); ++i) {
    if (!((*again)[i].mailbox == (*list)[i].mailbox)) std::abort();
  }
  return 0;
}
