// The lines of the sinks. A line that cannot be made for lack of memory is dropped: logging must
// never break the code that logs. Not here: the sentence of an event (event.cpp). See sinks.hpp.
#include "observe/sinks.hpp"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <exception>
#include <iterator>
#include <system_error>

#include "base/descriptor.hpp"
#include "base/text.hpp"

namespace postroad::observe {
namespace {

// Bytes of a value that are shown: a peer must not be able to fill the disk with one line.
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

// A value as one word, quoted where its end would be ambiguous. Quotes and backslashes of the value
// are escaped before control characters are, so that the two kinds of escape cannot be confused.
void append_word(std::string& out, const FieldValue& value) {
  const auto* text = std::get_if<std::string_view>(&value.stored());
  if (text == nullptr) return append(out, value);
  if (!text->empty() && text->find_first_of(" \"\\=") == std::string_view::npos)
    return append_printable(out, *text);
  thread_local std::string escaped;
  escaped.clear();
  for (const char c : text->substr(0, longest)) {
    if (c == '"' || c == '\\') escaped += '\\';
    escaped += c;
  }
  out += '"';
  append_printable(out, escaped, 2 * longest);
  out += text->size() > longest ? "…\"" : "\"";
}

void append_fields(std::string& out, const Event& event) {
  const auto& fields = event.kind().fields;
  for (std::size_t i = 0; i < fields.size() && i < Event::max_fields; ++i) {
    const auto& value = event.value(i);
    if (!value.is_given()) continue;
    out += ' ';
    out += fields[i].name;
    out += '=';
    append_word(out, value);
  }
}

void append_time(std::string& out, std::chrono::system_clock::time_point when) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(when);
  const auto s = std::chrono::floor<std::chrono::seconds>(ms);
  fmt::format_to(std::back_inserter(out), "{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                 fmt::gmtime(std::chrono::system_clock::to_time_t(s)), (ms - s).count());
}

void append_json(std::string& out, std::string_view text);

void append_json_value(std::string& out, const FieldValue& value) {
  if (const auto* text = std::get_if<std::string_view>(&value.stored())) {
    out += '"';
    append_json(out, text->substr(0, longest));
    out += '"';
  } else if (const auto* time = std::get_if<std::chrono::nanoseconds>(&value.stored())) {
    fmt::format_to(std::back_inserter(out), "{:.6f}", static_cast<double>(time->count()) / 1e9);
  } else {
    append(out, value);
  }
}

// In a thread-local buffer: a line is made for every message.
const std::string& json_line(std::chrono::system_clock::time_point when, const Event& event) {
  thread_local std::string line;
  thread_local std::string text;
  const auto& kind = event.kind();
  line.clear();
  line += "{\"time\":\"";
  append_time(line, when);
  line += "\",\"level\":\"";
  line += to_string(kind.level);
  line += "\",\"event\":\"";
  append_json(line, kind.name);
  line += '"';
  for (std::size_t i = 0; i < kind.fields.size() && i < Event::max_fields; ++i) {
    const auto& value = event.value(i);
    if (!value.is_given()) continue;
    line += ",\"";
    append_json(line, kind.fields[i].name);
    line += "\":";
    append_json_value(line, value);
  }
  text.clear();
  append_sentence(text, event);
  line += ",\"text\":\"";
  append_json(line, text);
  line += "\"}\n";
  return line;
}

// Bytes of the UTF-8 character at the front; 0 when there is none.
std::size_t character(std::string_view text) {
  for (std::size_t n = 1; n <= 4 && n <= text.size(); ++n) {
    if (is_utf8(text.substr(0, n))) return n;
  }
  return 0;
}

// Characters that end a line or control a terminal, although JSON allows them unescaped.
bool must_escape(std::string_view shown) {
  return (shown[0] == '\xc2' && static_cast<unsigned char>(shown[1]) < 0xa0) || shown == "\u2028" ||
         shown == "\u2029";
}

std::string escape_character(std::string_view shown) {
  if (shown.size() == 2) return fmt::format("\\u00{:02x}", static_cast<unsigned char>(shown[1]));
  return shown == "\u2028" ? "\\u2028" : "\\u2029";
}

bool is_plain(char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; }

void append_json(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const auto plain = static_cast<std::size_t>(
        std::find_if_not(text.begin(), text.end(), is_plain) - text.begin());
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) return;
    const auto length = character(text);
    const auto shown = text.substr(0, std::max<std::size_t>(length, 1));
    if (length == 0) {
      out += "\xef\xbf\xbd";
    } else if (length > 1) {
      out += must_escape(shown) ? escape_character(shown) : std::string(shown);
    } else if (is_control(shown[0])) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(shown[0]));
    } else {
      if (shown[0] == '"' || shown[0] == '\\') out += '\\';
      out += shown;
    }
    text.remove_prefix(shown.size());
  }
}

}  // namespace

