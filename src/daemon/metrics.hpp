// The numbers of a running server: every event counts itself, and what can be looked at is looked
// at when somebody asks. The declarations here are also the reference (docs/reference/metrics.md).
#pragma once

#include <span>
#include <string>

#include "observe/metrics.hpp"
#include "server/server.hpp"
#include "spool/spool.hpp"

namespace postroad::daemon {

class Metrics final {
 public:
  Metrics();
  /// Counts the events of a log from now on. This outlives the log.
  void count(observe::Log& log);
  /// All of them, in Prometheus' text form.
  std::string text(const server::Server& server, const spool::Spool& spool);
  /// Markdown: a row for each.
  static std::string reference();

 private:
  observe::Metrics metrics_;
};

}  // namespace postroad::daemon
