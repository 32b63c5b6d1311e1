// Any bytes as parameters of MAIL and RCPT: accepted parameters are written again on one line and
// parse to the same options. Read on in src/proto/smtp/mail_parameters.hpp.
#include <cstdint>
#include <string>
#include <string_view>

#include "proto/smtp/mail_parameters.hpp"

namespace smtp = postroad::smtp;

namespace {

template <class Options, class Append>
void take_all(std::string_view text, Append append) {
  const auto parameters = smtp::parse_parameters(text, 16);
  if (!parameters) return;
  Options options;
  for (const auto& parameter : *parameters) {
    const auto taken = smtp::take_parameter(parameter, smtp::Offered::all(), options);
    if (!taken.known || !taken.error.empty()) return;
  }
  if (!smtp::wrong_with(options).empty()) __builtin_trap();
  const auto line = append(options);
  if (line.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) __builtin_trap();
  Options again;
  const auto reread = smtp::parse_parameters(line, 16);
  if (!reread) __builtin_trap();
  for (const auto& parameter : *reread) {
    const auto taken = smtp::take_parameter(parameter, smtp::Offered::all(), again);
    if (!taken.known || !taken.error.empty()) __builtin_trap();
  }
  if (!(again == options)) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  take_all<postroad::MailOptions>(text, [](const auto& options) {
    std::string line;
    smtp::append_parameters(options, line);
    return line;
  });
  for (const bool utf8 : {false, true}) {
    take_all<postroad::RecipientOptions>(text, [utf8](const auto& options) {
      std::string line;
      smtp::append_parameters(options, utf8, line);
      return line;
    });
  }
  return 0;
}
