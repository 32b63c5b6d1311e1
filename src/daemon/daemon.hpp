// A running server, wired: listeners, spool, delivery, log, control socket, metrics; and the loop
// that watches it (signals, reloads, hand-over, the watchdog). Thread rule: one thread, the main
// one, makes it, runs it and ends it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "daemon/configuration.hpp"
#include "daemon/control_socket.hpp"
#include "daemon/metrics.hpp"
#include "daemon/queue_service.hpp"
#include "http/endpoint.hpp"
#include "observe/sinks.hpp"
#include "relay/intake.hpp"
#include "relay/null_store.hpp"
#include "server/server.hpp"
#include "spool/journal/generations.hpp"

namespace postroad::daemon {

class Daemon final {
 public:
  /// A configuration as it is now, for a reload.
  struct Reread {
    std::shared_ptr<Configuration> configuration;  ///< not used where there is an error
    Findings findings;
    Source source;
  };
  using ReadAgain = std::function<Reread()>;
  Daemon(std::shared_ptr<Configuration> configuration, ReadAgain read_again);
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  ~Daemon();

  /// Creates the data folder and binds; `sockets` were inherited. Call before a thread is started.
  Result<void> bind(const std::vector<int>& sockets);
  /// Drops privileges, then opens log, spool and mailboxes. With a handover state, the spool of the
  /// old process stays that process's until it ends.
  Result<void> open(const std::optional<HandoverState>& handover_state);
  /// Serves until a signal or a hand-over ends it; then shuts down in order.
  Result<void> run(bool took_over);

  /// The ports in order.
  [[nodiscard]] const std::vector<std::uint16_t>& ports() const noexcept { return ports_; }
  /// The configuration file that a reload reads; empty: none.
  std::string config_file;
  /// Called once it serves.
  std::function<void()> on_ready = [] {};

 private:
  struct Loop;
  Result<void> open_log();
  Result<void> open_signals();
  Result<void> open_endpoint();
  Result<void> open_control();
  [[nodiscard]] QueueView queue_view() const;
  template <class Act>
  void log_exceptions(Act act);
  Reloaded reload();
  std::vector<std::string> change(Reread reread);
  void rotate_log();
  boost::asio::awaitable<void> watch_signals();
  boost::asio::awaitable<void> watch_clock(std::chrono::nanoseconds pause);
  void tick();
  void watch_spool();
  void take_signal(int number);
  http::Page page(std::string_view path);
  void set_ceilings();
  [[nodiscard]] bool is_asked_again();
  void end();

  observe::Log log_;
  LoginServices login_services_{log_};  // before the configuration, whose policies use them
  std::shared_ptr<Configuration> configuration_;
  ReadAgain read_again_;
  Metrics metrics_;
  std::shared_ptr<observe::LogFile> log_file_;
  std::optional<relay::Maildirs> maildirs_;
  std::unique_ptr<spool::Generations> spool_;
  std::optional<relay::Intake> intake_;         // where mail is kept
  std::optional<relay::NullStore> null_store_;  // where none is
  server::Guard guard_;
  std::optional<relay::Delivery> delivery_;
  std::optional<KnownSites> known_sites_;
  std::optional<SiteService> site_service_;
  std::optional<PolicyService> policy_service_;
  std::optional<TlsrptService> tlsrpt_service_;
  std::optional<QueueService> queue_service_;
  int ticks_ = 0;
  std::optional<server::Server> server_;
  std::vector<std::uint16_t> ports_;
  bool is_alive_ = true;
  bool is_spool_healthy_ = true;
  std::optional<std::chrono::steady_clock::time_point> handed_over_at_;
  std::unique_ptr<Loop> loop_;  // behind everything that its handlers use
};

}  // namespace postroad::daemon
