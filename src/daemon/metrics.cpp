// Declarations and reading of the gauges; see metrics.hpp.
#include "daemon/metrics.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "daemon/events.hpp"
#include "observe/sinks.hpp"
#include "queue/events.hpp"
#include "server/events.hpp"

namespace postroad::daemon {

namespace {

using observe::MetricKind;
using Type = MetricKind::Type;

const std::vector<MetricKind>& gauges() {
  static const std::vector<MetricKind> kinds{
      {"postroad_sessions_open", "Open sessions.", Type::gauge},
      {"postroad_spool_healthy", "1 while the spool accepts messages, else 0.", Type::gauge},
      {"postroad_mailboxes_healthy", "1 while the mailboxes accept messages, else 0.", Type::gauge},
      {"postroad_spool_messages", "Messages in the spool.", Type::gauge},
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
  for (const auto kinds : {server::event_kinds(), queue::event_kinds(), event_kinds()})
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
                          const relay::Delivery& delivery) {
  const auto set = [this](std::string_view name, std::int64_t n) { metrics_.cell(name).set(n); };
  const auto statistics = spool.statistics();
  set("postroad_sessions_open", signed_of(server.sessions()));
  set("postroad_spool_healthy", spool.health() ? 1 : 0);
  set("postroad_mailboxes_healthy", delivery.health() ? 1 : 0);
  set("postroad_spool_messages", signed_of(statistics.messages));
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
  return metrics_.text();
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
  for (const auto& kind : gauges())
    row(kind.name, kind.type == Type::gauge ? "gauge" : "counter", "", kind.doc);
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
