// Any bytes as the data of a DNS record: nothing is read outside the input, and what a parser
// accepts has the form that it promises. The first byte chooses the type. Read on in
// src/dns/records.hpp, src/dns/names.hpp.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "dns/names.hpp"
#include "dns/records.hpp"

namespace {

using namespace postroad::dns;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_shown_name(const std::string& name) {
  require(!name.empty());
  for (const char c : name) require(c > 0x20 && c < 0x7f);
  if (postroad::dns::check_name(name)) require(name.find('\\') == std::string::npos);
}

void check_record(std::uint8_t type, std::string_view data) {
  switch (type % 6) {
    case 0:
      require(parse_a(data).has_value() == (data.size() == 4));
      break;
    case 1:
      require(parse_aaaa(data).has_value() == (data.size() == 16));
      break;
    case 2:
      if (const auto mx = parse_mx(data)) check_shown_name(mx->exchange);
      break;
    case 3:
      if (const auto tlsa = parse_tlsa(data)) require(tlsa->data.size() + 3 == data.size());
      break;
    case 4:
      if (const auto text = parse_txt(data)) require(text->size() < data.size());
      break;
    default:
      if (const auto name = parse_ptr(data)) check_shown_name(*name);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  check_record(data[0], bytes);
  (void)check_name(bytes);
  (void)has_signature(bytes);
  auto rest = bytes;
  const auto name = take_name(rest);
  require(!name || (rest.size() < bytes.size() && name->size() <= 4 * 255));
  return 0;
}
