// Canonical forms; see canonical.hpp.
#include "mailauth/dkim/canonical.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace postroad::dkim {

namespace {

constexpr std::size_t block_size = std::size_t{16} * 1024;

bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }

}  // namespace

void append_canonical(std::string& out, const HeaderField& field, DkimCanonicalization form) {
  if (form == DkimCanonicalization::simple) {
    out += field.whole;
    if (!field.whole.ends_with('\n')) out += "\r\n";
    return;
  }
  out += lower(field.name);
  out += ':';
  bool blank = false;
  bool any = false;
  for (const char c : field.body) {
    if (c == '\r' || c == '\n') continue;  // unfolded
    if (is_blank(c)) {
      blank = true;
      continue;
    }
    if (blank && any) out += ' ';
    blank = false;
    any = true;
    out += c;
  }
  out += "\r\n";
}

void BodyDigest::flush() {
  std::string_view octets = block_;
  if (limit_) {
    octets = octets.substr(0, std::min<std::uint64_t>(octets.size(), *limit_));
    *limit_ -= octets.size();
  }
  hasher_.take(octets);
  length_ += block_.size();
  block_.clear();
}

void BodyDigest::put(std::string_view octets) {
  block_ += octets;
  if (block_.size() >= block_size) flush();
}

void BodyDigest::put_held() {
  for (; lines_ > 0; --lines_) put("\r\n");
  if (blank_) put(" ");
  blank_ = false;
  any_ = true;
}

void BodyDigest::take(std::string_view octets) {
  const bool relaxed = form_ == DkimCanonicalization::relaxed;
  std::size_t at = 0;
  while (at < octets.size()) {
    const char c = octets[at];
    if (cr_) {
      cr_ = false;
      if (c == '\n') {
        blank_ = false;
        ++lines_;
        ++at;
        continue;
      }
      put_held();
      put("\r");
    }
    if (c == '\r') {
      cr_ = true;
      ++at;
    } else if (relaxed && is_blank(c)) {
      blank_ = true;
      ++at;
    } else {
      if (lines_ > 0 || blank_ || !any_) put_held();
      auto end = octets.find('\r', at);
      end = std::min(end, octets.size());
      if (relaxed) {
        const auto run = octets.substr(at, end - at);
        const auto stop = std::min(run.find(' '), run.find('\t'));
        end = at + std::min(stop, run.size());
      }
      put(octets.substr(at, end - at));
      at = end;
    }
  }
}

std::string BodyDigest::finish() {
  if (cr_) {
    put_held();
    put("\r");
  }
  // One line end closes what is there; an empty body is one line end, or nothing (§3.4.3, §3.4.4).
  if (any_ || form_ == DkimCanonicalization::simple) put("\r\n");
  flush();
  return hasher_.finish();
}

}  // namespace postroad::dkim
