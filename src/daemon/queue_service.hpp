// The queue commands as the running server serves them over its control socket: each request is a
// line, the answer is lines that the command prints, and a last line. A long list is sent in pages,
// so that memory does not grow with it and the loop serves others between them.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>
#include <string_view>

#include "daemon/queue_text.hpp"
#include "relay/delivery.hpp"
#include "spool/spool.hpp"

namespace postroad::daemon {

/// Thread rule: the loop's thread.
class QueueService final {
 public:
  /// Both outlive it. `view` gives the times and routes of now.
  QueueService(spool::Spool& spool, relay::Delivery& delivery, std::function<QueueView()> view)
      : spool_(spool), delivery_(delivery), view_(std::move(view)) {}

  /// Sends bytes to the command; false: it has gone.
  using Write = std::function<boost::asio::awaitable<bool>(std::string)>;
  /// `list text|json|postqueue|ids|routes SELECTION`, `why text|json id=ID`, `show id=ID`, and
  /// `hold|release|flush|remove id=ID …`. The last line is `ok COUNT`, or `refused` and a sentence.
  boost::asio::awaitable<void> answer(std::string request, Write write);

 private:
  using Line = std::function<std::string(const QueuedMessage&)>;
  boost::asio::awaitable<std::string> list(QueueSelection selection, Line line, Write write);
  boost::asio::awaitable<std::string> why(QueueSelection selection, bool json, Write write);
  boost::asio::awaitable<std::string> show(QueueSelection selection, Write write);
  boost::asio::awaitable<std::string> change(queue::Request what, QueueSelection selection);
  [[nodiscard]] std::optional<QueuedMessage> read(spool::QueueId id, std::uint64_t size) const;

  spool::Spool& spool_;
  relay::Delivery& delivery_;
  std::function<QueueView()> view_;
};

}  // namespace postroad::daemon
