// Any bytes as a path, parameters and xtext: an accepted path has no control character and parses
// to the same value when it is written again; a refused one has a reason. The first byte selects
// the rules. Read on in src/proto/smtp/path.hpp.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/text.hpp"
#include "proto/smtp/path.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postroad;
  using namespace postroad::smtp;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);

  if (const auto decoded = decode_xtext(bytes);
      decoded && decode_xtext(encode_xtext(*decoded)) != decoded)
    std::abort();
  if (decode_xtext(encode_xtext(bytes)) != bytes) std::abort();

  auto rest = bytes;
  const auto path = eat_path(rest, {.bare = data[0] % 2 == 1, .null = data[0] % 4 >= 2});
  if (!path) {
    if (path.error().detail.empty()) std::abort();
    return 0;
  }
  if (const auto parameters = parse_parameters(rest, 4)) {
    if (parameters->size() > 4) std::abort();
    for (const auto& parameter : *parameters) {
      for (const char c : parameter.keyword) {
        if (!is_alnum(c) && c != '-') std::abort();
      }
    }
  }
  const auto text = '<' + path->text() + '>';
  for (const char c : text) {
    if (is_control(c)) std::abort();
  }
  std::string_view again_text = text;
  const auto again = eat_path(again_text, {.bare = false, .null = true});
  if (!again || !(*again == *path) || !again_text.empty()) std::abort();
  return 0;
}
