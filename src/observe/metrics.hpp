// Counters and gauges, declared in advance with bounded labels, and their Prometheus text.
// CountSink counts events; other metrics (messages in the queue) have cells of their own. Not here:
// the HTTP endpoint that serves the text.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "observe/log.hpp"

namespace postroad::observe {

struct LabelKind {
  std::string_view name;
  std::span<const std::string_view> values;  ///< all values; any other counts as "other"
};

/// The declaration of a metric. Views live as long as the Metrics that it is declared to.
struct MetricKind {
  enum class Type : std::uint8_t { counter, gauge };
  std::string name;  ///< "postroad_queue_messages"; a counter's ends with _total
  std::string doc;
  Type type = Type::counter;
  std::vector<LabelKind> labels{};
};

/// One value. Lock-free, from any thread.
class Cell {
 public:
  void add(std::int64_t n = 1) noexcept { value_.fetch_add(n, std::memory_order_relaxed); }
  /// Gauges only.
  void set(std::int64_t n) noexcept { value_.store(n, std::memory_order_relaxed); }
  [[nodiscard]] std::int64_t value() const noexcept {
    return value_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::int64_t> value_{0};
};

/// All metrics of a program. Thread rule: any thread. Memory is fixed by the declarations: one cell
/// per combination of labels.
class Metrics {
 public:
  /// Declares a metric. A second declaration of the same name is ignored.
  void declare(const MetricKind& kind);
  /// The cell of a declared metric, labels in declared order. It lives as long as this object: keep
  /// the reference in frequent code. An undeclared name returns a cell that is not shown.
  Cell& cell(std::string_view name, std::initializer_list<std::string_view> labels = {});
  Cell& cell(std::string_view name, std::span<const std::string_view> labels);
  /// The text exposition format, version 0.0.4, in order of names.
  [[nodiscard]] std::string text() const;

 private:
  struct Family {
    MetricKind kind;
    std::deque<Cell> cells;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Family, std::less<>> families_;
  Cell nowhere_;
};

/// Counts each event of the declared kinds (`postroad_session_opened_total`), labelled by its
/// bounded fields. Add it to the log at Level::debug, so that every level is counted. `metrics`
/// must outlive it.
class CountSink final : public Sink {
 public:
  CountSink(Metrics& metrics, std::span<const EventInfo* const> kinds);
  void take(std::chrono::system_clock::time_point when, const Event& event) noexcept override;

 private:
  Metrics& metrics_;
  std::map<const EventInfo*, std::string> names_;
};

/// The value of a label in the exposition format: backslash, quote and line end are escaped.
std::string escape_label(std::string_view text);

/// `session.opened` → `postroad_session_opened_total`.
std::string counter_name(const EventInfo& kind);

}  // namespace postroad::observe
