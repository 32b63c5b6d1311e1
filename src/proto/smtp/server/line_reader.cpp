// Command lines; see line_reader.hpp.
#include "proto/smtp/server/line_reader.hpp"

#include <utility>

#include "base/text.hpp"

namespace postroad::smtp {

namespace {
constexpr std::size_t most_idle_line = 1024;  // bytes of memory kept while a session idles
}  // namespace

void LineReader::release() {
  partial_.clear();
  if (partial_.capacity() > most_idle_line) std::string().swap(partial_);
}

LineReader::Line LineReader::take(std::string_view& input, std::size_t limit, bool accept_bare_lf) {
  if (std::exchange(lent_, false)) release();
  if (input.empty()) return {};
  const auto end = input.find('\n');
  const auto piece = input.substr(0, end);
  input.remove_prefix(end == std::string_view::npos ? input.size() : end + 1);
  if (!skipping_ && partial_.size() + piece.size() + 1 > limit) {
    skipping_ = true;
    constexpr std::string_view bdat = "BDAT ";
    const auto head = partial_.substr(0, bdat.size()).append(piece.substr(0, bdat.size()));
    if (istarts_with(head, bdat)) return {Found::bdat_too_long};
  }
  if (skipping_) {
    if (!piece.empty()) partial_.assign(1, piece.back());
  } else if (end == std::string_view::npos || !partial_.empty()) {
    partial_ += piece;
  }
  if (end == std::string_view::npos) return {};
  lent_ = !partial_.empty();
  auto line = lent_ ? std::string_view(partial_) : piece;
  const bool is_bare = !line.ends_with('\r');
  if (std::exchange(skipping_, false))
    return {is_bare && !accept_bare_lf ? Found::bare_lf : Found::too_long};
  if (is_bare) return accept_bare_lf ? Line{Found::line, line} : Line{Found::bare_lf};
  line.remove_suffix(1);
  return {Found::line, line};
}

}  // namespace postroad::smtp
