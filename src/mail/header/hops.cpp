// See hops.hpp.
#include "mail/header/hops.hpp"

#include "base/text.hpp"

namespace postroad::mail {

namespace {

constexpr std::string_view name = "received:";

char small(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

void HopCounter::take(std::string_view octets) {
  while (!octets.empty() && !is_over_) {
    const char c = octets.front();
    if (c == '\n') {
      is_over_ = at_ == 0;
      at_ = 0;
      is_like_ = true;
    } else if (c != '\r' && at_ < name.size()) {
      is_like_ = is_like_ && small(c) == name[at_];
      if (++at_ == name.size() && is_like_) ++count_;
    } else if (const auto end = octets.find('\n'); c != '\r' && end > 1) {
      octets.remove_prefix(end == std::string_view::npos ? octets.size() : end);
      continue;
    }
    octets.remove_prefix(1);
  }
}

}  // namespace postroad::mail
