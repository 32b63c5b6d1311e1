// Canonicalization of fields and bodies; see canonical.hpp. Whitespace and line ends are held until
// it is known whether they count.
#include "mailauth/dkim/canonical.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "mail/header/whitespace.hpp"

namespace postroad::dkim {

namespace {

constexpr std::size_t block_size = std::size_t{16} * 1024;

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
    if (c == '\r' || c == '\n') continue;  // unfolding (§3.4.2)
    if (mail::is_blank(c)) {
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
  std::string_view bytes = block_;
  if (limit_) {
    bytes = bytes.substr(0, std::min<std::uint64_t>(bytes.size(), *limit_));
    *limit_ -= bytes.size();
  }
  hasher_.take(bytes);
  length_ += block_.size();
  block_.clear();
}

void BodyDigest::put(std::string_view bytes) {
  block_ += bytes;
  if (block_.size() >= block_size) flush();
}

void BodyDigest::put_held() {
  for (; lines_ > 0; --lines_) put("\r\n");
  if (blank_) put(" ");
  blank_ = false;
  any_ = true;
}

void BodyDigest::take(std::string_view bytes) {
  const bool relaxed = form_ == DkimCanonicalization::relaxed;
  std::size_t at = 0;
  while (at < bytes.size()) {
    const char c = bytes[at];
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
    } else if (relaxed && mail::is_blank(c)) {
      blank_ = true;
      ++at;
    } else {
      if (lines_ > 0 || blank_ || !any_) put_held();
      auto end = bytes.find('\r', at);
      end = std::min(end, bytes.size());
      if (relaxed) {
        const auto run = bytes.substr(at, end - at);
        const auto stop = std::min(run.find(' '), run.find('\t'));
        end = at + std::min(stop, run.size());
      }
      put(bytes.substr(at, end - at));
      at = end;
    }
  }
}

std::string BodyDigest::finish() {
  if (cr_) {
    put_held();
    put("\r");
  }
  // A body ends with one CRLF; an empty body is CRLF in simple and nothing in relaxed (§3.4.3,
  // §3.4.4).
  if (any_ || form_ == DkimCanonicalization::simple) put("\r\n");
  flush();
  return hasher_.finish();
}

}  // namespace postroad::dkim
