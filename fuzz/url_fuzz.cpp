// Any bytes as a server's URL: refused with an error text, or a host that can be looked up.
#include <cstdint>
#include <string_view>

#include "client/url.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto url = postroad::client::parse_url({reinterpret_cast<const char*>(data), size});
  if (!url) return 0;
  for (const char c : url->host) {
    if (static_cast<unsigned char>(c) <= ' ' || c == '\x7f') __builtin_trap();
  }
  return url->port == 0 ? 1 : 0;
}
