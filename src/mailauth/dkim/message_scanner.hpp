// A message taken in pieces: its header is kept until it is over, its body goes on to whoever
// digests it. Shared by signing and verifying.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace postroad::dkim {

inline constexpr std::size_t max_header = std::size_t{1024} * 1024;

class MessageScanner final {
 public:
  /// Takes the octets of the header from the front of `octets`; what is left is body. True once the
  /// header is over.
  bool take(std::string_view& octets);
  /// The header's fields with their line ends, without the empty line.
  [[nodiscard]] const std::string& header() const noexcept { return header_; }
  [[nodiscard]] bool is_over() const noexcept { return over_; }
  /// It was longer than `max_header`: the rest was dropped.
  [[nodiscard]] bool is_too_long() const noexcept { return too_long_; }

 private:
  std::string header_;
  std::size_t scanned_ = 0;
  bool over_ = false;
  bool too_long_ = false;
};

}  // namespace postroad::dkim
