// Transparency of the mail text (RFC 5321 §4.5.2): dots doubled on the way out, taken off on the
// way in. Both work on chunks of any size. Only CRLF . CRLF ends the text on the way in; everything
// looser was used to smuggle a second message (CVE-2023-51764), so a bare CR or LF is never a line
// end here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace postroad::smtp {

/// Sending side. Bare CR and bare LF become CRLF, so that what leaves has one reading everywhere.
class DotEncoder final {
 public:
  /// Without stuffing only the line ends are made whole, as BDAT wants it.
  explicit DotEncoder(bool stuffing = true) : stuffing_(stuffing) {}
  /// Appends the encoded form of `text` to `out`. One pass; whole lines are copied by block.
  void encode(std::string_view text, std::string& out);
  /// Appends the end of the text: a CRLF only where the text did not end with one, then `.` CRLF.
  void finish(std::string& out);
  /// The same without the dot.
  void finish_line(std::string& out);

 private:
  enum class Last : std::uint8_t { line_start, inside, cr };
  Last last_ = Last::line_start;
  bool stuffing_ = true;
};

/// Looks for a CR or LF that is not part of a CRLF, in pieces of any size.
class LineEndWatch final {
 public:
  void look(std::string_view octets) noexcept;
  /// The text has ended: a CR at its end is bare.
  void end() noexcept { bare_ = bare_ || after_cr_; }
  [[nodiscard]] bool saw_bare() const noexcept { return bare_; }

 private:
  bool after_cr_ = false;
  bool bare_ = false;
};

/// Receiving side: cuts the input into slices of the message without copying.
class DotDecoder final {
 public:
  struct Piece {
    std::string_view octets;  ///< part of the message: a view into `input`, or of a static CR
    bool end = false;         ///< CRLF . CRLF was read; `input` stands behind it
  };
  /// Takes from the front of `input` what makes one slice. With neither octets nor `end`, all of
  /// `input` was taken. Call until `input` is empty or `end` is set.
  Piece decode(std::string_view& input);
  /// A CR or LF that was not part of a CRLF has been seen in the text so far.
  [[nodiscard]] bool saw_bare_line_end() const noexcept { return bare_; }

 private:
  // What the last octets were: the start of a line, a dot or dot-CR at the start of a line, inside,
  // after a CR.
  enum class State : std::uint8_t { line_start, dot, dot_cr, inside, cr };
  Piece decode_held(std::string_view& input);
  Piece decode_run(std::string_view& input);

  State state_ = State::line_start;
  bool bare_ = false;
};

}  // namespace postroad::smtp
