// The site commands as the running server serves them over its control socket, and the file in
// which it keeps what they change.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/control_socket.hpp"
#include "daemon/known_sites.hpp"
#include "observe/log.hpp"
#include "relay/delivery.hpp"

namespace postroad::daemon {

/// A line and one JSON object, for people and programs.
std::string site_text(const queue::SiteFacts& site);
/// One fact per line.
std::string site_facts(const queue::SiteFacts& site);
std::string site_json(const queue::SiteFacts& site);

/// Thread rule: the loop's thread.
class SiteService final {
 public:
  /// All outlive it, and `loop` its calls.
  SiteService(relay::Delivery& delivery, KnownSites& known, observe::Log& log)
      : delivery_(delivery), known_(known), log_(log) {}

  /// `list text|json NAME …`, `show text|json NAME …` and `pause|resume|reset NAME …`, the names
  /// percent-encoded; `*` is any text. A change answers with the names, and `warning` with a
  /// sentence if it could not be kept on disk. The last line is `ok COUNT`, or `refused` and a
  /// sentence.
  boost::asio::awaitable<std::string> answer(std::string_view request, ControlPeer peer);
  /// The sites; nullopt: the dispatcher is busy. Waits for it, at most so long.
  std::optional<std::vector<queue::SiteFacts>> find_within(std::chrono::milliseconds patience);
  /// Keeps what was learnt. Waits for the dispatcher, which answers at once; then for the disk.
  void save();
  /// The same without waiting for the dispatcher. `loop` runs the thread of this object.
  void save_later(const boost::asio::any_io_executor& loop);

 private:
  boost::asio::awaitable<std::vector<queue::SiteFacts>> find();
  boost::asio::awaitable<std::vector<queue::SiteFacts>> find(std::vector<std::string> names);
  boost::asio::awaitable<std::string> change(queue::SiteRequest what,
                                             const std::vector<std::string>& names,
                                             const ControlPeer& peer);

  boost::asio::awaitable<Result<std::string>> name_of(std::string text, bool is_change);
  void keep(const std::vector<queue::SiteFacts>& sites);

  relay::Delivery& delivery_;
  KnownSites& known_;
  observe::Log& log_;
};

}  // namespace postroad::daemon
