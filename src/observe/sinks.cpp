// The lines of the sinks. One that cannot be made for lack of memory is dropped: telling must never
// be what breaks the teller. Not here: the sentence of an event (event.cpp). See sinks.hpp.
#include "observe/sinks.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <exception>

#include "base/text.hpp"

namespace postroad::observe {
namespace {

// Octets of a value that are shown: a peer must not be able to fill the disk with one line.
constexpr std::size_t longest = 4096;

std::string_view colour_of(Level level) {
  switch (level) {
    case Level::debug:
      return "\x1b[2m";
    case Level::info:
      return "\x1b[32m";
    case Level::warning:
      return "\x1b[33m";
    case Level::error:
      return "\x1b[31m";
  }
  return {};
}

// A value as one word: in quotes where a reader could not tell its end. Quotes and backslashes of
// the value are escaped before the rest is scrubbed, so that nothing shown can be mistaken for
// something else.
std::string word(const FieldValue& value) {
  const auto* text = std::get_if<std::string_view>(&value.stored());
  if (text == nullptr) return format(value);
  if (!text->empty() && text->find_first_of(" \"\\=") == std::string_view::npos)
    return printable(*text);
  std::string escaped;
  for (const char c : text->substr(0, longest)) {
    if (c == '"' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return '"' + printable(escaped, 2 * longest) + (text->size() > longest ? "…\"" : "\"");
}

std::string fields_of(const Event& event) {
  std::string out;
  const auto& fields = event.kind().fields;
  for (std::size_t i = 0; i < fields.size() && i < Event::max_fields; ++i) {
    const auto& value = event.value(i);
    if (value.is_given()) out += fmt::format(" {}={}", fields[i].name, word(value));
  }
  return out;
}

std::string json_value(const FieldValue& value) {
  if (const auto* text = std::get_if<std::string_view>(&value.stored()))
    return '"' + escape_json(text->substr(0, longest)) + '"';
  if (const auto* time = std::get_if<std::chrono::nanoseconds>(&value.stored())) {
    return fmt::format("{:.6f}", static_cast<double>(time->count()) / 1e9);
  }
  return format(value);
}

std::string json_line(std::chrono::system_clock::time_point when, const Event& event) {
  const auto& kind = event.kind();
  std::string line = fmt::format(R"({{"time":"{}","level":"{}","event":"{}")", format_time(when),
                                 to_string(kind.level), escape_json(kind.name));
  for (std::size_t i = 0; i < kind.fields.size() && i < Event::max_fields; ++i) {
    const auto& value = event.value(i);
    if (value.is_given())
      line += fmt::format(R"(,"{}":{})", escape_json(kind.fields[i].name), json_value(value));
  }
  return line + fmt::format(",\"text\":\"{}\"}}\n", escape_json(sentence(event)));
}

// Octets of the UTF-8 character at the front; 0 when it is none.
std::size_t character(std::string_view text) {
  for (std::size_t n = 1; n <= 4 && n <= text.size(); ++n) {
    if (is_utf8(text.substr(0, n))) return n;
  }
  return 0;
}

// Characters that end a line, or that a terminal obeys, although JSON would let them stand.
bool must_escape(std::string_view shown) {
  return (shown[0] == '\xc2' && static_cast<unsigned char>(shown[1]) < 0xa0) || shown == "\u2028" ||
         shown == "\u2029";
}

std::string escape_character(std::string_view shown) {
  if (shown.size() == 2) return fmt::format("\\u00{:02x}", static_cast<unsigned char>(shown[1]));
  return shown == "\u2028" ? "\\u2028" : "\\u2029";
}

}  // namespace

LineWriter write_to(int descriptor) {
  return [descriptor](std::string_view line) {
    while (!line.empty()) {
      const auto n = ::write(descriptor, line.data(), line.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return;
      line.remove_prefix(static_cast<std::size_t>(n));
    }
  };
}

void TextSink::take(std::chrono::system_clock::time_point when, const Event& event) noexcept {
  try {
    const auto level = event.kind().level;
    std::string line = format_time(when) + ' ';
    if (style_.colour) line += colour_of(level);
    line += to_string(level);
    if (style_.colour) line += "\x1b[0m";
    line += ' ';
    line += style_.sentences ? sentence(event) : std::string(event.kind().name) + fields_of(event);
    writer_(line + '\n');
  } catch (const std::exception&) {
    return;
  }
}

void JsonSink::take(std::chrono::system_clock::time_point when, const Event& event) noexcept {
  try {
    writer_(json_line(when, event));
  } catch (const std::exception&) {
    return;
  }
}

void CaptureSink::take(std::chrono::system_clock::time_point when, const Event& event) noexcept {
  Record record{when, &event.kind(), {}, sentence(event)};
  const auto& fields = event.kind().fields;
  for (std::size_t i = 0; i < fields.size() && i < Event::max_fields; ++i) {
    if (event.value(i).is_given()) record.fields.emplace(fields[i].name, format(event.value(i)));
  }
  const std::scoped_lock lock(mutex_);
  records_.push_back(std::move(record));
}

std::vector<CaptureSink::Record> CaptureSink::records() const {
  const std::scoped_lock lock(mutex_);
  return records_;
}

std::size_t CaptureSink::count(const EventKind& kind) const {
  const std::scoped_lock lock(mutex_);
  std::size_t n = 0;
  for (const auto& record : records_) n += record.kind == &kind ? 1 : 0;
  return n;
}

std::string escape_json(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto length = character(text);
    const auto shown = text.substr(0, std::max<std::size_t>(length, 1));
    if (length == 0) {
      out += "\xef\xbf\xbd";
    } else if (length > 1) {
      out += must_escape(shown) ? escape_character(shown) : std::string(shown);
    } else if (is_control(shown[0])) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(shown[0]));
    } else {
      if (shown[0] == '"' || shown[0] == '\\') out += '\\';
      out += shown;
    }
    text.remove_prefix(shown.size());
  }
  return out;
}

std::string format_time(std::chrono::system_clock::time_point when) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(when);
  const auto s = std::chrono::floor<std::chrono::seconds>(ms);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(s)), (ms - s).count());
}

}  // namespace postroad::observe
