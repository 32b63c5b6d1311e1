// IDNA by libidn2; see idn.hpp. The two checks around it close gaps of the library.
#include "mail/address/idn.hpp"

#include <idn2.h>

#include <algorithm>
#include <memory>

#include "base/text.hpp"
#include "mail/address/mailbox.hpp"

namespace postroad::mail {

namespace {

using Owner = std::unique_ptr<void, void (*)(void*)>;

}  // namespace

std::optional<std::string> to_ascii_domain(std::string_view domain) {
  if (std::none_of(domain.begin(), domain.end(), is_8bit)) return std::string(domain);
  // libidn2 accepts empty labels.
  if (domain.starts_with('.') || domain.find("..") != std::string_view::npos) return std::nullopt;
  std::uint8_t* ascii = nullptr;
  const std::string name(domain);
  const int code = idn2_lookup_u8(reinterpret_cast<const std::uint8_t*>(name.c_str()), &ascii,
                                  IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  const Owner owner(ascii, idn2_free);
  if (code != IDN2_OK || name.find('\0') != std::string::npos) return std::nullopt;
  std::string mapped(reinterpret_cast<const char*>(ascii));
  // libidn2 maps full-width characters to ASCII, among them spaces and angle brackets.
  if (!is_domain(mapped)) return std::nullopt;
  return mapped;
}

std::string to_unicode_domain(std::string_view domain) {
  if (domain.find("xn--") == std::string_view::npos || domain.find('\0') != std::string_view::npos)
    return std::string(domain);
  char* text = nullptr;
  const int code = idn2_to_unicode_8z8z(std::string(domain).c_str(), &text, 0);
  const Owner owner(text, idn2_free);
  if (code != IDN2_OK) return std::string(domain);
  // A name that does not convert back is not valid in IDNA 2008 and may contain any character.
  const auto back = to_ascii_domain(text);
  return back && iequals(*back, domain) ? std::string(text) : std::string(domain);
}

}  // namespace postroad::mail
