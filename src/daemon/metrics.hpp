// The metrics of a running server: every event counts itself, and gauges are read when the metrics
// are requested. The declarations are also the reference (docs/reference/metrics.md).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "observe/metrics.hpp"
#include "relay/delivery.hpp"
#include "server/server.hpp"
#include "spool/spool.hpp"

namespace postroad::daemon {

class Metrics final {
 public:
  Metrics();
  /// Counts the events of a log from now on. Must outlive the log.
  void count(observe::Log& log);
  /// Sites that are shown: those with the most waiting messages, then those that get none.
  static constexpr std::size_t most_sites = 20;
  /// All metrics in the Prometheus text format.
  std::string text(const server::Server& server, spool::Spool& spool,
                   const relay::Delivery& delivery, std::vector<queue::SiteFacts> sites);
  /// Markdown: one row per metric.
  static std::string reference();

 private:
  observe::Metrics metrics_;
};

}  // namespace postroad::daemon
