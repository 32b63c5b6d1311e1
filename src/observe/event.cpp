// Events as sentences, and the reference page. Every text value is made printable here, before
// anything is built from it. Not here: log lines (sinks.cpp). See event.hpp.
#include "observe/event.hpp"

#include <fmt/format.h>

#include <iterator>

#include "base/text.hpp"

namespace postroad::observe {
namespace {

// "1.204s", "35ms", "250us".
void append_duration(std::string& out, std::chrono::nanoseconds time) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
  const auto end = std::back_inserter(out);
  if (us < 1000 && us > -1000) {
    fmt::format_to(end, "{}us", us);
  } else if (us < 1'000'000 && us > -1'000'000) {
    fmt::format_to(end, "{}ms", us / 1000);
  } else {
    fmt::format_to(end, "{:.3f}s", static_cast<double>(us) / 1e6);
  }
}

void append_field(std::string& out, const Event& event, std::string_view name) {
  const auto& fields = event.kind().fields;
  for (std::size_t i = 0; i < fields.size() && i < Event::max_fields; ++i) {
    if (fields[i].name != name) continue;
    if (event.value(i).is_given()) {
      append(out, event.value(i));
    } else {
      out += '-';
    }
    return;
  }
  fmt::format_to(std::back_inserter(out), "{{{}}}", name);
}

std::string labels(const FieldInfo& field) {
  if (field.labels.empty()) return {};
  return fmt::format("; label: {}", fmt::join(field.labels, ", "));
}

}  // namespace

std::string_view to_string(Level level) noexcept {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warning:
      return "warning";
    case Level::error:
      return "error";
  }
  return "unknown";
}

std::string format(const FieldValue& value) {
  std::string out;
  append(out, value);
  return out;
}

void append(std::string& out, const FieldValue& value) {
  const auto& stored = value.stored();
  if (const auto* text = std::get_if<std::string_view>(&stored)) append_printable(out, *text);
  if (const auto* number = std::get_if<std::int64_t>(&stored)) out += std::to_string(*number);
  if (const auto* count = std::get_if<std::uint64_t>(&stored)) out += std::to_string(*count);
  if (const auto* flag = std::get_if<bool>(&stored)) out += *flag ? "true" : "false";
  if (const auto* time = std::get_if<std::chrono::nanoseconds>(&stored))
    append_duration(out, *time);
}

std::string sentence(const Event& event) {
  std::string out;
  append_sentence(out, event);
  return out;
}

void append_sentence(std::string& out, const Event& event) {
  for (std::string_view rest = event.kind().text; !rest.empty();) {
    const auto open = rest.find('{');
    const auto close = rest.find('}', open);
    out += rest.substr(0, open);
    if (open == std::string_view::npos || close == std::string_view::npos) break;
    append_field(out, event, rest.substr(open + 1, close - open - 1));
    rest.remove_prefix(close + 1);
  }
}

std::string reference(std::span<const EventInfo* const> kinds) {
  std::string out;
  for (const EventInfo* kind : kinds) {
    out += fmt::format("\n## `{}`\n\n{} Level: {}. Sentence: “{}”.\n", kind->name, kind->doc,
                       to_string(kind->level), kind->text);
    if (kind->fields.empty()) continue;
    out += "\n| Field | Unit | Meaning |\n|---|---|---|\n";
    for (const auto& field : kind->fields) {
      out +=
          fmt::format("| `{}` | {} | {}{} |\n", field.name, field.unit, field.doc, labels(field));
    }
  }
  return out;
}

}  // namespace postroad::observe
