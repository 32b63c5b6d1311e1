// Matches the start of each header line with the field name; see hops.hpp.
#include "mail/header/hops.hpp"

#include "base/text.hpp"

namespace postroad::mail {

namespace {

constexpr std::string_view name = "received:";

}  // namespace

void HopCounter::take(std::string_view bytes) {
  while (!bytes.empty() && !is_in_body_) {
    const char c = bytes.front();
    if (c == '\n') {
      is_in_body_ = at_ == 0;
      at_ = 0;
      is_match_ = true;
    } else if (c != '\r' && at_ < name.size()) {
      is_match_ = is_match_ && to_lower(c) == name[at_];
      if (++at_ == name.size() && is_match_) ++count_;
    } else if (const auto end = bytes.find('\n'); c != '\r' && end > 1) {
      bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end);
      continue;
    }
    bytes.remove_prefix(1);
  }
}

}  // namespace postroad::mail
