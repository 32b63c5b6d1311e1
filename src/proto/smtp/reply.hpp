// Reply parser, in any chunking, and reply writer.
//
//   Reply-line = *( Reply-code "-" [ textstring ] CRLF )              RFC 5321 section 4.2
//                Reply-code [ SP textstring ] CRLF
//
// Accepted: a bare LF as line end, a code alone ("250"). Refused: a code that changes within a
// reply, a code outside 2yz–5yz, a line or a reply without end. Cost: linear, one copy of the text.
#pragma once

#include <optional>
#include <postroad/reply.hpp>
#include <postroad/result.hpp>
#include <string>
#include <string_view>

namespace postroad::smtp {

struct ReplyLimits {
  std::size_t line = 4096;    ///< bytes of one line: an endless line would fill memory
  std::size_t lines = 256;    ///< lines of one reply: endless `250-` would block the client
  std::size_t total = 65536;  ///< bytes of one reply
};

class ReplyParser final {
 public:
  explicit ReplyParser(ReplyLimits limits = {}) : limits_(limits) {}

  /// Takes bytes from the front of `input` until one reply is complete. nullopt: all of `input` was
  /// taken and more is needed. Error: Fault::protocol; the session cannot go on.
  Result<std::optional<Reply>> parse(std::string_view& input);
  /// Whether a reply has begun and is not complete.
  [[nodiscard]] bool is_inside() const noexcept { return !line_.empty() || reply_.code != 0; }

 private:
  Result<bool> take_line(std::string_view line);

  ReplyLimits limits_;
  std::string line_;
  Reply reply_;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
};

/// Appends a reply to `out`, each line with code and enhanced status. CR and NUL in the text become
/// spaces.
void format(const Reply& reply, std::string& out);
/// Appends a reply that is given by its parts.
void format(int code, EnhancedStatus status, std::string_view text, std::string& out);

/// Takes `class "." subject "." detail` and the space behind it from the front of `text`; nullopt
/// when there is none or its class does not fit the code.
std::optional<EnhancedStatus> eat_enhanced_status(std::string_view& text, int code);

}  // namespace postroad::smtp
