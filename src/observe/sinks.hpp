// Where events go: lines for people, JSON lines for programs, memory for tests. Each line is one
// write(2), so that lines of several threads and processes do not mix. Every text value is
// scrubbed: no field can begin a second line or reach the terminal as an escape sequence. Not here:
// counting (metrics.hpp).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <postroad/result.hpp>
#include <string>
#include <utility>
#include <vector>

#include "observe/log.hpp"

namespace postroad::observe {

/// Takes finished lines, each with its line end. The defaults of the sinks write to a file
/// descriptor.
using LineWriter = std::function<void(std::string_view line)>;
/// One write(2) a line; the descriptor stays the caller's and outlives the sink. A line that cannot
/// be written is dropped and counted. A pipe, a terminal or a socket that is not read must not hold
/// up who tells: it is waited for once, for a twentieth of a second, and then no more until it
/// takes something again.
LineWriter write_to(int descriptor);

/// Whether text written to `descriptor` may have colours: it is a terminal, and NO_COLOR is not
/// set.
bool wants_colour(int descriptor);
/// Lines that all writers of this process have dropped.
std::uint64_t dropped_lines() noexcept;

/// A file that gets lines at its end and can be moved away while it is written to: `reopen` then
/// begins it anew under its name. Any thread.
class LogFile final {
 public:
  /// Error: Fault::io with the path and the reason.
  static Result<std::shared_ptr<LogFile>> open(std::string path);
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;
  ~LogFile();
  /// After an error the old file is written to as before.
  Result<void> reopen();
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

 private:
  LogFile(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
  std::string path_;
  int descriptor_;  // stays the same number
};

/// `2026-11-23T12:00:00.123Z info session.opened client=[127.0.0.1]:4711 listener=smtp`, in UTC.
/// Values with blanks, quotes or backslashes stand in quotes.
class TextSink final : public Sink {
 public:
  struct Style {
    bool colour = false;     ///< the level in ANSI colours
    bool sentences = false;  ///< the kind's sentence in place of name and fields
  };
  explicit TextSink(int descriptor) : TextSink(write_to(descriptor), Style{}) {}
  TextSink(LineWriter writer, Style style) : writer_(std::move(writer)), style_(style) {}
  void take(std::chrono::system_clock::time_point when, const Event& event) noexcept override;

 private:
  LineWriter writer_;
  Style style_;
};

/// `{"time":"…","level":"info","event":"session.opened","client":"…"}`: one object a line, valid
/// UTF-8 and ASCII controls escaped whatever the values hold; durations are seconds.
class JsonSink final : public Sink {
 public:
  explicit JsonSink(int descriptor) : JsonSink(write_to(descriptor)) {}
  explicit JsonSink(LineWriter writer) : writer_(std::move(writer)) {}
  void take(std::chrono::system_clock::time_point when, const Event& event) noexcept override;

 private:
  LineWriter writer_;
};

/// Keeps what it was given, for tests. It grows without a bound.
class CaptureSink final : public Sink {
 public:
  struct Record {
    std::chrono::system_clock::time_point when;
    const EventInfo* kind = nullptr;
    std::map<std::string, std::string> fields;  ///< values as `format` gives them
    std::string text;                           ///< the sentence
  };
  void take(std::chrono::system_clock::time_point when, const Event& event) noexcept override;
  /// A copy of all so far.
  [[nodiscard]] std::vector<Record> records() const;
  /// How many of a kind so far.
  [[nodiscard]] std::size_t count(const EventInfo& kind) const;

 private:
  mutable std::mutex mutex_;
  std::vector<Record> records_;
};

/// `text` as the inside of a JSON string: quotes, backslashes and controls (also U+007F–U+009F,
/// U+2028, U+2029) escaped, octets that are not UTF-8 replaced by U+FFFD.
std::string escape_json(std::string_view text);
/// `text` as a JSON string, with its quotes.
std::string json_string(std::string_view text);
/// `2026-11-23T12:00:00.123Z`
std::string format_time(std::chrono::system_clock::time_point when);

}  // namespace postroad::observe
