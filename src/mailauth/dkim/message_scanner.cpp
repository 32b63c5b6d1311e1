// The header's end; see intake.hpp.
#include "mailauth/dkim/message_scanner.hpp"

namespace postroad::dkim {

bool MessageScanner::take(std::string_view& octets) {
  constexpr std::string_view end = "\r\n\r\n";
  if (too_long_) octets = {};
  if (over_) return true;
  const auto had = header_.size();
  header_ += octets.substr(0, max_header + end.size() - had);
  const bool at_once = header_.starts_with("\r\n");  // no field at all
  const auto found = at_once ? 0 : header_.find(end, scanned_ < 3 ? 0 : scanned_ - 3);
  if (found != std::string::npos) {
    const auto fields = at_once ? 0 : found + 2;
    octets.remove_prefix(fields + 2 - had);
    header_.resize(fields);
    over_ = true;
  } else if (header_.size() >= max_header + end.size()) {
    too_long_ = true;
    over_ = true;
    octets = {};
  } else {
    scanned_ = header_.size();
    octets = {};
  }
  return over_;
}

}  // namespace postroad::dkim
