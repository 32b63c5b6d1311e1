// Finds the end of the header; see message_scanner.hpp.
#include "mailauth/dkim/message_scanner.hpp"

namespace postroad::dkim {

bool MessageScanner::take(std::string_view& bytes) {
  constexpr std::string_view end = "\r\n\r\n";
  if (too_long_) bytes = {};
  if (over_) return true;
  const auto had = header_.size();
  header_ += bytes.substr(0, max_header + end.size() - had);
  const bool is_empty = header_.starts_with("\r\n");  // no fields
  const auto found = is_empty ? 0 : header_.find(end, scanned_ < 3 ? 0 : scanned_ - 3);
  if (found != std::string::npos) {
    const auto fields = is_empty ? 0 : found + 2;
    bytes.remove_prefix(fields + 2 - had);
    header_.resize(fields);
    over_ = true;
  } else if (header_.size() >= max_header + end.size()) {
    too_long_ = true;
    over_ = true;
    bytes = {};
  } else {
    scanned_ = header_.size();
    bytes = {};
  }
  return over_;
}

}  // namespace postroad::dkim
