// Wiring, and the loop of the main thread; see site.hpp.
#include "daemon/daemon.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "daemon/confine.hpp"
#include "daemon/events.hpp"
#include "daemon/notify.hpp"
#include "queue/events.hpp"
#include "queue/schedule.hpp"
#include "relay/null_store.hpp"

namespace postroad::daemon {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr auto as_values = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::milliseconds look_around{1000};
constexpr std::chrono::milliseconds thread_patience{2000};
constexpr std::chrono::milliseconds look_for_signal{50};  // while sessions end
constexpr std::chrono::milliseconds last_words{1000};     // for a 421 to be written
constexpr std::uint64_t own_descriptors = 256;            // not for sessions: spool, mailboxes, log

// Takes the socket that is bound there out of the list, or binds one.
Result<tcp::acceptor> endpoint_socket(asio::io_context& loop, const tcp::endpoint& endpoint,
                                      std::vector<int>& sockets) {
  boost::system::error_code error;
  tcp::acceptor acceptor(loop);
  for (auto at = sockets.begin(); at != sockets.end(); ++at) {
    tcp::endpoint bound;
    auto length = static_cast<socklen_t>(bound.capacity());
    if (::getsockname(*at, bound.data(), &length) != 0) continue;
    bound.resize(length);
    if (bound != endpoint) continue;
    acceptor.assign(endpoint.protocol(), *at, error);
    sockets.erase(at);
    if (!error) return acceptor;
    break;
  }
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(16, error);
  if (error)
    return fail(Fault::busy, "metrics.listen",
                net::text_of(endpoint) + " cannot be listened on: " + error.message());
  return acceptor;
}

// What a running server cannot change; empty when the new settings change none of it.
std::string fixed_change(const Settings& was, const Settings& is) {
  const std::pair<const char*, bool> table[] = {
      {"server.data", was.server.data != is.server.data},
      {"server.user", was.server.user != is.server.user},
      {"server.sandbox", was.server.sandbox != is.server.sandbox},
      {"server.threads", was.server.threads != is.server.threads},
      {"spool.keeps", was.spool.keeps != is.spool.keeps},
      {"spool.segment", was.spool.segment != is.spool.segment},
      {"spool.chunk", was.spool.chunk != is.spool.chunk},
      {"spool.reserve", was.spool.reserve != is.spool.reserve},
      {"log.format", was.log.format != is.log.format},
      {"log.level", was.log.level != is.log.level},
      {"log.file", was.log.file != is.log.file},
      {"metrics.listen", was.metrics.listen != is.metrics.listen},
  };
  for (const auto& [name, differs] : table) {
    if (differs) return name;
  }
  return {};
}

std::filesystem::path folder_of(const std::filesystem::path& file) {
  return file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
}

}  // namespace

struct Daemon::Loop {
  asio::io_context context{1};
  asio::posix::stream_descriptor signals{context};
  asio::steady_timer clock{context};
  std::optional<tcp::acceptor> metrics_socket;
  std::unique_ptr<http::Endpoint> endpoint;
  std::unique_ptr<ControlSocket> control;
  std::string why;  // it ends
};

Daemon::Daemon(std::shared_ptr<Configuration> configuration,
               std::function<Result<Settings>()> read_again)
    : configuration_(std::move(configuration)),
      read_again_(std::move(read_again)),
      loop_(std::make_unique<Loop>()) {}

Daemon::~Daemon() = default;

// A session takes a descriptor; the soft limit of most systems, 1024, is for programs that use
// select.
void Daemon::set_ceilings() {
  rlimit limit{};
  std::uint64_t most = 0;
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &limit);
    most = limit.rlim_cur > 2 * own_descriptors ? limit.rlim_cur - own_descriptors
                                                : limit.rlim_cur / 2;
  }
  const std::uint64_t asked = configuration_->settings.server.sessions;
  if (asked != 0) most = std::min(most, asked);
  server_->set_ceilings(most, configuration_->settings.server.memory.octets);
}

Result<void> Daemon::bind(const std::vector<int>& sockets) {
  const auto& data = configuration_->settings.server.data;
  std::error_code error;
  // Root's mask must not keep the server's user out of the folders above its own.
  const auto mask = ::umask(0022);
  if (data.has_parent_path()) std::filesystem::create_directories(data.parent_path(), error);
  ::umask(mask);
  if (!error) std::filesystem::create_directories(data, error);
  if (error)
    return fail(
        Fault::io, data.string(),
        "the data folder cannot be made: " + error.message() +
            "; choose another with server.data, or ask its owner for the right to write there");
  auto left = sockets;
  if (const auto& listen = configuration_->settings.metrics.listen; !listen.empty()) {
    const auto endpoint = metrics_endpoint(listen);
    if (!endpoint) return endpoint.error();
    auto socket = endpoint_socket(loop_->context, *endpoint, left);
    if (!socket) return socket.error();
    loop_->metrics_socket = std::move(*socket);
  }
  constexpr unsigned waiting_threads = 16;  // each waits for one outside check of a login
  server_.emplace(
      guard_, log_,
      server::ServerSettings{.threads = configuration_->settings.server.threads,
                             .login_threads = configuration_->login_backend ? waiting_threads : 1});
  server_->inherit(left);
  for (auto& listener : Configuration::listeners(configuration_)) {
    const auto port = server_->listen(std::move(listener));
    if (!port) return port.error();
    ports_.push_back(*port);
  }
  guard_.configure(configuration_->guard);
  set_ceilings();
  return {};
}

