// Reply parser: any bytes give the same replies and the same error in any chunking, within the
// limits; a reply that is written is read back the same, and is printed without control characters.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "proto/smtp/capabilities.hpp"
#include "proto/smtp/reply.hpp"

namespace {

using namespace postroad;
using namespace postroad::smtp;

constexpr ReplyLimits limits{.line = 100, .lines = 8, .total = 400};

struct Parsed {
  std::vector<Reply> replies;
  bool broken = false;
};

Parsed parse(std::string_view bytes, std::size_t piece) {
  ReplyParser parser(limits);
  Parsed parsed;
  while (!bytes.empty() && !parsed.broken) {
    auto input = bytes.substr(0, piece);
    bytes.remove_prefix(input.size());
    while (!input.empty() && !parsed.broken) {
      auto reply = parser.parse(input);
      parsed.broken = !reply;
      if (reply && *reply) parsed.replies.push_back(std::move(**reply));
    }
  }
  return parsed;
}

void check(const Reply& reply) {
  if (reply.code < 200 || reply.code > 599 || reply.text.size() > limits.total) std::abort();
  for (const char c : reply.one_line()) {
    if (is_control(c)) std::abort();
  }
  (void)parse_capabilities(reply);
  std::string written;
  format(reply, written);
  ReplyParser parser;
  std::string_view input = written;
  const auto again = parser.parse(input);
  if (!again || !*again || !input.empty() || (*again)->code != reply.code) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = parse(bytes, bytes.size() + 1);
  const auto cut = parse(bytes, 1 + data[0] % 16);
  if (whole.replies != cut.replies || whole.broken != cut.broken) std::abort();
  for (const auto& reply : whole.replies) check(reply);
  return 0;
}
