// Replies as octets: a parser that takes them in any chunking, and the writer.
//
//   Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF      RFC
//   5321 §4.2
//
// Tolerated: a bare LF as line end, a code alone ("250"), a missing text. Not tolerated: a code
// that changes within a reply, a code outside 2yz–5yz, a line or a reply without end. Cost: linear,
// one copy of the text.
#pragma once

#include <optional>
#include <postroad/reply.hpp>
#include <postroad/result.hpp>
#include <string>
#include <string_view>

namespace postroad::smtp {

struct ReplyLimits {
  std::size_t line = 4096;    ///< octets of one line: an endless line would fill memory
  std::size_t lines = 256;    ///< lines of one reply: endless `250-` would hold the client for ever
  std::size_t total = 65536;  ///< octets of one reply
};

class ReplyParser final {
 public:
  explicit ReplyParser(ReplyLimits limits = {}) : limits_(limits) {}

  /// Takes octets from the front of `input` until one reply is whole. nullopt: all of `input` was
  /// taken and more is needed. Error: Fault::protocol; the conversation cannot be carried on.
  Result<std::optional<Reply>> parse(std::string_view& input);
  /// Whether a reply has begun and is not whole.
  [[nodiscard]] bool is_inside() const noexcept { return !line_.empty() || reply_.code != 0; }

 private:
  Result<bool> take_line(std::string_view line);

  ReplyLimits limits_;
  std::string line_;
  Reply reply_;
  std::size_t count_ = 0;
  std::size_t octets_ = 0;
};

/// Writes a reply behind `out`, each line with code and enhanced status, CR, LF and NUL in the text
/// made harmless.
void format(const Reply& reply, std::string& out);
/// The same of its parts.
void format(int code, EnhancedStatus status, std::string_view text, std::string& out);

/// `class "." subject "." detail` at the front of `text`, taken off with the blank behind it;
/// nullopt when there is none or its class does not fit the code.
std::optional<EnhancedStatus> eat_enhanced_status(std::string_view& text, int code);

}  // namespace postroad::smtp
