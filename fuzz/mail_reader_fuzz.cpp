// Any bytes as a message in pieces: MailReader reports the same events as for the whole message,
// its parts nest, and they equal the tree of MailPart. The first byte selects limits and the size
// of the pieces. Read on in include/postroad/mail_reader.hpp.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <postroad/mail_part.hpp>
#include <postroad/mail_reader.hpp>

namespace {

using namespace postroad;

// One part as the reader reported it.
struct ReportedPart {
  std::string header, type, body;
  std::uint64_t begin = 0, end = 0, depth = 0;
  bool cut = false, over = false;
  friend bool operator==(const ReportedPart&, const ReportedPart&) = default;
};

class Log final : public PartSink {
 public:
  void begin(const PartHead& head) override {
    open_.push_back(parts.size());
    parts.push_back({std::string(head.header),
                     head.type.value,
                     {},
                     head.body_offset,
                     0,
                     open_.size(),
                     head.cut,
                     false});
    if (head.header_offset + head.header.size() > head.body_offset) std::abort();
  }
  void body(std::string_view bytes) override {
    if (open_.empty() || bytes.empty()) std::abort();
    parts[open_.back()].body += bytes;
  }
  void end(std::uint64_t offset, bool cut) override {
    if (open_.empty()) std::abort();
    auto& part = parts[open_.back()];
    open_.pop_back();
    part.end = offset;
    part.cut = part.cut || cut;
    part.over = true;
  }
  [[nodiscard]] bool is_over() const { return open_.empty(); }
  std::vector<ReportedPart> parts;

 private:
  std::vector<std::size_t> open_;
};

std::vector<ReportedPart> parts_of(std::string_view bytes, std::size_t piece,
                                   const MailLimits& limits) {
  Log log;
  MailReader reader(log, limits);
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size())))
    reader.take(bytes.substr(0, piece));
  reader.finish();
  if (!log.is_over() || log.parts.empty() || log.parts.size() > limits.parts) std::abort();
  return std::move(log.parts);
}

// Walks the tree in the order of the events.
std::size_t compare(const MailPart& part, std::string_view bytes,
                    const std::vector<ReportedPart>& parts, std::size_t at) {
  const auto& one = parts.at(at++);
  const auto begin = static_cast<std::uint64_t>(part.body.data() - bytes.data());
  if (part.type.value != one.type || begin != one.begin || part.cut != one.cut) std::abort();
  if (begin + part.body.size() != std::max(one.end, one.begin)) std::abort();
  if (!one.body.empty() && one.body != part.body) std::abort();
  for (const auto& below : part.parts) at = compare(below, bytes, parts, at);
  return at;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  MailLimits limits;
  if ((data[0] & 0x80) != 0) limits = {std::size_t{2} + data[0] % 4, 5, std::size_t{10} + data[0]};
  const auto whole = parts_of(bytes, std::string_view::npos, limits);
  if (parts_of(bytes, std::size_t{1} + data[0] % 8, limits) != whole) std::abort();
  const auto root = MailPart::parse(bytes, limits);
  if (compare(root, bytes, whole, 0) != whole.size()) std::abort();
  return 0;
}
