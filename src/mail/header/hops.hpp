// How many servers a message has passed: its Received fields, counted while the octets go by (RFC
// 5321 §6.3: a mail that goes round is found out by their number). It keeps no octets.
#pragma once

#include <cstddef>
#include <string_view>

namespace postroad::mail {

class HopCounter final {
 public:
  void take(std::string_view octets);
  [[nodiscard]] std::size_t count() const noexcept { return count_; }

 private:
  std::size_t count_ = 0;
  std::size_t at_ = 0;    // octets of the line so far, as far as they matter
  bool is_like_ = true;   // they begin the field's name
  bool is_over_ = false;  // the header is
};

}  // namespace postroad::mail
