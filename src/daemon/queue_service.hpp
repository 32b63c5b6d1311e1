// The queue commands as the running server serves them over its control socket: each request is a
// line, the answer is lines that the command prints, and a last line. A long list is sent in pages,
// so that memory does not grow with it and the loop serves others between them.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>
#include <string_view>

#include "daemon/control_socket.hpp"
#include "daemon/exported_envelope.hpp"
#include "daemon/policy_service.hpp"
#include "daemon/queue_text.hpp"
#include "daemon/site_service.hpp"
#include "daemon/tlsrpt_service.hpp"
#include "relay/delivery.hpp"
#include "spool/spool.hpp"

namespace postroad::daemon {

/// Thread rule: the loop's thread.
class QueueService final {
 public:
  /// All outlive it. `view` gives the times and routes of now.
  QueueService(spool::Spool& spool, relay::Delivery& delivery, SiteService& sites,
               PolicyService& policies, TlsrptService& tlsrpt, std::function<QueueView()> view)
      : spool_(spool),
        delivery_(delivery),
        sites_(sites),
        policies_(policies),
        tlsrpt_(tlsrpt),
        view_(std::move(view)) {}

  /// `list text|json|postqueue|mailq|export|ids|routes SELECTION`, `why text|json id=ID`,
  /// `show id=ID`, `attempted id=ID …` (which of them are being attempted),
  /// `hold|release|flush|remove id=ID …`, and `put BYTES BYTES keep|release|hold`: an envelope, and
  /// after the answer `go` a message; the answer is its id here; `site …` (site_service.hpp);
  /// `policy …` (policy_service.hpp), `tlsrpt …` (tlsrpt_service.hpp). The last line is `ok COUNT`,
  /// or `refused` and a sentence.
  boost::asio::awaitable<void> answer(std::string request, ControlPeer peer);

 private:
  using Line = std::function<std::string(const QueuedMessage&)>;
  using Write = decltype(ControlPeer::write);
  [[nodiscard]] Line line_of(std::string_view form) const;
  boost::asio::awaitable<std::string> list(QueueSelection selection, Line line, Write write);
  boost::asio::awaitable<std::string> why(QueueSelection selection, bool json, Write write);
  boost::asio::awaitable<RouteFacts> ask_dns(const QueuedMessage& message);
  boost::asio::awaitable<std::string> show(QueueSelection selection, Write write);
  boost::asio::awaitable<std::string> change(queue::Request what, QueueSelection selection);
  boost::asio::awaitable<std::string> attempted(QueueSelection selection, Write write);
  boost::asio::awaitable<std::string> put(std::string words, ControlPeer peer);
  boost::asio::awaitable<std::string> store(ExportedMessage message, ControlPeer peer);
  [[nodiscard]] std::string why_unreadable(const QueueSelection& selection) const;
  [[nodiscard]] std::optional<QueuedMessage> read(spool::QueueId id, std::uint64_t size) const;

  spool::Spool& spool_;
  relay::Delivery& delivery_;
  SiteService& sites_;
  PolicyService& policies_;
  TlsrptService& tlsrpt_;
  std::function<QueueView()> view_;
};

}  // namespace postroad::daemon
