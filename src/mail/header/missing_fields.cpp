// Finds the end of the header line by line; see missing_fields.hpp.
#include "mail/header/missing_fields.hpp"

#include <utility>

#include "base/text.hpp"

namespace postroad::mail {

namespace {

constexpr std::size_t longest_name = 256;  // a line without a colon by then is not a field

}  // namespace

void MissingFields::end_header(std::string& out, bool needs_empty_line) {
  out += date_;
  out += message_id_;
  if (needs_empty_line) out += "\r\n";
  out += start_;
  start_.clear();
  done_ = true;
}

// Classifies the start of a line; true if it is decided and written to `out`.
bool MissingFields::begin_line(std::string& out) {
  if (start_ == "\r") return false;
  if (start_.starts_with("\r\n")) {
    end_header(out, false);
    return true;
  }
  const bool continues = any_field_ && (start_.front() == ' ' || start_.front() == '\t');
  const auto end = start_.find_first_of(":\r\n");
  if (!continues && end == std::string::npos && start_.size() < longest_name) return false;
  // Blanks before the colon are obsolete syntax (RFC 5322 §4.5).
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

void MissingFields::take(std::string_view bytes, std::string& out) {
  while (!bytes.empty() && !done_) {
    if (in_line_) {
      const auto end = bytes.find('\n');
      const auto length = end == std::string_view::npos ? bytes.size() : end + 1;
      out += bytes.substr(0, length);
      bytes.remove_prefix(length);
      in_line_ = end == std::string_view::npos;
    } else {
      start_ += bytes.front();
      bytes.remove_prefix(1);
      begin_line(out);
    }
  }
  out += bytes;
}

void MissingFields::finish(std::string& out) {
  if (done_) return;
  if (!start_.empty() || in_line_) start_ += "\r\n";  // the last line had no line end
  const auto rest = std::exchange(start_, {});
  out += rest;
  end_header(out, false);
}

}  // namespace postroad::mail
