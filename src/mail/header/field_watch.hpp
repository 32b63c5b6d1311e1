// The value of one field of a header, caught while the octets go by. It keeps no more than that.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace postroad::mail {

class FieldWatch final {
 public:
  /// `name` in lower case, with its colon; a literal.
  explicit FieldWatch(std::string_view name) : name_(name) {}
  void take(std::string_view octets);
  /// The first line of the first such field, without blanks around it, at most 64 octets; empty
  /// when there is none.
  [[nodiscard]] std::string value() const;

 private:
  enum class State : unsigned char { name, value, rest, over };
  std::string_view name_;
  State state_ = State::name;
  std::size_t at_ = 0;    // octets of the line so far, as far as they are the name
  bool is_empty_ = true;  // the line
  bool is_found_ = false;
  std::string value_;
};

}  // namespace postroad::mail
