// Command lines out of the bytes of a connection, in any chunking.
//
//   line = *( %x00-09 / %x0B-FF ) CRLF        ; RFC 5321 section 2.3.8
//
// Limits: `limit` bytes with CRLF, so that an endless line holds no memory; of a line that is too
// long only the last byte is kept, to tell CRLF from a bare LF. Cost: one pass; a line that comes
// in one piece is a view into it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace postroad::smtp {

class LineReader final {
 public:
  enum class Found : std::uint8_t {
    nothing,   ///< all of the input was taken, more is needed
    line,      ///< `text` is a line without its end, valid until the next call
    too_long,  ///< a line beyond the limit has ended
    bare_lf,   ///< a line ended with LF alone
    /// A BDAT beyond the limit, seen before its end: where its bytes end is not known, so none of
    /// them may run as a command.
    bdat_too_long,
  };
  struct Line {
    Found found = Found::nothing;
    std::string_view text{};
  };

  /// Takes a line from the front of `input`. A bare LF is an end where `accept_bare_lf` says so.
  Line take(std::string_view& input, std::size_t limit, bool accept_bare_lf);
  /// Whether a line has begun.
  [[nodiscard]] bool is_inside() const noexcept { return skipping_ || !partial_.empty(); }

 private:
  void release();
  std::string partial_;  // a line whose end has not come; bounded by the limit
  bool skipping_ = false;
  bool lent_ = false;  // the last line was a view of partial_
};

}  // namespace postroad::smtp
