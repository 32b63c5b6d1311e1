// Declarations and reading of the gauges; see metrics.hpp.
#include "daemon/metrics.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <tuple>
#include <vector>

#include "daemon/events.hpp"
#include "observe/sinks.hpp"
#include "queue/events.hpp"
#include "relay/events.hpp"
#include "server/events.hpp"

namespace postroad::daemon {

namespace {

using observe::MetricKind;
using Type = MetricKind::Type;

constexpr std::array<std::string_view, 5> places{"due", "waiting", "lookup", "line", "attempt"};
constexpr auto queue_doc =
    "Messages by place: due, waiting for their time, for the DNS, in the line of a site, or in an "
    "attempt. One with several recipients may count in more than one.";

// The values have the names of sites as labels, so that they are not cells.
struct SiteGauge {
  std::string_view name, doc;
  std::int64_t (*value)(const queue::SiteFacts&);
};

constexpr std::array<SiteGauge, 4> site_gauges{
    {{"postroad_site_waiting", "Messages in the line of a site.",
      [](const queue::SiteFacts& site) { return static_cast<std::int64_t>(site.waiting); }},
     {"postroad_site_attempts", "Attempts under way at a site.",
      [](const queue::SiteFacts& site) { return static_cast<std::int64_t>(site.under_way); }},
     {"postroad_site_limit", "Attempts at once that a site gets now.",
      [](const queue::SiteFacts& site) { return static_cast<std::int64_t>(site.limit); }},
     {"postroad_site_closed",
      "Why a site gets no messages: 0: it gets them; 1: it is down; 2: a host asked for a pause; "
      "3: an operator paused it.",
      [](const queue::SiteFacts& site) -> std::int64_t {
        return site.is_held ? 3 : site.waits_until > 0 ? 2 : site.is_down ? 1 : 0;
      }}}};

std::string site_text(std::vector<queue::SiteFacts> sites) {
  const auto rank = [](const queue::SiteFacts& site) {
    return std::tuple(site.waiting, site.is_held, site.waits_until > 0, site.is_down,
                      site.under_way);
  };
  std::sort(sites.begin(), sites.end(),
            [&](const auto& one, const auto& other) { return rank(one) > rank(other); });
  if (sites.size() > Metrics::most_sites) sites.resize(Metrics::most_sites);
  std::string text;
  for (const auto& gauge : site_gauges) {
    text += fmt::format("# HELP {} {}\n# TYPE {} gauge\n", gauge.name, gauge.doc, gauge.name);
    for (const auto& site : sites)
      text += fmt::format("{}{{site=\"{}\"}} {}\n", gauge.name, observe::escape_label(site.name),
                          gauge.value(site));
  }
  return text;
}

std::int64_t oldest_age(spool::Spool& spool) {
  const auto first = spool.list_after({}, 1);
  if (first.empty()) return 0;
  const auto envelope = spool.envelope(first.front().id);
  return envelope ? std::max<std::int64_t>(queue::now_ms() - envelope->arrived, 0) / 1000 : 0;
}

const std::vector<MetricKind>& gauges() {
  static const std::vector<MetricKind> kinds{
      {"postroad_sessions_open", "Open sessions.", Type::gauge},
      {"postroad_spool_healthy", "1 while the spool accepts messages, else 0.", Type::gauge},
      {"postroad_mailboxes_healthy", "1 while the mailboxes accept messages, else 0.", Type::gauge},
      {"postroad_spool_messages", "Messages in the spool.", Type::gauge},
      {"postroad_queue_oldest_seconds", "Age of the oldest message in the spool; 0: it is empty.",
       Type::gauge},
      {"postroad_queue_messages", queue_doc, Type::gauge, {{"place", places}}},
      {"postroad_spool_bytes", "Bytes of the messages in the spool.", Type::gauge},
      {"postroad_spool_disk_bytes", "Bytes of the spool's segments on disk.", Type::gauge},
      {"postroad_spool_segments", "Segments of the spool.", Type::gauge},
      {"postroad_spool_commits_total", "Messages written to disk since the start.", Type::counter},
      {"postroad_spool_syncs_total", "Disk syncs since the start.", Type::counter},
      {"postroad_spool_damaged_total", "Damaged records found.", Type::counter},
      {"postroad_log_lines_dropped_total", "Log lines that could not be written.", Type::counter},
      {"process_resident_memory_bytes", "Resident memory.", Type::gauge},
      {"process_open_fds", "Open descriptors.", Type::gauge},
      {"process_cpu_seconds_total", "CPU time in whole seconds.", Type::counter},
      {"process_start_time_seconds", "Unix time of the start.", Type::gauge},
  };
  return kinds;
}

std::vector<const observe::EventInfo*> all_events() {
  std::vector<const observe::EventInfo*> all;
  for (const auto kinds :
       {server::event_kinds(), queue::event_kinds(), relay::event_kinds(), event_kinds()})
    all.insert(all.end(), kinds.begin(), kinds.end());
  return all;
}

std::int64_t resident() {
  std::ifstream file("/proc/self/statm");
  std::int64_t pages = 0;
  file >> pages >> pages;
  return pages * ::sysconf(_SC_PAGESIZE);
}

std::int64_t open_descriptors() {
  std::error_code error;
  const std::filesystem::directory_iterator folder("/proc/self/fd", error);
  return error ? 0 : std::distance(begin(folder), end(folder)) - 1;
}

std::int64_t signed_of(std::uint64_t n) { return static_cast<std::int64_t>(n); }

}  // namespace

Metrics::Metrics() {
  for (const auto& kind : gauges()) metrics_.declare(kind);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  metrics_.cell("process_start_time_seconds")
      .set(std::chrono::duration_cast<std::chrono::seconds>(now).count());
}

void Metrics::count(observe::Log& log) {
  const auto all = all_events();
  log.add_sink(std::make_shared<observe::CountSink>(metrics_, all), observe::Level::debug);
}

std::string Metrics::text(const server::Server& server, spool::Spool& spool,
                          const relay::Delivery& delivery, std::vector<queue::SiteFacts> sites) {
  const auto set = [this](std::string_view name, std::int64_t n) { metrics_.cell(name).set(n); };
  const auto statistics = spool.statistics();
  set("postroad_sessions_open", signed_of(server.sessions()));
  set("postroad_spool_healthy", spool.health() ? 1 : 0);
  set("postroad_mailboxes_healthy", delivery.health() ? 1 : 0);
  set("postroad_spool_messages", signed_of(statistics.messages));
  set("postroad_queue_oldest_seconds", oldest_age(spool));
  const auto counts = delivery.counts();
  const std::array values{counts.due, counts.waiting, counts.lookup, counts.line, counts.attempt};
  for (std::size_t i = 0; i < places.size(); ++i)
    metrics_.cell("postroad_queue_messages", {places[i]}).set(signed_of(values[i]));
  set("postroad_spool_bytes", signed_of(statistics.bytes));
  set("postroad_spool_disk_bytes", signed_of(statistics.disk));
  set("postroad_spool_segments", signed_of(statistics.segments));
  set("postroad_spool_commits_total", signed_of(statistics.commits));
  set("postroad_spool_syncs_total", signed_of(statistics.syncs));
  set("postroad_spool_damaged_total", signed_of(statistics.damaged));
  set("postroad_log_lines_dropped_total", signed_of(observe::dropped_lines()));
  set("process_resident_memory_bytes", resident());
  set("process_open_fds", open_descriptors());
  timespec cpu{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
  set("process_cpu_seconds_total", cpu.tv_sec);
  return metrics_.text() + site_text(std::move(sites));
}

std::string Metrics::reference() {
  std::string out =
      "# Metrics\n\nThe metrics of `/metrics` (`metrics.listen`).\n\n"
      "| name | type | labels | meaning |\n|---|---|---|---|\n";
  const auto row = [&](const std::string& name, std::string_view type, const std::string& labels,
                       std::string_view doc) {
    out += "| `" + name + "` | " + std::string(type) + " | " + labels + " | " + std::string(doc) +
           " |\n";
  };
  for (const auto& kind : gauges()) {
    std::string labels;
    for (const auto& label : kind.labels) {
      labels += '`' + std::string(label.name) + "`:";
      for (const auto value : label.values) labels += ' ' + std::string(value);
    }
    row(kind.name, kind.type == Type::gauge ? "gauge" : "counter", labels, kind.doc);
  }
  const auto sites = fmt::format("`site`: the {} with the most waiting messages", most_sites);
  for (const auto& gauge : site_gauges) row(std::string(gauge.name), "gauge", sites, gauge.doc);
  for (const auto* kind : all_events()) {
    std::string labels;
    for (const auto& field : kind->fields) {
      if (field.labels.empty()) continue;
      labels += (labels.empty() ? "`" : "; `") + std::string(field.name) + "`:";
      for (const auto value : field.labels) labels += ' ' + std::string(value);
    }
    row(counter_name(*kind), "counter", labels, kind->doc);
  }
  return out;
}

}  // namespace postroad::daemon