Result<void> Daemon::open_log() {
  const auto& config = configuration_->settings.log;
  int descriptor = STDERR_FILENO;
  if (!config.file.empty() && config.format != LogFormat::none) {
    auto file = observe::LogFile::open(config.file.string());
    if (!file) return file.error();
    log_file_ = std::move(*file);
    descriptor = log_file_->descriptor();
  }
  if (config.format == LogFormat::json)
    log_.add_sink(std::make_shared<observe::JsonSink>(descriptor), config.level);
  if (config.format == LogFormat::text) {
    const observe::TextSink::Style style{.colour = observe::wants_colour(descriptor),
                                         .sentences = false};
    log_.add_sink(std::make_shared<observe::TextSink>(observe::write_to(descriptor), style),
                  config.level);
  }
  return {};
}

Result<void> Daemon::open(const std::optional<HandoverState>& estate) {
  const auto& settings = configuration_->settings;
  const auto& data = settings.server.data;
  if (auto became = become(settings.server.user, data); !became) return became;
  if (auto opened = open_log(); !opened) return opened;
  if (settings.server.sandbox) {
    std::vector<std::filesystem::path> writable{data};
    if (!settings.log.file.empty()) writable.push_back(folder_of(settings.log.file));
    // A program that is asked about logins, and what it is made of: an interpreter, libraries.
    std::vector<std::filesystem::path> runnable;
    if (const auto& command = configuration_->settings.server.login_command; !command.empty())
      runnable = {"/usr", "/bin", "/lib", "/lib64", command.front()};
    const auto lacking = confine(writable, runnable);
    if (!lacking) return lacking.error();
    if (!lacking->empty()) confinement_lacking(log_, *lacking);
  }
  for (const auto& address : server_->close_unused()) socket_unused(log_, address);
  auto mail = relay::Maildirs::open(data / "mail");
  if (!mail) return mail.error();
  maildirs_ = std::move(*mail);
  spool::Generations::Settings spool{data, {}, estate.has_value(), estate ? estate->last_id : 0};
  spool.journal.segment_size = settings.spool.segment.octets;
  spool.journal.chunk_size = settings.spool.chunk.octets;
  spool.journal.reserve = settings.spool.reserve.octets;
  auto opened = spool::Generations::open(spool, queue::now_ms());
  if (!opened) return opened.error();
  spool_ = std::move(*opened);
  for (const auto& finding : spool_->findings()) queue::spool_finding(log_, finding);
  if (settings.spool.keeps == Keeping::nothing)
    null_store_.emplace();
  else
    intake_.emplace(*spool_, Configuration::directory_of(configuration_));
  delivery_.emplace(*spool_, Configuration::directory_of(configuration_), *maildirs_, log_,
                    configuration_->delivery());
  if (!settings.metrics.listen.empty()) metrics_.count(log_);
  return open_doors();
}

// First all that may fail, then the change.
Result<void> Daemon::reload() {
  if (handed_over_at_) return fail(Fault::busy, "reload", "another process serves already");
  notify::reloading();
  const auto change = [this]() -> Result<void> {
    auto settings = read_again_();
    if (!settings) return settings.error();
    if (const auto fixed = fixed_change(configuration_->settings, *settings); !fixed.empty())
      return fail(Fault::input, fixed, "cannot change while the server runs: restart it");
    auto made = Configuration::make(std::move(*settings));
    if (!made) return made.error();
    auto ports = server_->replace(Configuration::listeners(*made));
    if (!ports) return ports.error();
    ports_ = std::move(*ports);
    configuration_ = std::move(*made);
    guard_.configure(configuration_->guard);
    set_ceilings();
    if (intake_) intake_->change(Configuration::directory_of(configuration_));
    delivery_->change(Configuration::directory_of(configuration_), configuration_->delivery());
    return {};
  };
  auto done = change();
  if (done) rotate_log();
  done ? config_reloaded(log_) : config_refused(log_, done.error().text());
  notify::ready();
  return done;
}

void Daemon::rotate_log() {
  if (!log_file_) return;
  const auto reopened = log_file_->reopen();
  if (!reopened) log_not_reopened(log_, reopened.error().text());
}

// The loop goes on whatever one of its turns meets: no memory, no thread.
template <class Act>
void Daemon::log_exceptions(Act act) {
  try {
    act();
  } catch (const std::exception& thrown) {
    server_in_trouble(log_, thrown.what());
  }
}

void Daemon::take_signal(int number) {
  if (number == SIGHUP) {
    (void)reload();  // the log says what came of it
  } else if (number == SIGUSR1) {
    rotate_log();
  } else {
    loop_->why = number == SIGINT ? "SIGINT" : "SIGTERM";
    loop_->context.stop();
  }
}

