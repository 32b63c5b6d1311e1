// Any bytes as a report: a parsed report can be composed, and parses to the same values again. Read
// on in include/postroad/delivery_report.hpp.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <postroad/delivery_report.hpp>
#include <postroad/message.hpp>
#include <string>
#include <string_view>

#include "mail/mime/transfer.hpp"

namespace {

using namespace postroad;

std::string composed(const MimePart& part) {
  ComposeOptions options;
  options.date = std::chrono::system_clock::time_point();
  options.random = [](std::span<unsigned char> bytes) {
    for (auto& byte : bytes) byte = 7;
  };
  auto source = Message{}.from("a@x").content(part).source(options);
  if (!source) std::abort();
  std::string out;
  for (;;) {
    const auto chunk = (*source)->next();
    if (!chunk) std::abort();
    if (chunk->empty()) break;
    out += *chunk;
  }
  if ((*source)->size() != out.size()) std::abort();
  if (mail::find_bare_line_end(out) != std::string::npos) std::abort();
  if (out.find('\0') != std::string::npos) std::abort();
  return out;
}

void check_delivery(std::string_view bytes) {
  const auto report = DeliveryReport::parse(bytes);
  if (!report) return;
  (void)composed(report->part(true));
  const auto again = DeliveryReport::parse(composed(report->part()));
  if (!again || again->recipients.size() > report->recipients.size()) std::abort();
  const auto third = DeliveryReport::parse(composed(again->part()));
  if (!third || !(third->recipients == again->recipients)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check_delivery(bytes);
  if (const auto report = AbuseReport::parse(bytes)) {
    if (!AbuseReport::parse(composed(report->part()))) std::abort();
  }
  if (const auto receipt = ReadReceipt::parse(bytes)) {
    (void)receipt->is_displayed();
    if (!ReadReceipt::parse(composed(receipt->part()))) std::abort();
  }
  return 0;
}
