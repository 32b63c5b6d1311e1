// The header's end found line by line; see missing_fields.hpp.
#include "mail/header/missing_fields.hpp"

#include <utility>

#include "base/text.hpp"

namespace postroad::mail {

namespace {

constexpr std::size_t longest_name = 256;  // of a field: a longer start is no field

}  // namespace

void MissingFields::end_header(std::string& out, bool needs_empty_line) {
  out += date_;
  out += message_id_;
  if (needs_empty_line) out += "\r\n";
  out += start_;
  start_.clear();
  done_ = true;
}

// Looks at the start of a line; true when it is known what it is and has gone on.
bool MissingFields::begin_line(std::string& out) {
  if (start_ == "\r") return false;
  if (start_.starts_with("\r\n")) {
    end_header(out, false);
    return true;
  }
  const bool continues = any_field_ && (start_.front() == ' ' || start_.front() == '\t');
  const auto end = start_.find_first_of(":\r\n");
  if (!continues && end == std::string::npos && start_.size() < longest_name) return false;
  // Blanks before the colon are obsolete and allowed (RFC 5322 §4.5).
  const auto name = trim(std::string_view(start_).substr(0, std::min(end, start_.size())));
  const bool is_field = end != std::string::npos && start_[end] == ':' && !name.empty() &&
                        name.find_first_of(" \t") == std::string_view::npos;
  if (!continues && !is_field) {
    end_header(out, true);
    return true;
  }
  if (is_field && !continues) {
    if (iequals(name, "Date")) date_.clear();
    if (iequals(name, "Message-ID")) message_id_.clear();
    any_field_ = true;
  }
  out += start_;
  in_line_ = !start_.ends_with('\n');
  start_.clear();
  return true;
}

void MissingFields::take(std::string_view octets, std::string& out) {
  while (!octets.empty() && !done_) {
    if (in_line_) {
      const auto end = octets.find('\n');
      const auto length = end == std::string_view::npos ? octets.size() : end + 1;
      out += octets.substr(0, length);
      octets.remove_prefix(length);
      in_line_ = end == std::string_view::npos;
    } else {
      start_ += octets.front();
      octets.remove_prefix(1);
      begin_line(out);
    }
  }
  out += octets;
}

void MissingFields::finish(std::string& out) {
  if (done_) return;
  if (!start_.empty() || in_line_) start_ += "\r\n";  // a last line without an end
  const auto rest = std::exchange(start_, {});
  out += rest;
  end_header(out, false);
}

}  // namespace postroad::mail
