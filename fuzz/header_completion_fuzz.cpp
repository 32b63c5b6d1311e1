// Fields that are added to a streamed message: the result does not depend on the chunking, and
// without the added fields the message is unchanged. Read on in
// src/mail/header/header_completion.hpp.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "mail/header/header_completion.hpp"

namespace {

std::string through(std::string_view message, std::size_t piece) {
  postroad::mail::HeaderCompletion header("Date: \x01\r\n", "Message-ID: \x01\r\n");
  std::string out;
  for (std::size_t at = 0; at < message.size(); at += piece)
    for (const auto part : header.take(message.substr(at, piece))) out += part;
  for (const auto part : header.finish()) out += part;
  return out;
}

void remove(std::string& text, std::string_view part) {
  const auto at = text.find(part);
  if (at != std::string::npos) text.erase(at, part.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view message(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (message.find('\x01') != std::string_view::npos) return 0;
  auto out = through(message, std::max<std::size_t>(message.size(), 1));
  if (through(message, data[0] % 7 + 1U) != out) std::abort();
  remove(out, "Date: \x01\r\n");
  remove(out, "Message-ID: \x01\r\n");
  // At most one line end is added: to the last line, or after the header.
  if (out.size() < message.size() || out.size() > message.size() + 2) std::abort();
  const auto differ = std::mismatch(message.begin(), message.end(), out.begin());
  const auto rest = static_cast<std::size_t>(differ.first - message.begin());
  if (out.substr(out.size() - (message.size() - rest)) != message.substr(rest)) std::abort();
  return 0;
}
