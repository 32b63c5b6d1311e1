// See log_failure.hpp.
#include "server/log_failure.hpp"

#include "server/events.hpp"

namespace postroad::server {

std::string reason_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& exception) {
    return exception.what();
  } catch (...) {
    return "unknown exception";
  }
}

void LogFailure::operator()(const std::exception_ptr& thrown) const {
  if (thrown) task_failed(log, task, reason_of(thrown));
}

}  // namespace postroad::server
