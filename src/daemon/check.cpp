// The checks of a configuration; see check.hpp.
#include "daemon/check.hpp"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <set>
#include <system_error>

#include "base/text.hpp"
#include "client/url.hpp"
#include "daemon/control_socket.hpp"
#include "mail/address/mailbox.hpp"
#include "net/tls.hpp"
#include "proto/sasl/mechanism.hpp"
#include "relay/local/senders.hpp"
#include "server/server.hpp"
#include "server/users.hpp"

namespace postroad::daemon {

namespace {

using boost::asio::ip::tcp;

constexpr int days_to_renew = 14;

std::string place(const ListenerConfig& listener) {
  return "listener " + listener.address + ':' + std::to_string(listener.port);
}

bool is_submission(const ListenerConfig& listener) {
  return listener.role == server::Role::submission;
}

bool is_loopback(const ListenerConfig& listener) {
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(listener.address, error);
  return !error && address.is_loopback();
}

void find_listener_faults(const Settings& settings, const ListenerConfig& listener,
                          std::vector<std::string>& faults) {
  const auto where = place(listener);
  const bool submission = is_submission(listener);
  const bool printable_banner = std::all_of(listener.banner.begin(), listener.banner.end(),
                                            [](char c) { return c >= ' ' && c <= '~'; });
  if (!printable_banner || listener.banner.size() > 200)
    faults.push_back(where + ": the banner must be at most 200 printable ASCII characters");
  if (listener.tls != smtp::TlsMode::none && listener.certificate.empty())
    faults.push_back(where + ": tls needs a certificate; set certificate, or tls = \"none\"");
  if (listener.tls == smtp::TlsMode::none && !listener.certificate.empty())
    faults.push_back(
        where + ": there is a certificate but tls = \"none\"; set tls = \"offered\" or better");
  const bool auth = listener.auth || listener.auth_required || submission;
  const auto login_backend = login_check(settings);
  if (auth && settings.server.users.empty() && !login_backend.is_set() &&
      listener.client_ca.empty())
    faults.push_back(where +
                     ": AUTH needs server.users, the file that `postroad user add` makes, or "
                     "server.login_command or server.login_url");
  if (auth && listener.tls == smtp::TlsMode::none && !listener.allow_auth_in_clear) {
    faults.push_back(where +
                     ": AUTH without TLS would never be offered; set tls, or allow_auth_in_clear");
  }
  if (listener.role == server::Role::mx && settings.local.domains.empty() &&
      settings.delivery.networks.empty() && listener.relay_from.empty() && !listener.auth) {
    faults.push_back(where + ": role mx with no local.domains refuses every mail");
  }
  for (const auto& [name, texts] : {std::pair{"only_from", &listener.only_from},
                                    {"relay_from", &listener.relay_from},
                                    {"proxy_from", &listener.proxy_from},
                                    {"xclient_from", &listener.xclient_from}}) {
    const auto read = networks(where + ": " + name, *texts);
    if (!read) faults.push_back(read.error().text());
  }
  for (const auto& name : listener.mechanisms) {
    const auto& known = sasl::mechanisms();
    if (std::find(known.begin(), known.end(), name) == known.end())
      faults.push_back(where + ": mechanisms: " + printable(name, 40) + " is not known");
  }
}

}  // namespace

std::vector<std::string> find_faults(const Settings& settings) {
  std::vector<std::string> faults;
  if (!mail::is_domain(settings.server.hostname))
    faults.push_back("server.hostname: '" + settings.server.hostname + "' is no domain");
  for (const auto& listener : settings.listeners) find_listener_faults(settings, listener, faults);
  const auto relayed = networks("delivery.networks", settings.delivery.networks);
  if (!relayed) faults.push_back(relayed.error().text());
  const auto guard = guard_settings(settings);
  if (!guard) faults.push_back(guard.error().text());
  const auto senders = relay::Senders::make(settings.submission.senders, settings.local.domains);
  if (!senders) faults.push_back("submission.senders: " + senders.error().text());
  if (!settings.delivery.smarthost.empty()) {
    const auto url = client::parse_url(settings.delivery.smarthost);
    if (!url) faults.push_back("delivery.smarthost: " + url.error().text());
    if (url && !url->password.empty())
      faults.push_back(
          "delivery.smarthost: no password in the URL, as it would be shown; set "
          "delivery.smarthost_user and, in the environment, the password");
  }
  if (!settings.metrics.listen.empty()) {
    const auto endpoint = metrics_endpoint(settings.metrics.listen);
    if (!endpoint) faults.push_back(endpoint.error().text());
  }
  if (settings.listeners.size() >= most_sockets)
    faults.push_back("more than " + std::to_string(most_sockets - 1) +
                     " listeners cannot be handed over to a new process");
  const auto directory = relay::Directory::make(directory_settings(settings));
  if (!directory) faults.push_back("local: " + directory.error().text());
  const bool is_for_some =
      std::any_of(settings.listeners.begin(), settings.listeners.end(),
                  [](const auto& listener) { return listener.role != server::Role::catcher; });
  if (!directory || !is_for_some) return faults;
  if (settings.delivery.smarthost.empty()) {
    for (const auto& way : directory->ways_out())
      faults.push_back("local: " + way + ", which is elsewhere: that needs delivery.smarthost");
  }
  for (const auto& domain : directory->domains()) {
    if (!directory->accepts({"postmaster", domain}))
      faults.push_back("local: nobody reads postmaster@" + domain +
                       ", which every domain must have (RFC 5321 §4.5.1): add a mailbox, an "
                       "alias or a catch-all");
  }
  return faults;
}

namespace {

// The addresses of a name; empty when it has none.
std::vector<boost::asio::ip::address> addresses_of(const std::string& host) {
  boost::asio::io_context context;
  tcp::resolver resolver(context);
  boost::system::error_code error;
  std::vector<boost::asio::ip::address> found;
  for (const auto& entry : resolver.resolve(host, "25", error))
    found.push_back(entry.endpoint().address());
  return found;
}

void check_certificate(const Settings& settings, const ListenerConfig& listener, Findings& out) {
  if (listener.tls == smtp::TlsMode::none || listener.certificate.empty()) return;
  const auto tls = net::TlsContext::server(
      {.certificate = listener.certificate, .key = listener.key, .client_ca = listener.client_ca});
  if (!tls) return out.faults.push_back(place(listener) + ": " + tls.error().text());
  const auto& host = settings.server.hostname;
  const auto file = listener.certificate.string();
  if (!tls->covers(host))
    out.warnings.push_back(file + ": the certificate is not for " + host +
                           ": clients that verify will not stay; get one for that name, or set "
                           "server.hostname to a name it has");
  if (tls->days_left() < days_to_renew)
    out.warnings.push_back(file + ": the certificate expires in " +
                           std::to_string(tls->days_left()) + " days: renew it");
}

// The ports that the server on this very data folder holds.
std::set<std::string> ports_of_the_running(const Settings& settings, Findings& out) {
  std::set<std::string> ports;
  auto running = RunningServer::connect(settings.server.data);
  if (!running) return ports;
  const auto held = running->listening();
  if (!held)
    out.warnings.push_back("the server that runs on " + settings.server.data.string() + ": " +
                           held.error().text());
  else
    for (const auto& address : *held) ports.insert(address.substr(address.rfind(':') + 1));
  return ports;
}

// Binds, all at once, and lets go again. What the server on this data folder holds is its own.
void check_ports(const Settings& settings, Findings& out) {
  const auto held = ports_of_the_running(settings, out);
  server::Guard guard;
  observe::Log log;
  server::Server server(guard, log, {.threads = 1});
  const auto check = [&](const std::string& address, std::uint16_t port, std::string where) {
    server::ListenerSettings one;
    one.address = address;
    one.port = port;
    const auto bound = server.listen(std::move(one));
    if (bound || (bound.error().fault == Fault::busy && held.contains(std::to_string(port))))
      return;
    out.faults.push_back(std::move(where) + bound.error().text());
  };
  for (const auto& listener : settings.listeners) check(listener.address, listener.port, {});
  const auto metrics = metrics_endpoint(settings.metrics.listen);
  if (metrics) check(metrics->address().to_string(), metrics->port(), "metrics.listen: ");
}

// Whether whom the server becomes may do that; 0, or the error's number. Asked by a process that
// has become that user, as groups and the folders above count too.
int access_of_server(const Settings& settings, const std::filesystem::path& path, int mode) {
  const auto* user =
      settings.server.user.empty() ? nullptr : ::getpwnam(settings.server.user.c_str());
  if (user == nullptr || ::geteuid() != 0 || user->pw_uid == 0)
    return ::access(path.c_str(), mode) == 0 ? 0 : errno;
  const auto child = ::fork();
  if (child == 0) {
    if (::initgroups(user->pw_name, user->pw_gid) != 0 || ::setgid(user->pw_gid) != 0 ||
        ::setuid(user->pw_uid) != 0)
      ::_exit(EPERM);
    ::_exit(::access(path.c_str(), mode) == 0 ? 0 : errno);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return 0;
  return WEXITSTATUS(status);
}

// Root reads it at the start; at a reload it is the server's user who must.
void check_readable(const Settings& settings, const std::filesystem::path& file, Findings& out) {
  if (file.empty() || ::access(file.c_str(), R_OK) != 0) return;  // that is said elsewhere
  const int why = access_of_server(settings, file, R_OK);
  if (why != 0)
    out.warnings.push_back(file.string() + ": '" + settings.server.user +
                           "' may not read it, so that every reload will be refused (" +
                           std::generic_category().message(why) +
                           "): give it, and the folders above it, to that user's group");
}

// The folder itself, or the nearest one above it that is there, in which it would be made.
void check_folder(const std::string& option, std::filesystem::path folder, bool is_made,
                  const Settings& settings, Findings& out) {
  folder = std::filesystem::absolute(folder);
  struct stat facts {};
  bool is_there = ::stat(folder.c_str(), &facts) == 0;
  if (!is_there && !is_made)
    return out.faults.push_back(option + ": the folder " + folder.string() +
                                " is not there: make it, for the server's user");
  auto nearest = folder;
  while (!is_there && nearest.has_relative_path()) {
    nearest = nearest.parent_path();
    is_there = ::stat(nearest.c_str(), &facts) == 0;
  }
  if (!S_ISDIR(facts.st_mode))
    return out.faults.push_back(option + ": " + nearest.string() + " is not a folder");
  // Root makes the folder and gives it away.
  const bool by_root = ::geteuid() == 0 && (nearest != folder || std::filesystem::is_empty(folder));
  if (!by_root && access_of_server(settings, nearest, W_OK | X_OK) != 0)
    out.faults.push_back(
        option + ": " +
        (settings.server.user.empty() ? "this user" : '\'' + settings.server.user + '\'') +
        " may not write in " + nearest.string() + ": chown it, or choose another folder");
}

void check_users(const Settings& settings, Findings& out) {
  const bool alone = std::all_of(settings.listeners.begin(), settings.listeners.end(), is_loopback);
  if (settings.server.user.empty() && ::geteuid() == 0 && !alone)
    out.warnings.push_back(
        "server.user: the server stays root; name a user that it becomes once its ports are bound");
  if (!settings.server.user.empty()) {
    if (::getpwnam(settings.server.user.c_str()) == nullptr)
      out.faults.push_back("server.user: there is no user '" + settings.server.user +
                           "' on this machine: add it, as with adduser --system");
    else if (::geteuid() != 0 && ::getpwuid(::geteuid()) != nullptr &&
             settings.server.user != ::getpwuid(::geteuid())->pw_name)
      out.warnings.push_back("server.user: only root may become '" + settings.server.user + "'");
  }
  if (const auto wrong = login_check(settings).invalid_reason())
    out.faults.push_back(wrong->text());
  if (settings.server.users.empty()) return;
  const auto users = server::Users::load(settings.server.users);
  if (!users) return out.faults.push_back(users.error().text());
  const auto names = users->names();
  const bool anybody =
      std::any_of(settings.listeners.begin(), settings.listeners.end(), is_submission);
  if (names.empty() && anybody)
    out.faults.push_back(settings.server.users.string() +
                         ": holds no users, so that nobody can submit mail: `postroad user add`");
  for (const auto& entry : settings.submission.senders) {
    const auto login = std::string(trim(std::string_view(entry).substr(0, entry.find(':'))));
    if (std::find(names.begin(), names.end(), login) == names.end())
      out.warnings.push_back("submission.senders: there is no user '" + printable(login, 80) +
                             "' in " + settings.server.users.string());
  }
}

// The own name matters where strangers come or are called.
void check_name(const Settings& settings, bool offline, Findings& out) {
  const bool alone = std::all_of(settings.listeners.begin(), settings.listeners.end(), is_loopback);
  if (alone && settings.delivery.smarthost.empty()) return;
  const auto& host = settings.server.hostname;
  if (host.find('.') == std::string::npos)
    out.warnings.push_back("server.hostname: '" + host +
                           "' has no domain: other servers refuse such a name; set the whole one");
  if (offline || alone) return;
  if (addresses_of(host).empty())
    out.faults.push_back("server.hostname: '" + host +
                         "' has no address in the DNS: other servers will not find or trust it");
}

// A smarthost that is this server itself would get its own mail back until the hop count ends it.
void check_loop(const Settings& settings, bool offline, Findings& out) {
  if (settings.delivery.smarthost.empty()) return;
  const auto url = client::parse_url(settings.delivery.smarthost);
  if (!url) return;
  std::vector<boost::asio::ip::address> there;
  boost::system::error_code error;
  const auto literal = boost::asio::ip::make_address(url->host, error);
  if (!error) {
    there.push_back(literal);
  } else if (!offline) {
    there = addresses_of(url->host);
    if (there.empty())
      out.warnings.push_back("delivery.smarthost: '" + url->host +
                             "' has no address in the DNS now: mail for elsewhere will wait");
  }
  for (const auto& listener : settings.listeners) {
    if (listener.port != url->port) continue;
    const auto here = boost::asio::ip::make_address(listener.address, error);
    const bool is_self = std::any_of(there.begin(), there.end(), [&](const auto& address) {
      return address == here || (here.is_unspecified() && address.is_loopback());
    });
    if (is_self || iequals(url->host, settings.server.hostname))
      out.faults.push_back("delivery.smarthost: " + url->server() + " is this server's own " +
                           place(listener) + ": mail would go round; name another server");
  }
}

}  // namespace

Findings look_around(const Settings& settings, const std::string& file, bool offline) {
  Findings out;
  out.faults = find_faults(settings);
  check_readable(settings, file, out);
  check_readable(settings, settings.server.users, out);
  std::set<std::filesystem::path> keys;
  for (const auto& listener : settings.listeners) {
    if (listener.tls == smtp::TlsMode::none) continue;
    keys.insert(listener.certificate);
    keys.insert(listener.key);
  }
  for (const auto& key : keys) check_readable(settings, key, out);
  for (const auto& listener : settings.listeners) check_certificate(settings, listener, out);
  check_ports(settings, out);
  check_folder("server.data", settings.server.data, true, settings, out);
  if (!settings.log.file.empty())
    check_folder("log.file", std::filesystem::absolute(settings.log.file).parent_path(), false,
                 settings, out);
  check_users(settings, out);
  check_name(settings, offline, out);
  check_loop(settings, offline, out);
  return out;
}

}  // namespace postroad::daemon
