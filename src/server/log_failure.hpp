// The completion handler of a coroutine that nothing waits for. Asio's `detached` would drop the
// exception that ends it.
#pragma once

#include <exception>
#include <string>
#include <string_view>

#include "observe/log.hpp"

namespace postroad::server {

/// The text of an exception; "unknown exception" if it has none.
std::string reason_of(const std::exception_ptr& thrown);

/// Logs the exception that ended a task, as `task.failed`:
///
///   asio::co_spawn(loop, accept(), LogFailure{log, "accept loop of the control socket"});
///
/// `log` must outlive the task; `task` has static lifetime.
struct LogFailure {
  observe::Log& log;
  std::string_view task;

  void operator()(const std::exception_ptr& thrown) const;
};

}  // namespace postroad::server
