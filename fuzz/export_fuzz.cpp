// Any bytes as the envelope of an exported message: what is accepted can be written and read again,
// and puts no line of its own into a session. Read on in src/daemon/exported_envelope.hpp.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/text.hpp"
#include "daemon/exported_envelope.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

bool is_clean(std::string_view text) {
  return std::none_of(text.begin(), text.end(), postroad::is_control);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto message = postroad::daemon::parse_export(bytes);
  if (!message) return 0;
  require(!message->envelope.recipients.empty());
  require(is_clean(message->envelope.reverse_path));
  for (const auto& one : message->envelope.recipients)
    require(is_clean(one.address) && is_clean(one.parameters) && !one.address.empty());
  const auto again = postroad::daemon::parse_export(postroad::daemon::export_json(*message));
  require(again.has_value());
  require(again->envelope == message->envelope);
  return 0;
}