// Each second: threads that hang, spools that other processes have left, the end of a hand-over.
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
  const auto adopted = spool_->tidy(queue::now_ms());
  for (const auto& finding : adopted.findings) queue::spool_finding(log_, finding);
  if (adopted.messages.empty()) return;
  spool_adopted(log_, adopted.messages.size());
  delivery_->take_up(adopted.messages);
}

http::Page Daemon::page(std::string_view path) {
  if (path == "/metrics")
    return {200, "text/plain; version=0.0.4; charset=utf-8", metrics_.text(*server_, *spool_)};
  if (path != "/healthz")
    return {404, "text/plain; charset=utf-8", "there are /metrics and /healthz here\n"};
  if (!is_alive_) return {503, "text/plain; charset=utf-8", "a thread does not answer\n"};
  if (server_->is_too_large())
    return {503, "text/plain; charset=utf-8", "the ceiling of memory is reached (server.memory)\n"};
  const auto health = spool_->health();
  if (!health) return {503, "text/plain; charset=utf-8", health.error().text() + "\n"};
  const auto delivery = delivery_->health();
  if (!delivery) return {503, "text/plain; charset=utf-8", delivery.error().text() + "\n"};
  return {200, "text/plain; charset=utf-8", "ok\n"};
}

// What may fail is done before another process is told to accept nothing more.
Result<void> Daemon::open_doors() {
  auto& loop = *loop_;
  const auto& data = configuration_->settings.server.data;
  auto control = ControlSocket::open(
      loop.context, data,
      {.reload = [this] { return reload(); },
       .listening =
           [this] {
             auto found = server_->addresses();
             if (loop_->metrics_socket)
               found.push_back(net::text_of(loop_->metrics_socket->local_endpoint()));
             return found;
           },
       .hand_over =
           [this] {
             HandoverState estate{server_->descriptors(), spool_->statistics().last_id};
             if (loop_->metrics_socket)
               estate.sockets.push_back(loop_->metrics_socket->native_handle());
             return estate;
           },
       .released =
           [this] {
             server_->release();
             loop_->endpoint.reset();
             handed_over_at_ = std::chrono::steady_clock::now();
             server_handed_over(log_, server_->sessions());
           }});
  if (!control) return control.error();
  loop.control = std::move(*control);
  if (loop.metrics_socket) {
    // The endpoint has a descriptor of its own; ours stays to be handed over.
    const auto protocol = loop.metrics_socket->local_endpoint().protocol();
    tcp::acceptor socket(loop.context, protocol, ::dup(loop.metrics_socket->native_handle()));
    loop.endpoint = std::make_unique<http::Endpoint>(
        loop.context, std::move(socket), [this](std::string_view path) { return page(path); });
  }
  return {};
}

Result<void> Daemon::run(bool took_over) {
  auto& loop = *loop_;
  if (auto named = loop.control->publish(); !named) return named;
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&signals, number);
  loop.signals.assign(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  asio::co_spawn(
      loop.context,
      [this]() -> asio::awaitable<void> {
        signalfd_siginfo signal{};
        for (;;) {
          const auto [error, size] = co_await asio::async_read(
              loop_->signals, asio::buffer(&signal, sizeof signal), as_values);
          if (error) co_return;
          log_exceptions([&] { take_signal(static_cast<int>(signal.ssi_signo)); });
        }
      },
      asio::detached);
  const auto watchdog = notify::watchdog();
  const auto pause = watchdog ? std::min<std::chrono::nanoseconds>(look_around, *watchdog / 3)
                              : std::chrono::nanoseconds(look_around);
  asio::co_spawn(
      loop.context,
      [this, pause]() -> asio::awaitable<void> {
        for (;;) {
          loop_->clock.expires_after(pause);
          const auto [error] = co_await loop_->clock.async_wait(as_values);
          if (error) co_return;
          log_exceptions([this] { tick(); });
        }
      },
      asio::detached);

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

// Whoever asked to end it asks again: it shall end now.
bool Daemon::is_asked_again() {
  signalfd_siginfo signal{};
  while (::read(loop_->signals.native_handle(), &signal, sizeof signal) == sizeof signal) {
    if (signal.ssi_signo == SIGTERM || signal.ssi_signo == SIGINT) return true;
  }
  return false;
}

void Daemon::end() {
  server_stopping(log_, loop_->why, server_->sessions());
  // From here on nothing is answered there: who asks shall hear so at once.
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
  // Its successor is the one that systemd listens to now.
  if (!handed_over_at_) notify::stopping(left());
  server_->begin_stop();
  bool at_once = false;
  while (!at_once && left().count() > 0 &&
         !server_->wait_until_empty(std::min(left(), look_for_signal)))
    at_once = is_asked_again();
  // After a hand-over the time may be over before anybody was told to end.
  server_->stop(handed_over_at_ && !at_once ? last_words : std::chrono::milliseconds(0));
  delivery_->stop(at_once ? std::chrono::milliseconds(0) : left());
  queue::spool_closed(log_, spool_->statistics());
}

}  // namespace postroad::daemon
