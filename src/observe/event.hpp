// An event is declared once, as an EventInfo; log line, JSON record, counter and reference row
// follow from the declaration.
//
//   inline constexpr FieldInfo opened_fields[] = {
//       {"client", "address and port"}, {"listener", "listener name", "", listener_names}};
//   inline constexpr EventInfo opened{"session.opened", Level::info, "{client} connected to
//   {listener}",
//                                     opened_fields, "A client connected."};
//   log.write(opened, client, "smtp");
//
// Not here: destinations (log.hpp, sinks.hpp) and metrics that are not counts of events
// (metrics.hpp).
#pragma once

#include <array>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace postroad::observe {

enum class Level : std::uint8_t { debug, info, warning, error };
std::string_view to_string(Level level) noexcept;

/// One field of an event. With `labels` its values are a bounded set, and it becomes a label of the
/// event's counter; a value outside the set counts as "other". Addresses, domains and names from
/// the network must have no labels.
struct FieldInfo {
  std::string_view name;  ///< not time, level, event or text, which JSON records have already
  std::string_view doc;
  std::string_view unit{};  ///< of the JSON value: "bytes", "seconds"; empty for other values
  std::span<const std::string_view> labels{};
};

/// A kind of event. All views have static lifetime.
struct EventInfo {
  std::string_view name;  ///< "session.opened": subject and verb
  Level level = Level::info;
  std::string_view text;  ///< the sentence, fields in braces: "{client} connected"
  std::span<const FieldInfo> fields{};
  std::string_view doc{};
};

/// A field's value. Text is a view, which must live until the event is written.
class FieldValue {
 public:
  using Stored = std::variant<std::monostate, std::string_view, std::int64_t, std::uint64_t, bool,
                              std::chrono::nanoseconds>;

  /// No value: the field is left out.
  constexpr FieldValue() = default;
  template <class T>
    requires std::convertible_to<const T&, std::string_view>
  constexpr FieldValue(const T& text) : stored_(std::string_view(text)) {}
  template <std::integral T>
  constexpr FieldValue(T number) {
    if constexpr (std::same_as<T, bool>) {
      stored_ = number;
    } else if constexpr (std::signed_integral<T>) {
      stored_ = std::int64_t{number};
    } else {
      stored_ = std::uint64_t{number};
    }
  }
  template <class Rep, class Period>
  constexpr FieldValue(std::chrono::duration<Rep, Period> time)
      : stored_(std::chrono::duration_cast<std::chrono::nanoseconds>(time)) {}

  [[nodiscard]] constexpr const Stored& stored() const noexcept { return stored_; }
  [[nodiscard]] constexpr bool is_given() const noexcept { return stored_.index() != 0; }

 private:
  Stored stored_;
};

/// One event: its kind and the values of its fields in declared order. Made without allocation; it
/// holds views, so write it at once and do not keep it.
class Event {
 public:
  static constexpr std::size_t max_fields = 16;

  template <class... Values>
    requires(sizeof...(Values) <= max_fields)
  explicit constexpr Event(const EventInfo& kind, const Values&... values)
      : kind_(&kind), values_{FieldValue(values)...} {}

  [[nodiscard]] constexpr const EventInfo& kind() const noexcept { return *kind_; }
  /// The value of the i-th field; not given when the event was made with fewer values.
  [[nodiscard]] constexpr const FieldValue& value(std::size_t i) const noexcept {
    return values_[i];
  }

 private:
  const EventInfo* kind_;
  std::array<FieldValue, max_fields> values_;
};

/// A value as printable text without quotes: "35", "true", "1.204s". Empty when not given.
std::string format(const FieldValue& value);
/// Appends `format(value)` to `out`.
void append(std::string& out, const FieldValue& value);
/// The event's sentence with the values filled in: one line, whatever they contain.
std::string sentence(const Event& event);
/// Appends `sentence(event)` to `out`.
void append_sentence(std::string& out, const Event& event);
/// The reference in Markdown: one section per kind, with level, sentence and fields.
std::string reference(std::span<const EventInfo* const> kinds);

}  // namespace postroad::observe