namespace {

std::atomic<std::uint64_t> dropped{0};

// Writes the whole line. False: the descriptor did not take it.
// For a pipe, terminal or socket. The descriptor may be shared with other programs, so it stays
// blocking: after poll, PIPE_BUF bytes can be written without blocking, and no more are written at
// once.
class PipeWriter final {
 public:
  explicit PipeWriter(int descriptor) : descriptor_(descriptor) {}
  bool write(std::string_view line) {
    const std::lock_guard lock(mutex_);
    while (!line.empty()) {
      pollfd wanted{descriptor_, POLLOUT, 0};
      is_stalled_ = ::poll(&wanted, 1, is_stalled_ ? 0 : patience) <= 0;
      if (is_stalled_ || !write_all(descriptor_, line.substr(0, PIPE_BUF))) return false;
      line.remove_prefix(std::min<std::size_t>(line.size(), PIPE_BUF));
    }
    return true;
  }

 private:
  static constexpr int patience = 50;  // milliseconds
  int descriptor_;
  std::mutex mutex_;
  bool is_stalled_ = false;
};

}  // namespace

bool wants_colour(int descriptor) {
  const char* no = std::getenv("NO_COLOR");
  return ::isatty(descriptor) == 1 && (no == nullptr || *no == '\0');
}

LineWriter write_to(int descriptor) {
  struct stat facts {};
  const bool is_file = ::fstat(descriptor, &facts) == 0 && S_ISREG(facts.st_mode);
  if (is_file) {
    return [descriptor](std::string_view line) {
      if (!write_all(descriptor, line)) dropped.fetch_add(1, std::memory_order_relaxed);
    };
  }
  return [writer = std::make_shared<PipeWriter>(descriptor)](std::string_view line) {
    if (!writer->write(line)) dropped.fetch_add(1, std::memory_order_relaxed);
  };
}

std::uint64_t dropped_lines() noexcept { return dropped.load(std::memory_order_relaxed); }

namespace {

Result<Descriptor> open_log(const std::string& path) {
  Descriptor opened(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640));
  if (opened) return opened;
  return fail(Fault::io, path,
              "the log cannot be opened: " + std::generic_category().message(errno) +
                  "; create its folder and make it writable for the server's user");
}

}  // namespace

Result<std::shared_ptr<LogFile>> LogFile::open(std::string path) {
  auto opened = open_log(path);
  if (!opened) return opened.error();
  return std::shared_ptr<LogFile>(new LogFile(std::move(path), std::move(*opened)));
}

// dup3 replaces the file behind the descriptor in one step: each line goes to one of the two files.
Result<void> LogFile::reopen() {
  const auto fresh = open_log(path_);
  if (!fresh) return fresh.error();
  if (::dup3(fresh->get(), descriptor_.get(), O_CLOEXEC) >= 0) return {};
  return fail(Fault::io, path_,
              "the log cannot be reopened: " + std::generic_category().message(errno) +
                  "; the old file is still used");
}

void TextSink::take(std::chrono::system_clock::time_point when, const Event& event) noexcept {
  try {
    const auto level = event.kind().level;
    thread_local std::string line;
    line.clear();
    append_time(line, when);
    line += ' ';
    if (style_.colour) line += colour_of(level);
    line += to_string(level);
    if (style_.colour) line += "\x1b[0m";
    line += ' ';
    if (style_.sentences) {
      append_sentence(line, event);
    } else {
      line += event.kind().name;
      append_fields(line, event);
    }
    line += '\n';
    writer_(line);
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

std::size_t CaptureSink::count(const EventInfo& kind) const {
  const std::scoped_lock lock(mutex_);
  std::size_t n = 0;
  for (const auto& record : records_) n += record.kind == &kind ? 1 : 0;
  return n;
}

std::string escape_json(std::string_view text) {
  std::string out;
  append_json(out, text);
  return out;
}

std::string json_string(std::string_view text) { return '"' + escape_json(text) + '"'; }

std::string json_list(const std::vector<std::string>& texts) {
  std::string list;
  for (const auto& text : texts) list += (list.empty() ? "" : ",") + json_string(text);
  return '[' + list + ']';
}

std::string format_time(std::chrono::system_clock::time_point when) {
  std::string out;
  append_time(out, when);
  return out;
}

std::string format_time(std::int64_t when) {
  return format_time(std::chrono::system_clock::time_point(std::chrono::milliseconds(when)));
}

}  // namespace postroad::observe
