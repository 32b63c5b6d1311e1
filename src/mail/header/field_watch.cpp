// One state per byte, but the rest of an uninteresting line is skipped at once; see
// field_watch.hpp.
#include "mail/header/field_watch.hpp"

#include "base/text.hpp"

namespace postroad::mail {

namespace {
constexpr std::size_t most_kept = 64;
}  // namespace

void FieldWatch::take(std::string_view bytes) {
  while (!bytes.empty() && state_ != State::over) {
    const char c = bytes.front();
    bytes.remove_prefix(1);
    if (c == '\n') {
      if (is_empty_ || state_ == State::value) {  // the end of the header or of the field
        state_ = State::over;
        return;
      }
      state_ = State::name;
      at_ = 0;
      is_empty_ = true;
      continue;
    }
    if (c == '\r') continue;
    is_empty_ = false;
    if (state_ == State::value) {
      if (value_.size() < most_kept) value_ += c;
    } else if (state_ == State::name) {
      state_ = to_lower(c) == name_[at_] ? State::name : State::rest;
      if (state_ == State::name && ++at_ == name_.size()) state_ = State::value;
    } else if (const auto end = bytes.find('\n'); end != 0) {
      bytes.remove_prefix(std::min(end, bytes.size()));
    }
  }
}

std::string FieldWatch::value() const { return std::string(trim(value_)); }

}  // namespace postroad::mail
