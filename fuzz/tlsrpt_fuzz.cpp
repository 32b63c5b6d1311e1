// Any bytes as a record that asks for reports, as a mailto URI, and as lines that keep counts. Read
// on in src/relay/tlsrpt/policy_record.hpp, src/relay/tlsrpt/counts.hpp.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "relay/tlsrpt/counts.hpp"
#include "relay/tlsrpt/policy_record.hpp"

namespace {

using namespace postroad;
using namespace postroad::relay::tlsrpt;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_address(const std::string& uri) {
  const auto address = address_of(uri);
  if (!address) return;
  require(address->find('@') != std::string::npos);
  require(address->find_first_of("\r\n") == std::string::npos);
}

void check_lines(const std::string& text) {
  Counts counts;
  counts.take(text);
  Counts again;
  again.take(counts.lines());
  require(again.lines() == counts.lines());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const auto uris = report_uris({bytes}).uris;
  require(uris.size() <= 5);
  for (const auto& uri : uris) {
    require(uri.starts_with("mailto:") || uri.starts_with("https://"));
    check_address(uri);
  }
  check_address("mailto:" + bytes);
  check_lines(bytes);
  return 0;
}
