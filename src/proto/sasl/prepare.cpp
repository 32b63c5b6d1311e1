// SASLprep by libidn; see prepare.hpp.
#include "proto/sasl/prepare.hpp"

#include <stringprep.h>

#include <algorithm>
#include <memory>

#include "base/text.hpp"

namespace postroad::sasl {

std::optional<std::string> prepare(std::string_view text) {
  const bool plain =
      std::none_of(text.begin(), text.end(), [](char c) { return is_8bit(c) || is_control(c); });
  if (plain) return std::string(text);
  if (!is_utf8(text) || text.find('\0') != std::string_view::npos) return std::nullopt;
  char* out = nullptr;
  const int code = ::stringprep_profile(std::string(text).c_str(), &out, "SASLprep", {});
  const std::unique_ptr<char, decltype(&std::free)> owner(out, std::free);
  if (code != STRINGPREP_OK) return std::nullopt;
  return std::string(out);
}

}  // namespace postroad::sasl
