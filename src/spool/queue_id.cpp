// The text form of a queue id: Crockford's base 32 without check character, most significant digit
// first. See spool.hpp.
#include "spool/spool.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace postroad::spool {

namespace {

constexpr std::string_view alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t max_length = 13;  // 64 bits in groups of five

}  // namespace

std::string QueueId::text() const {
  std::string out;
  for (auto rest = value; rest != 0 || out.empty(); rest >>= 5) out += alphabet[rest & 31];
  std::reverse(out.begin(), out.end());
  return out;
}

Result<QueueId> QueueId::parse(std::string_view text) {
  const auto invalid = [&] {
    return fail(Fault::input, "queue id '" + printable(text, 40) + "'",
                "not a queue id: one has 1 to 13 characters of 0-9 and A-Z without I, L, O and U");
  };
  if (text.empty() || text.size() > max_length) return invalid();
  QueueId id;
  for (const char c : text) {
    const auto digit = alphabet.find(to_upper(c));
    if (digit == std::string_view::npos || (id.value >> 59) != 0) return invalid();
    id.value = id.value << 5 | digit;
  }
  return id;
}

}  // namespace postroad::spool
