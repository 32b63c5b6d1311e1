// Conversion by iconv, and repair of UTF-8; see charset.hpp.
#include "mail/mime/charset.hpp"

#include <iconv.h>

#include <array>
#include <cerrno>

#include "base/text.hpp"

namespace postroad::mail {

namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";
constexpr std::size_t max_charset_name = 40;

// Owns an iconv descriptor.
class Converter final {
 public:
  explicit Converter(const std::string& from) : handle_(iconv_open("UTF-8", from.c_str())) {}
  ~Converter() {
    if (is_open()) iconv_close(handle_);
  }
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;
  [[nodiscard]] bool is_open() const noexcept { return handle_ != reinterpret_cast<iconv_t>(-1); }
  std::string convert(std::string_view bytes);

 private:
  iconv_t handle_;
};

std::string Converter::convert(std::string_view bytes) {
  std::string out;
  std::array<char, 4096> buffer{};
  std::string input(bytes);  // iconv takes a char* but does not write to it
  char* from = input.data();
  std::size_t left = input.size();
  while (left > 0) {
    char* to = buffer.data();
    std::size_t room = buffer.size();
    const std::size_t done = iconv(handle_, &from, &left, &to, &room);
    const bool broken = done == static_cast<std::size_t>(-1) && errno != E2BIG;
    out.append(buffer.data(), buffer.size() - room);
    if (!broken) continue;
    out += replacement;
    ++from;
    --left;
  }
  return out;
}

// iconv would take `//` for the start of options and an empty name for the charset of the locale.
bool is_charset_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= max_charset_name &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return is_alnum(c) || c == '-' || c == '_' || c == '.' || c == ':' || c == '+';
         });
}

std::size_t sequence_length(std::string_view text) noexcept {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  return length <= text.size() && is_utf8(text.substr(0, length)) ? length : 0;
}

}  // namespace

std::string repair_utf8(std::string_view bytes) {
  if (is_utf8(bytes)) return std::string(bytes);
  std::string out;
  while (!bytes.empty()) {
    const std::size_t length = sequence_length(bytes);
    out += length == 0 ? replacement : bytes.substr(0, length);
    bytes.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

std::optional<std::string> to_utf8(std::string_view bytes, std::string_view charset) {
  if (charset.empty() || iequals(charset, "utf-8") || iequals(charset, "utf8") ||
      iequals(charset, "us-ascii")) {
    return repair_utf8(bytes);
  }
  if (!is_charset_name(charset)) return std::nullopt;
  // Text that is labelled GB2312 often uses the superset GB18030.
  const bool gb = iequals(charset, "gb2312") || iequals(charset, "gbk");
  Converter converter(gb ? "GB18030" : std::string(charset));
  if (!converter.is_open()) return std::nullopt;
  return repair_utf8(converter.convert(bytes));
}

}  // namespace postroad::mail
