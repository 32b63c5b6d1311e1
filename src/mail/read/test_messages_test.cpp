// Implements test_messages.hpp; contains no tests.
#include "mail/read/test_messages.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include <postroad/mail_part.hpp>

namespace postroad::mail {

namespace {

std::string head_line(std::string_view header, const std::vector<HeaderField>& fields,
                      const ParameterizedValue& type, std::string_view disposition) {
  std::string out = "head " + type.value;
  for (const auto& [name, value] : type.parameters) out += ' ' + name + '=' + value;
  out += " disposition " + std::string(disposition);
  for (const auto& field : fields) {
    out += " [" + std::string(field.name) + '|' + std::string(field.body) + ']';
    if (header.find(field.whole) == std::string_view::npos) out += " not of the header";
  }
  return out + '\n';
}

// Whether the body of a part is reported. Text between the parts of a multipart is not.
bool is_told(const MailPart& part, bool deepest) {
  constexpr std::size_t longest = 1000;
  const auto boundary = part.type.find("boundary");
  const bool searched =
      part.is_multipart() && !boundary.empty() && boundary.size() <= longest && !deepest;
  return part.parts.empty() && !searched;
}

void tell(std::string& out, std::string_view bytes, const MailPart& part, std::size_t depth) {
  std::string header;
  for (const auto& field : part.fields) header += field.whole;
  out += head_line(header, part.fields, part.type, part.disposition.value);
  const auto begin = static_cast<std::size_t>(part.body.data() - bytes.data());
  out += "at " + std::to_string(begin) + '\n';
  if (is_told(part, depth <= 1) && !part.body.empty())
    out += "body " + std::string(part.body) + '\n';
  for (const auto& below : part.parts) tell(out, bytes, below, depth - 1);
  out += "end " + std::to_string(begin + part.body.size()) + '\n';
}

}  // namespace

void EventLog::flush() {
  if (!body_.empty()) text_ += "body " + std::exchange(body_, {}) + '\n';
}

void EventLog::begin(const PartHead& head) {
  flush();
  text_ += head_line(head.header, head.fields, head.type, head.disposition.value);
  text_ += "at " + std::to_string(head.body_offset) + '\n';
}

void EventLog::body(std::string_view bytes) { body_ += bytes; }

void EventLog::end(std::uint64_t offset, bool /*cut*/) {
  flush();
  text_ += "end " + std::to_string(offset) + '\n';
}

std::string EventLog::take() {
  flush();
  return std::move(text_);
}

namespace {

// Also records the `cut` flags, which the tree joins into one.
class CutLog final : public PartSink {
 public:
  void begin(const PartHead& head) override {
    log.begin(head);
    cuts += head.cut ? 'H' : 'h';
    cuts += std::to_string(head.header_offset) + ' ' + head.encoding + ' ';
  }
  void body(std::string_view bytes) override { log.body(bytes); }
  void end(std::uint64_t offset, bool cut) override {
    log.end(offset, cut);
    cuts += cut ? 'E' : 'e';
  }
  EventLog log;
  std::string cuts;
};

template <class Next>
std::string read_by(std::string_view bytes, const MailLimits& limits, Next next) {
  CutLog log;
  MailReader reader(log, limits);
  while (!bytes.empty()) {
    const auto piece = std::min<std::size_t>(bytes.size(), next(bytes));
    reader.take(bytes.substr(0, piece));
    bytes.remove_prefix(piece);
  }
  reader.finish();
  return log.log.take() + log.cuts;
}

}  // namespace

std::string events_of(std::string_view bytes, std::size_t piece, const MailLimits& limits) {
  return read_by(bytes, limits, [&](std::string_view) { return piece; });
}

std::string events_cut_at(std::string_view bytes, std::size_t at, const MailLimits& limits) {
  bool first = true;
  return read_by(bytes, limits, [&](std::string_view rest) {
    return std::exchange(first, false) && at > 0 ? at : rest.size();
  });
}

std::string events_by_line(std::string_view bytes, const MailLimits& limits) {
  return read_by(bytes, limits, [](std::string_view rest) {
    const auto lf = rest.find('\n');
    return lf == std::string_view::npos ? rest.size() : lf + 1;
  });
}

std::string events_of_tree(std::string_view bytes, const MailLimits& limits) {
  std::string out;
  tell(out, bytes, MailPart::parse(bytes, limits), limits.depth);
  return out;
}

ComposeOptions counted() {
  ComposeOptions options;
  options.date = std::chrono::system_clock::time_point(std::chrono::seconds(1783415100));
  options.random = [next = 0](std::span<unsigned char> bytes) mutable {
    for (auto& byte : bytes) byte = static_cast<unsigned char>(next++);
  };
  return options;
}

std::string drained(MessageSource& source) {
  std::string out;
  for (;;) {
    const auto chunk = source.next();
    if (!chunk) return "error: " + chunk.error().text();
    if (chunk->empty()) break;
    out += *chunk;
  }
  EXPECT_EQ(source.size().value_or(out.size()), out.size());
  return out;
}

std::string composed(const Message& message) {
  auto source = message.source(counted());
  return source ? drained(**source) : "error: " + source.error().text();
}

std::string utf8(char32_t point) {
  const auto byte = [](char32_t value) { return static_cast<char>(value); };
  const auto tail = [&](unsigned shift) { return byte(0x80 | (point >> shift & 63)); };
  if (point < 0x80) return {byte(point)};
  if (point < 0x800) return {byte(0xc0 | point >> 6), tail(0)};
  if (point < 0x10000) return {byte(0xe0 | point >> 12), tail(6), tail(0)};
  return {byte(0xf0 | point >> 18), tail(12), tail(6), tail(0)};
}

std::vector<const MailPart*> leaves_of(const MailPart& part) {
  if (part.parts.empty()) return {&part};
  std::vector<const MailPart*> leaves;
  for (const auto& below : part.parts) {
    const auto more = leaves_of(below);
    leaves.insert(leaves.end(), more.begin(), more.end());
  }
  return leaves;
}

std::string shape_of(const MailPart& part) {
  auto out = part.type.value;
  if (part.parts.empty()) return out;
  out += '(';
  for (const auto& below : part.parts) {
    if (!out.ends_with('(')) out += ' ';
    out += shape_of(below);
  }
  return out + ')';
}

}  // namespace postroad::mail
