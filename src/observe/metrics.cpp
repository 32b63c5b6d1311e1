// The cells of a family lie in one array: the positions of the label values are the digits of the
// index, and "other" is the last digit of each. The lock guards the map, not the cells. See
// metrics.hpp.
#include "observe/metrics.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace postroad::observe {

std::string escape_label(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

namespace {

std::size_t digit(const LabelKind& label, std::string_view value) {
  const auto at = std::find(label.values.begin(), label.values.end(), value);
  return static_cast<std::size_t>(at - label.values.begin());
}

std::size_t cell_count(const MetricKind& kind) {
  std::size_t n = 1;
  for (const auto& label : kind.labels) n *= label.values.size() + 1;
  return n;
}

// {listener="smtp",tls="yes"} of the cell at `index`; empty without labels.
std::string label_text(const MetricKind& kind, std::size_t index) {
  std::string out;
  for (auto label = kind.labels.rbegin(); label != kind.labels.rend(); ++label) {
    const auto base = label->values.size() + 1;
    const auto value = index % base < label->values.size() ? label->values[index % base] : "other";
    out =
        fmt::format("{}=\"{}\"{}{}", label->name, escape_label(value), out.empty() ? "" : ",", out);
    index /= base;
  }
  return out.empty() ? out : "{" + out + "}";
}

// Whether any label is "other": such a cell is shown only when its value is not zero.
bool has_other(const MetricKind& kind, std::size_t index) {
  for (auto label = kind.labels.rbegin(); label != kind.labels.rend(); ++label) {
    const auto base = label->values.size() + 1;
    if (index % base == label->values.size()) return true;
    index /= base;
  }
  return false;
}

std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

}  // namespace

void Metrics::declare(const MetricKind& kind) {
  const std::scoped_lock lock(mutex_);
  const auto [at, is_new] = families_.try_emplace(kind.name);
  if (!is_new) return;
  at->second.kind = kind;
  for (std::size_t i = cell_count(kind); i > 0; --i) at->second.cells.emplace_back();
}

Cell& Metrics::cell(std::string_view name, std::initializer_list<std::string_view> labels) {
  return cell(name, std::span(labels.begin(), labels.size()));
}

Cell& Metrics::cell(std::string_view name, std::span<const std::string_view> labels) {
  const std::scoped_lock lock(mutex_);
  const auto found = families_.find(name);
  if (found == families_.end()) return nowhere_;
  auto& [kind, cells] = found->second;
  std::size_t index = 0;
  for (std::size_t i = 0; i < kind.labels.size(); ++i) {
    const auto& label = kind.labels[i];
    index = index * (label.values.size() + 1) + digit(label, i < labels.size() ? labels[i] : "");
  }
  return cells[index];
}

std::string Metrics::text() const {
  const std::scoped_lock lock(mutex_);
  std::string out;
  for (const auto& [name, family] : families_) {
    const auto& kind = family.kind;
    const bool is_counter = kind.type == MetricKind::Type::counter;
    out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, one_line(kind.doc), name,
                       is_counter ? "counter" : "gauge");
    for (std::size_t i = 0; i < family.cells.size(); ++i) {
      const auto value = family.cells[i].value();
      if (value != 0 || !has_other(kind, i))
        out += fmt::format("{}{} {}\n", name, label_text(kind, i), value);
    }
  }
  return out;
}

std::string counter_name(const EventInfo& kind) {
  std::string name(kind.name);
  std::replace(name.begin(), name.end(), '.', '_');
  return "postroad_" + name + "_total";
}

CountSink::CountSink(Metrics& metrics, std::span<const EventInfo* const> kinds)
    : metrics_(metrics) {
  for (const EventInfo* kind : kinds) {
    MetricKind counter{counter_name(*kind), std::string(kind->doc), MetricKind::Type::counter, {}};
    for (const auto& field : kind->fields) {
      if (!field.labels.empty()) counter.labels.push_back({field.name, field.labels});
    }
    metrics_.declare(counter);
    names_.emplace(kind, counter.name);
  }
}

void CountSink::take(std::chrono::system_clock::time_point, const Event& event) noexcept {
  const auto name = names_.find(&event.kind());
  if (name == names_.end()) return;
  std::array<std::string_view, Event::max_fields> labels;
  std::size_t used = 0;
  const auto& fields = event.kind().fields;
  for (std::size_t i = 0; i < fields.size() && i < Event::max_fields; ++i) {
    if (fields[i].labels.empty()) continue;
    const auto* text = std::get_if<std::string_view>(&event.value(i).stored());
    labels[used++] = text == nullptr ? std::string_view{} : *text;
  }
  metrics_.cell(name->second, std::span(labels.data(), used)).add();
}

}  // namespace postroad::observe
