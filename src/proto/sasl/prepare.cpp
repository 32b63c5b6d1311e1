// SASLprep by libidn, where the build has it; see prepare.hpp.
#include "proto/sasl/prepare.hpp"

#ifdef POSTROAD_HAS_LIBIDN
#include <stringprep.h>
#endif

#include <algorithm>
#include <memory>

#include "base/text.hpp"

namespace postroad::sasl {

std::string_view reason_not_prepared() {
#ifdef POSTROAD_HAS_LIBIDN
  return "it is not UTF-8, or has a character that SASLprep (RFC 4013) prohibits";
#else
  return "it is not ASCII, or has a control character; this build lacks libidn (SASLprep)";
#endif
}

std::optional<std::string> prepare(std::string_view text) {
  const bool plain =
      std::none_of(text.begin(), text.end(), [](char c) { return is_8bit(c) || is_control(c); });
  if (plain) return std::string(text);
  if (!is_utf8(text) || text.find('\0') != std::string_view::npos) return std::nullopt;
#ifdef POSTROAD_HAS_LIBIDN
  char* out = nullptr;
  const int code = ::stringprep_profile(std::string(text).c_str(), &out, "SASLprep", {});
  const std::unique_ptr<char, decltype(&std::free)> owner(out, std::free);
  if (code != STRINGPREP_OK) return std::nullopt;
  return std::string(out);
#else
  return std::nullopt;
#endif
}

}  // namespace postroad::sasl
