// The loop of the main thread: signals, the control socket, checks every second, the shutdown. See
// daemon.hpp.
#include "daemon/daemon_loop.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <system_error>

#include "daemon/events.hpp"
#include "daemon/notify.hpp"
#include "net/as_values.hpp"
#include "net/stream.hpp"
#include "queue/events.hpp"
#include "queue/schedule.hpp"
#include "server/log_failure.hpp"

namespace postroad::daemon {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr std::chrono::milliseconds metrics_patience{200};  // for the dispatcher

using net::as_values;
constexpr std::chrono::milliseconds look_around{1000};
constexpr std::chrono::milliseconds thread_patience{2000};
constexpr int ticks_per_save = 60;
constexpr std::chrono::milliseconds look_for_signal{50};  // while sessions end
constexpr std::chrono::milliseconds last_words{1000};     // for a 421 to be written

Error system_error(const std::string& where, const std::string& what) {
  return fail(Fault::io, where, what + ": " + std::generic_category().message(errno));
}

}  // namespace

// An exception in one iteration is logged and does not end the loop.
template <class Act>
void Daemon::log_exceptions(Act act) {
  try {
    act();
  } catch (...) {
    server_in_trouble(log_, server::reason_of(std::current_exception()));
  }
}

void Daemon::take_signal(int number) {
  if (number == SIGHUP) {
    (void)reload();  // the log has the result
  } else if (number == SIGUSR1) {
    rotate_log();
  } else {
    loop_->why = number == SIGINT ? "SIGINT" : "SIGTERM";
    loop_->context.stop();
  }
}

// Every second: threads that hang, spools that other processes have left, the end of a hand-over.
void Daemon::tick() {
  const auto alive = server_->is_alive(thread_patience);
  if (!alive && is_alive_) server_stuck(log_);
  is_alive_ = alive;
  if (alive) notify::alive();
  if (handed_over_at_) {
    // Connections that were accepted in the last moment have become sessions by then.
    const auto since = std::chrono::steady_clock::now() - *handed_over_at_;
    if (since < look_around) return;
    if (server_->sessions() > 0 && since < configuration_->settings.limits.drain) return;
    loop_->why = "handed over";
    loop_->context.stop();
    return;
  }
  watch_spool();
  if (++ticks_ % ticks_per_save == 0) site_service_->save_later(loop_->context.get_executor());
  const auto adopted = spool_->tidy(queue::now_ms());
  for (const auto& finding : adopted.findings) queue::spool_finding(log_, finding);
  if (adopted.messages.empty()) return;
  spool_adopted(log_, adopted.messages.size());
  delivery_->take_up(adopted.messages);
}

// One log line per change of state.
void Daemon::watch_spool() {
  const auto health = spool_->health();
  if (health.has_value() == is_spool_healthy_) return;
  is_spool_healthy_ = health.has_value();
  health ? spool_recovered(log_) : spool_failing(log_, health.error().text());
}

Result<void> Daemon::open_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&signals, number);
  const int descriptor = ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  if (descriptor < 0) return system_error("signals", "no descriptor for signals");
  loop_->signals.assign(descriptor);
  return {};
}

// The endpoint has a descriptor of its own; ours stays to be handed over.
Result<void> Daemon::open_endpoint() {
  auto& loop = *loop_;
  if (!loop.metrics_socket) return {};
  const auto protocol = loop.metrics_socket->local_endpoint().protocol();
  const int own = ::fcntl(loop.metrics_socket->native_handle(), F_DUPFD_CLOEXEC, 0);
  if (own < 0) return system_error("metrics.listen", "the socket cannot be duplicated");
  tcp::acceptor socket(loop.context, protocol, own);
  loop.endpoint = std::make_unique<http::Endpoint>(
      loop.context, std::move(socket), [this](std::string_view path) { return page(path); }, log_);
  return {};
}

// Every step that can fail runs before the old process is told to stop accepting.
Result<void> Daemon::open_control() {
  if (auto opened = open_signals(); !opened) return opened;
  if (auto opened = open_endpoint(); !opened) return opened;
  auto& loop = *loop_;
  const auto& data = configuration_->settings.server.data;
  auto control = ControlSocket::open(
      loop.context, data,
      {.reload = [this] { return reload(); },
       .configuration = [this] { return config_file; },
       .listening =
           [this] {
             auto found = server_->addresses();
             if (loop_->metrics_socket)
               found.push_back(net::text_of(loop_->metrics_socket->local_endpoint()));
             return found;
           },
       .hand_over =
           [this] {
             site_service_->save();  // the successor reads it
             HandoverState handover_state{server_->descriptors(), spool_->statistics().last_id};
             if (loop_->metrics_socket)
               handover_state.sockets.push_back(loop_->metrics_socket->native_handle());
             return handover_state;
           },
       .queue =
           [this](std::string request, ControlPeer peer) {
             return queue_service_->answer(std::move(request), std::move(peer));
           },
       .released =
           [this] {
             server_->release();
             delivery_->begin_stop();
             loop_->endpoint.reset();
             handed_over_at_ = std::chrono::steady_clock::now();
             server_handed_over(log_, server_->sessions());
           }},
      log_);
  if (!control) return control.error();
  loop.control = std::move(*control);
  return {};
}

