// Wiring: opening everything, and the reload. The loop is in daemon_loop.cpp. See daemon.hpp.
#include "daemon/daemon.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "config/change.hpp"
#include "daemon/confine.hpp"
#include "daemon/daemon_loop.hpp"
#include "daemon/events.hpp"
#include "daemon/metrics_endpoint.hpp"
#include "daemon/notify.hpp"
#include "queue/events.hpp"
#include "queue/schedule.hpp"
#include "relay/null_store.hpp"

namespace postroad::daemon {

namespace {

constexpr std::uint64_t own_descriptors = 256;  // not for sessions: spool, mailboxes, log

std::filesystem::path folder_of(const std::filesystem::path& file) {
  return file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
}

}  // namespace

Daemon::Daemon(std::shared_ptr<Configuration> configuration, ReadAgain read_again)
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
  server_->set_ceilings(most, configuration_->settings.server.memory.bytes);
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
        "the data folder cannot be created: " + error.message() +
            "; choose another with server.data, or ask its owner for the right to write there");
  auto left = sockets;
  if (const auto& listen = configuration_->settings.metrics.listen; !listen.empty()) {
    const auto endpoint = metrics_endpoint(listen);
    if (!endpoint) return endpoint.error();
    auto socket = metrics_socket(loop_->context, *endpoint, left);
    if (!socket) return socket.error();
    loop_->metrics_socket = std::move(*socket);
  }
  server_.emplace(guard_, log_,
                  server::ServerSettings{.threads = configuration_->settings.server.threads});
  server_->inherit(left);
  for (auto& listener : Configuration::listeners(configuration_, login_services_)) {
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
    if (!file) return fail(file.error().fault, "log.file", file.error().text());
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

Result<void> Daemon::open(const std::optional<HandoverState>& handover_state) {
  const auto& settings = configuration_->settings;
  const auto& data = settings.server.data;
  if (auto became = become(settings.server.user, data); !became) return became;
  if (auto opened = open_log(); !opened) return opened;
  if (settings.server.sandbox) {
    std::vector<std::filesystem::path> writable{data};
    if (!settings.log.file.empty()) writable.push_back(folder_of(settings.log.file));
    // The login command, and the files that it needs: an interpreter, libraries.
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
  spool::Generations::Settings spool{
      data, {}, handover_state.has_value(), handover_state ? handover_state->last_id : 0};
  spool.journal.segment_size = settings.spool.segment.bytes;
  spool.journal.chunk_size = settings.spool.chunk.bytes;
  spool.journal.reserve = settings.spool.reserve.bytes;
  auto opened = spool::Generations::open(spool, queue::now_ms());
  if (!opened) return opened.error();
  spool_ = std::move(*opened);
  for (const auto& finding : spool_->findings()) queue::spool_finding(log_, finding);
  if (settings.spool.keeps == Keeping::nothing)
    null_store_.emplace();
  else
    intake_.emplace(*spool_, Configuration::directory_of(configuration_), configuration_->dkim);
  known_sites_.emplace(data);
  auto delivery = configuration_->delivery();
  auto known = known_sites_->load();
  if (!known) return known.error();
  delivery.sites = std::move(*known);
  delivery_.emplace(*spool_, Configuration::directory_of(configuration_), *maildirs_, log_,
                    std::move(delivery));
  site_service_.emplace(*delivery_, *known_sites_, log_);
  policy_service_.emplace(*delivery_, log_);
  tlsrpt_service_.emplace(*delivery_, [this] {
    const auto& settings = configuration_->settings;
    return settings.tlsrpt.settings(settings.server.hostname).from;
  });
  queue_service_.emplace(*spool_, *delivery_, *site_service_, *policy_service_, *tlsrpt_service_,
                         [this] { return queue_view(); });
  if (!settings.metrics.listen.empty()) metrics_.count(log_);
  return open_control();
}

QueueView Daemon::queue_view() const {
  const auto& settings = configuration_->settings;
  return {
      .wall = queue::now_ms(),
      .settlement = settings.retry.policy(settings.bounces.lifetime),
      .site_of = [this](
                     const spool::Envelope& envelope,
                     std::uint32_t recipient) { return delivery_->site_of(envelope, recipient); },
      .way_of = [this](const spool::Envelope& envelope,
                       std::uint32_t recipient) { return delivery_->way_of(envelope, recipient); }};
}

namespace {

// The options that only a restart changes, with their lines.
std::vector<std::string> fixed_changes(const Settings& was, const Settings& is,
                                       const Source& source) {
  std::vector<std::string> found;
  for (const auto& option : config::fixed_changes(declaration(), was, is))
    found.push_back(text_of(
        {.option = option, .detail = "cannot change while the server runs; restart it"}, source));
  return found;
}

// A listener that cannot be bound, under the name that `config check` gives it.
std::string bind_refusal(const Error& error, const std::vector<ListenerConfig>& listeners,
                         const Source& source) {
  const auto refused =
      std::find_if(listeners.begin(), listeners.end(), [&](const ListenerConfig& listener) {
        boost::system::error_code is_no_address;
        const auto address = boost::asio::ip::make_address(listener.address, is_no_address);
        return !is_no_address && net::text_of({address, listener.port}) == error.where;
      });
  if (refused == listeners.end()) return error.text();
  const auto row = static_cast<std::size_t>(refused - listeners.begin());
  return text_of({.option = listener_option(row, refused->port == 0 ? "address" : "port"),
                  .detail = error.text()},
                 source);
}

}  // namespace

// Returns the errors. Every step that can fail runs before the change.
std::vector<std::string> Daemon::change(Reread reread) {
  auto errors = std::move(reread.findings.errors);
  if (reread.configuration) {
    auto fixed =
        fixed_changes(configuration_->settings, reread.configuration->settings, reread.source);
    std::move(fixed.begin(), fixed.end(), std::back_inserter(errors));
  }
  if (!errors.empty()) return errors;
  const auto change_delivery = delivery_->prepare_change(
      Configuration::directory_of(reread.configuration), reread.configuration->delivery());
  auto ports = server_->replace(Configuration::listeners(reread.configuration, login_services_));
  if (!ports)
    return {bind_refusal(ports.error(), reread.configuration->settings.listeners, reread.source)};
  ports_ = std::move(*ports);
  configuration_ = std::move(reread.configuration);
  guard_.configure(configuration_->guard);
  set_ceilings();
  if (intake_) intake_->change(Configuration::directory_of(configuration_), configuration_->dkim);
  change_delivery();
  return {};
}

Reloaded Daemon::reload() {
  Reloaded done;
  if (handed_over_at_) {
    done.errors.emplace_back("reload: another process has taken over; send the reload to that one");
    config_refused(log_, done.errors.front());
    return done;
  }
  notify::reloading();
  const struct Ready {
    ~Ready() { notify::ready(); }
  } ready_again;
  std::vector<std::string> doubts;
  try {
    auto reread = read_again_();
    doubts = reread.findings.hazards;
    doubts.insert(doubts.end(), reread.findings.warnings.begin(), reread.findings.warnings.end());
    done.errors = change(std::move(reread));
  } catch (const std::exception& thrown) {  // no memory, no thread
    done.errors = {std::string("reload: ") + thrown.what()};
  }
  for (const auto& error : done.errors) config_refused(log_, error);
  if (!done.errors.empty()) return done;
  rotate_log();
  config_reloaded(log_);
  for (const auto& doubt : doubts) config_warning(log_, doubt);
  done.warnings = std::move(doubts);
  return done;
}

void Daemon::rotate_log() {
  if (!log_file_) return;
  const auto reopened = log_file_->reopen();
  if (!reopened) log_not_reopened(log_, reopened.error().text());
}

}  // namespace postroad::daemon
