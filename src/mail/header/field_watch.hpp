// Extracts the value of one header field from a message in a stream. Memory: 64 bytes. Not here:
// splitting a header that is in memory (fields.hpp).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace postroad::mail {

/// Watches for one field. The result does not depend on how the input is divided. One thread at a
/// time.
class FieldWatch final {
 public:
  /// `name`: in lower case, with its colon. It is not copied: pass a literal.
  explicit FieldWatch(std::string_view name) : name_(name) {}
  /// The next bytes of the message, in pieces of any size.
  void take(std::string_view bytes);
  /// The first line of the first field of that name, trimmed, at most 64 bytes; empty if there is
  /// none.
  [[nodiscard]] std::string value() const;

 private:
  enum class State : unsigned char { name, value, rest, over };
  std::string_view name_;
  State state_ = State::name;
  std::size_t at_ = 0;    // bytes of the name that the line has matched so far
  bool is_empty_ = true;  // no byte of the line yet
  std::string value_;
};

}  // namespace postroad::mail