asio::awaitable<void> Daemon::watch_signals() {
  signalfd_siginfo signal{};
  for (;;) {
    const auto [error, size] =
        co_await asio::async_read(loop_->signals, asio::buffer(&signal, sizeof signal), as_values);
    if (error) co_return server_in_trouble(log_, "signals cannot be read: " + error.message());
    log_exceptions([&] { take_signal(static_cast<int>(signal.ssi_signo)); });
  }
}

asio::awaitable<void> Daemon::watch_clock(std::chrono::nanoseconds pause) {
  for (;;) {
    loop_->clock.expires_after(pause);
    const auto [error] = co_await loop_->clock.async_wait(as_values);
    if (error) co_return;
    log_exceptions([this] { tick(); });
  }
}

Result<void> Daemon::run(bool took_over) {
  auto& loop = *loop_;
  if (auto named = loop.control->publish(); !named) return named;
  asio::co_spawn(loop.context, watch_signals(), server::LogFailure{log_, "the signal loop"});
  const auto watchdog = notify::watchdog();
  const auto pause = watchdog ? std::min<std::chrono::nanoseconds>(look_around, *watchdog / 3)
                              : std::chrono::nanoseconds(look_around);
  asio::co_spawn(loop.context, watch_clock(pause), server::LogFailure{log_, "the clock loop"});

  if (intake_)
    server_->start(*intake_);
  else
    server_->start(*null_store_);
  server_ready(log_, ports_.size(), took_over);
  on_ready();
  notify::ready();
  loop.context.run();
  end();
  return {};
}

// A second SIGTERM or SIGINT ends the server at once.
bool Daemon::is_asked_again() {
  signalfd_siginfo signal{};
  while (::read(loop_->signals.native_handle(), &signal, sizeof signal) == sizeof signal) {
    if (signal.ssi_signo == SIGTERM || signal.ssi_signo == SIGINT) return true;
  }
  return false;
}

void Daemon::end() {
  server_stopping(log_, loop_->why, server_->sessions());
  // From here on clients of these sockets are refused at once.
  loop_->control.reset();
  loop_->endpoint.reset();
  loop_->metrics_socket.reset();
  const auto now = std::chrono::steady_clock::now();
  const auto until = handed_over_at_.value_or(now) + configuration_->settings.limits.drain;
  const auto left = [until] {
    return std::max(std::chrono::milliseconds(0),
                    std::chrono::duration_cast<std::chrono::milliseconds>(
                        until - std::chrono::steady_clock::now()));
  };
  // systemd watches the successor now.
  if (!handed_over_at_) notify::stopping(left());
  if (!handed_over_at_) site_service_->save();
  delivery_->begin_stop();
  server_->begin_stop();
  bool at_once = false;
  while (!at_once && left().count() > 0 &&
         !server_->wait_until_empty(std::min(left(), look_for_signal)))
    at_once = is_asked_again();
  // After a hand-over the time may have passed before any session was told to end.
  server_->stop(handed_over_at_ && !at_once ? last_words : std::chrono::milliseconds(0));
  server_.reset();  // ends login commands that still run: the deliveries may take long
  delivery_->stop(at_once ? std::chrono::milliseconds(0) : left());
  queue::spool_closed(log_, spool_->statistics());
  // Answers that they owe to commands of the control socket come while the loop lives.
  queue_service_.reset();
  policy_service_.reset();
  tlsrpt_service_.reset();
  site_service_.reset();
  delivery_.reset();
  intake_.reset();
  spool_.reset();
}

http::Page Daemon::page(std::string_view path) {
  if (path == "/metrics")
    return {200, "text/plain; version=0.0.4; charset=utf-8",
            metrics_.text(*server_, *spool_, *delivery_,
                          site_service_->find_within(metrics_patience)
                              .value_or(std::vector<queue::SiteFacts>()))};
  if (path != "/healthz")
    return {404, "text/plain; charset=utf-8", "the pages are /metrics and /healthz\n"};
  if (!is_alive_) return {503, "text/plain; charset=utf-8", "a session thread does not respond\n"};
  if (server_->is_too_large())
    return {503, "text/plain; charset=utf-8", "the memory limit is reached (server.memory)\n"};
  const auto health = spool_->health();
  if (!health) return {503, "text/plain; charset=utf-8", health.error().text() + "\n"};
  const auto delivery = delivery_->health();
  if (!delivery) return {503, "text/plain; charset=utf-8", delivery.error().text() + "\n"};
  return {200, "text/plain; charset=utf-8", "ok\n"};
}

}  // namespace postroad::daemon
