// Transparency of message data (RFC 5321 section 4.5.2): leading dots are doubled when sent and
// removed when received. Both directions work on chunks of any size. Only CRLF . CRLF ends received
// data: looser ends were used to smuggle a second message (CVE-2023-51764), so a bare CR or LF is
// never a line end here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace postroad::smtp {

/// Sending side. Bare CR and bare LF become CRLF, so that every receiver sees the same lines.
class DotEncoder final {
 public:
  /// `stuffing` false: only line ends are corrected, as BDAT needs it.
  explicit DotEncoder(bool stuffing = true) : stuffing_(stuffing) {}
  /// Appends the encoded form of `text` to `out`. One pass; whole lines are copied by block.
  void encode(std::string_view text, std::string& out);
  /// Appends the end: a CRLF unless the data ended with one, then `.` CRLF.
  void finish(std::string& out);
  /// `finish` without the dot.
  void finish_line(std::string& out);

 private:
  enum class Last : std::uint8_t { line_start, inside, cr };
  Last last_ = Last::line_start;
  bool stuffing_ = true;
};

/// Detects a CR or LF that is not part of a CRLF, in pieces of any size.
class LineEndWatch final {
 public:
  void look(std::string_view bytes) noexcept;
  /// The data has ended: a CR at its end is bare.
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
    std::string_view bytes;  ///< part of the message: a view into `input`, or of a static CR
    bool end = false;        ///< CRLF . CRLF was read; `input` is what follows it
  };
  /// Takes one slice from the front of `input`. With neither `bytes` nor `end`, all of `input` was
  /// taken. Call until `input` is empty or `end` is set.
  Piece decode(std::string_view& input);
  /// A CR or LF that was not part of a CRLF was seen in the data so far.
  [[nodiscard]] bool saw_bare_line_end() const noexcept { return bare_; }

 private:
  // The last bytes: the start of a line, a dot or dot-CR at the start of a line, other bytes, a CR.
  enum class State : std::uint8_t { line_start, dot, dot_cr, inside, cr };
  Piece decode_held(std::string_view& input);
  Piece decode_run(std::string_view& input);

  State state_ = State::line_start;
  bool bare_ = false;
};

}  // namespace postroad::smtp
