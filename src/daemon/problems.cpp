// Collecting and wording of problems; see problems.hpp.
#include "daemon/problems.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/text.hpp"

namespace postroad::daemon {

namespace {

// "listener.0.role" is looked up as itself, then as its row; other options only as themselves.
unsigned line_of(const std::string& option, const Source& source) {
  if (const auto found = source.lines.find(option); found != source.lines.end())
    return found->second;
  const auto dot = option.rfind('.');
  if (!option.starts_with("listener.") || dot == std::string::npos) return 0;
  const auto row = source.lines.find(option.substr(0, dot));
  return row == source.lines.end() ? 0 : row->second;
}

// "listener.0.role" without its row, which the line tells.
std::string without_row(const std::string& option) {
  std::string name;
  for (const auto part : split(option, '.')) {
    if (parse_number(part)) continue;
    (name += name.empty() ? "" : ".") += part;
  }
  return name;
}

}  // namespace

void Problems::error(std::string option, std::string detail, Fault fault) {
  all_.push_back({Severity::error, std::move(option), std::move(detail), fault});
}

void Problems::error(std::string option, const Error& error) {
  const bool is_named = error.where.empty() || error.where == option;
  all_.push_back(
      {Severity::error, std::move(option), is_named ? error.detail : error.text(), error.fault});
}

void Problems::hazard(std::string option, std::string detail) {
  all_.push_back({Severity::hazard, std::move(option), std::move(detail)});
}

void Problems::warning(std::string option, std::string detail) {
  all_.push_back({Severity::warning, std::move(option), std::move(detail)});
}

bool Problems::has(Severity severity) const {
  return std::any_of(all_.begin(), all_.end(),
                     [&](const Problem& one) { return one.severity == severity; });
}

Error Problems::joined(const Source& source) const {
  Error all = fail(Fault::input, {}, {});
  for (const auto& problem : in_order(all_, source)) {
    if (problem.severity != Severity::error) continue;
    if (all.detail.empty()) all.fault = problem.fault;
    all.detail += (all.detail.empty() ? "" : "; ") + text_of(problem, source);
  }
  return all;
}

std::string text_of(const Problem& problem, const Source& source) {
  const auto line = line_of(problem.option, source);
  const auto place = line == 0 ? std::string() : source.file + ':' + std::to_string(line) + ": ";
  const auto name = line == 0 ? problem.option : without_row(problem.option);
  return place + (name.empty() ? "" : name + ": ") + problem.detail;
}

std::vector<Problem> in_order(std::vector<Problem> problems, const Source& source) {
  const auto key = [&](const Problem& problem) {
    const auto line = line_of(problem.option, source);
    return line == 0 ? std::numeric_limits<unsigned>::max() : line;
  };
  std::stable_sort(problems.begin(), problems.end(),
                   [&](const auto& a, const auto& b) { return key(a) < key(b); });
  return problems;
}

Findings findings(const config::LoadReport& loaded, const Problems& problems,
                  const std::string& file) {
  const Source source{file, loaded.lines};
  Findings found;
  for (const auto& warning : loaded.warnings) found.warnings.push_back(warning.text());
  for (const auto& error : loaded.errors) found.errors.push_back(error.text());
  const auto is_reported = [&](const Problem& problem) {
    const auto line = line_of(problem.option, source);
    const auto place = file + ':' + std::to_string(line) + ':';
    return line != 0 &&
           std::any_of(loaded.errors.begin(), loaded.errors.end(),
                       [&](const Error& error) { return error.where.starts_with(place); });
  };
  for (const auto& problem : in_order(problems.all(), source)) {
    if (is_reported(problem)) continue;
    auto& list = problem.severity == Severity::error    ? found.errors
                 : problem.severity == Severity::hazard ? found.hazards
                                                        : found.warnings;
    list.push_back(text_of(problem, source));
  }
  return found;
}

std::string listener_option(std::size_t index, std::string_view option) {
  return "listener." + std::to_string(index) + '.' + std::string(option);
}

}  // namespace postroad::daemon
