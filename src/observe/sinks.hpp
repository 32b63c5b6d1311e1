// Sinks for events: text lines, JSON lines, memory for tests. Each line is one write(2), so that
// lines of several threads and processes do not mix. Every text value is made printable: no field
// can begin a second line or reach a terminal as an escape sequence. Not here: counting
// (metrics.hpp).
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

#include "base/descriptor.hpp"
#include "observe/log.hpp"

namespace postroad::observe {

/// Takes complete lines, each with its line end.
using LineWriter = std::function<void(std::string_view line)>;
/// One write(2) per line. The descriptor is not owned and must outlive the writer. A line that
/// cannot be written is dropped and counted. A pipe, a terminal or a socket that is not read is
/// waited for once, for 50 ms, and then not again until it accepts a line.
LineWriter write_to(int descriptor);

/// Whether text written to `descriptor` may have colours: it is a terminal, and NO_COLOR is not
/// set.
bool wants_colour(int descriptor);
/// Lines dropped by all writers of this process.
std::uint64_t dropped_lines() noexcept;

/// A log file, opened for appending, that can be renamed while it is written to: `reopen` then
/// creates it again under its name. Thread rule: any thread.
class LogFile final {
 public:
  /// Error: Fault::io with the path and the reason.
  static Result<std::shared_ptr<LogFile>> open(std::string path);
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;
  /// Error: Fault::io; the old file then stays in use.
  Result<void> reopen();
  [[nodiscard]] int descriptor() const noexcept { return descriptor_.get(); }

 private:
  LogFile(std::string path, Descriptor opened)
      : path_(std::move(path)), descriptor_(std::move(opened)) {}
  std::string path_;
  Descriptor descriptor_;  // the number does not change
};

/// `2026-11-23T12:00:00.123Z info session.opened client=[127.0.0.1]:4711 listener=smtp`, in UTC.
/// Values with spaces, quotes or backslashes are quoted.
class TextSink final : public Sink {
 public:
  struct Style {
    bool colour = false;     ///< the level in ANSI colours
    bool sentences = false;  ///< the event's sentence in place of name and fields
  };
  explicit TextSink(int descriptor) : TextSink(write_to(descriptor), Style{}) {}
  TextSink(LineWriter writer, Style style) : writer_(std::move(writer)), style_(style) {}
  void take(std::chrono::system_clock::time_point when, const Event& event) noexcept override;

 private:
  LineWriter writer_;
  Style style_;
};

/// `{"time":"…","level":"info","event":"session.opened","client":"…"}`: one object per line,
/// valid UTF-8, control characters escaped whatever the values contain; durations are in seconds.
class JsonSink final : public Sink {
 public:
  explicit JsonSink(int descriptor) : JsonSink(write_to(descriptor)) {}
  explicit JsonSink(LineWriter writer) : writer_(std::move(writer)) {}
  void take(std::chrono::system_clock::time_point when, const Event& event) noexcept override;

 private:
  LineWriter writer_;
};

/// Keeps all events, for tests. It grows without a bound.
class CaptureSink final : public Sink {
 public:
  struct Record {
    std::chrono::system_clock::time_point when;
    const EventInfo* kind = nullptr;
    std::map<std::string, std::string> fields;  ///< values as `format` gives them
    std::string text;                           ///< the sentence
  };
  void take(std::chrono::system_clock::time_point when, const Event& event) noexcept override;
  /// A copy of the records so far.
  [[nodiscard]] std::vector<Record> records() const;
  /// The number of events of a kind so far.
  [[nodiscard]] std::size_t count(const EventInfo& kind) const;

 private:
  mutable std::mutex mutex_;
  std::vector<Record> records_;
};

/// `text` as the inside of a JSON string: quotes, backslashes and controls (also U+007F–U+009F,
/// U+2028, U+2029) escaped, bytes that are not UTF-8 replaced by U+FFFD.
std::string escape_json(std::string_view text);
/// `text` as a JSON string, with its quotes.
std::string json_string(std::string_view text);
/// A list of strings in JSON.
std::string json_list(const std::vector<std::string>& texts);
/// `2026-11-23T12:00:00.123Z`
std::string format_time(std::chrono::system_clock::time_point when);
/// The same of Unix milliseconds.
std::string format_time(std::int64_t when);

}  // namespace postroad::observe
