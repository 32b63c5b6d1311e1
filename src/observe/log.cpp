// Log and its two sinks; see log.hpp. A field can never begin a second line: everything goes through printable or JSON escapes.
#include "observe/log.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <ctime>

#include "base/text.hpp"

namespace postroad::observe {

namespace {

std::string timestamp(WallTime time) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  const std::time_t seconds = ms / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                     parts.tm_hour, parts.tm_min, parts.tm_sec, ms % 1000);
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : is_utf8(text) ? std::string(text) : printable(text)) {
    if (c == '"' || c == '\\') {
      (out += '\\') += c;
    } else if (is_control(c)) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string text_value(const Value& value) {
  if (const auto* number = std::get_if<std::uint64_t>(&value)) return std::to_string(*number);
  auto text = printable(std::get<std::string>(value), 400);
  const bool quote = text.empty() || text.find_first_of(" =\"") != std::string::npos;
  if (!quote) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '\\';
    out += c;
  }
  return out + '"';
}

class LineSink : public Sink {
 public:
  explicit LineSink(SinkOptions options) : options_(options) {}

 protected:
  [[nodiscard]] bool wants(const Event& event) const { return event.kind->level >= options_.least; }
  [[nodiscard]] bool colour() const { return options_.colour; }
  void put(std::string line) const {
    line += '\n';
    std::string_view rest = line;
    while (!rest.empty()) {
      const auto n = ::write(options_.descriptor, rest.data(), rest.size());
      if (n <= 0) return;  // a log that cannot be written must not stop the mail
      rest.remove_prefix(static_cast<std::size_t>(n));
    }
  }

 private:
  SinkOptions options_;
};

class TextSink final : public LineSink {
 public:
  using LineSink::LineSink;
  void write(const Event& event, WallTime time) override {
    if (wants(event)) put(format_text(event, time, colour()));
  }
};

class JsonSink final : public LineSink {
 public:
  using LineSink::LineSink;
  void write(const Event& event, WallTime time) override {
    if (wants(event)) put(format_json(event, time));
  }
};

}  // namespace

std::string_view to_string(Level level) noexcept {
  static constexpr std::array<std::string_view, 4> words{"debug", "info", "warning", "error"};
  return words[static_cast<std::size_t>(level)];
}

void Log::write(const Event& event) {
  if (sinks_.empty()) return;
  const auto time = clock_();
  const std::lock_guard lock(mutex_);
  for (const auto& sink : sinks_) sink->write(event, time);
}

std::string format_text(const Event& event, WallTime time, bool colour) {
  static constexpr std::array<std::string_view, 4> colours{"\x1b[2m", "", "\x1b[33m", "\x1b[31m"};
  const auto level = static_cast<std::size_t>(event.kind->level);
  std::string line = timestamp(time) + ' ';
  if (colour) line += colours[level];
  line += to_string(event.kind->level);
  line += ' ';
  line += event.kind->words;
  if (colour && !colours[level].empty()) line += "\x1b[0m";
  for (std::size_t i = 0; i < event.values.size(); ++i) {
    ((line += ' ') += event.kind->fields[i].name) += '=';
    line += text_value(event.values[i]);
  }
  return line;
}

std::string format_json(const Event& event, WallTime time) {
  std::string line = fmt::format(R"({{"time":"{}","level":"{}","event":"{}")", timestamp(time), to_string(event.kind->level), event.kind->name);
  for (std::size_t i = 0; i < event.values.size(); ++i) {
    line += fmt::format(",\"{}\":", event.kind->fields[i].name);
    const auto* number = std::get_if<std::uint64_t>(&event.values[i]);
    line += number != nullptr ? std::to_string(*number) : json_string(std::get<std::string>(event.values[i]));
  }
  return line + '}';
}

std::shared_ptr<Sink> make_text_sink(SinkOptions options) { return std::make_shared<TextSink>(options); }
std::shared_ptr<Sink> make_json_sink(SinkOptions options) { return std::make_shared<JsonSink>(options); }

std::string reference(std::span<const EventKind* const> kinds) {
  std::string page = "| event | level | words | fields |\n|---|---|---|---|\n";
  for (const auto* kind : kinds) {
    page += fmt::format("| `{}` | {} | {} |", kind->name, to_string(kind->level), kind->words);
    for (const auto& field : kind->fields) page += fmt::format(" `{}` {};", field.name, field.doc);
    page += " |\n";
  }
  return page;
}

}  // namespace postroad::observe
