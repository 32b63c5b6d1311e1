// The checks of `config check` that need the system: ports, files, DNS; see check.hpp.
#include "daemon/check.hpp"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <set>

#include "base/text.hpp"
#include "client/url.hpp"
#include "daemon/access.hpp"
#include "daemon/control_socket.hpp"
#include "daemon/metrics_endpoint.hpp"
#include "daemon/validation.hpp"
#include "server/server.hpp"

namespace postroad::daemon {

namespace {

using boost::asio::ip::tcp;

constexpr int days_to_renew = 14;

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

void check_certificates(const Configuration& configuration, Problems& problems) {
  const auto& settings = configuration.settings;
  for (std::size_t i = 0; i < configuration.tls.size(); ++i) {
    const auto& tls = configuration.tls[i];
    if (!tls) continue;
    const auto option = listener_option(i, "certificate");
    const auto file = settings.listeners[i].certificate.string();
    const auto& host = settings.server.hostname;
    if (!tls->covers(host))
      problems.warning(option, std::string(file)
                                   .append(": the certificate is not for ")
                                   .append(host)
                                   .append(", so that clients that verify it disconnect; get one "
                                           "for that name, or set server.hostname to a name it "
                                           "has"));
    if (tls->days_left() < days_to_renew)
      problems.warning(option, file + ": the certificate expires in " +
                                   std::to_string(tls->days_left()) + " days; renew it");
  }
}

// The ports of the server that uses this data folder.
std::set<std::string> ports_of_running_server(const Settings& settings, Problems& problems) {
  std::set<std::string> ports;
  auto running = RunningServer::connect(settings.server.data);
  if (!running) return ports;
  const auto held = running->listening();
  if (!held) {
    problems.warning("server.data", "the server that runs on " + settings.server.data.string() +
                                        " did not report its ports: " + held.error().text());
    return ports;
  }
  for (const auto& address : *held) ports.insert(address.substr(address.rfind(':') + 1));
  return ports;
}

// Binds all ports at once, and releases them. An address that is listed twice is reported by
// validate().
void check_ports(const Settings& settings, Problems& problems) {
  const auto held = ports_of_running_server(settings, problems);
  server::Guard guard;
  observe::Log log;
  server::Server server(guard, log, {.threads = 1});
  std::set<std::string> seen;
  const auto check = [&](const std::string& address, std::uint16_t port,
                         const std::string& option) {
    if (port != 0 && !seen.insert(address + ' ' + std::to_string(port)).second) return;
    server::ListenerSettings one;
    one.address = address;
    one.port = port;
    const auto bound = server.listen(std::move(one));
    if (bound || bound.error().fault == Fault::input) return;
    if (bound.error().fault == Fault::busy && held.contains(std::to_string(port))) return;
    problems.error(option, bound.error());
  };
  for (std::size_t i = 0; i < settings.listeners.size(); ++i) {
    const auto& listener = settings.listeners[i];
    check(listener.address, listener.port,
          listener_option(i, listener.port == 0 ? "address" : "port"));
  }
  const auto metrics = metrics_endpoint(settings.metrics.listen);
  if (metrics) check(metrics->address().to_string(), metrics->port(), "metrics.listen");
}

void check_server_user(const Settings& settings, bool is_local, Problems& problems) {
  const auto& user = settings.server.user;
  if (user.empty()) {
    if (::geteuid() == 0 && !is_local)
      problems.warning("server.user",
                       "the server stays root; name a user that it becomes once its ports are "
                       "bound");
    return;
  }
  const auto* self = ::getpwuid(::geteuid());
  const std::string own_name = self == nullptr ? "" : self->pw_name;
  if (::getpwnam(user.c_str()) == nullptr)
    problems.error("server.user",
                   "there is no user '" + printable(user, 80) +
                       "' on this machine; add it, for example with adduser --system");
  else if (::geteuid() != 0 && user != own_name)
    problems.warning("server.user", "only root can become '" + user + "'");
}

void check_users(const Configuration& configuration, Problems& problems) {
  if (!configuration.users) return;
  const auto& settings = configuration.settings;
  const auto names = configuration.users->names();
  const bool has_submission =
      std::any_of(settings.listeners.begin(), settings.listeners.end(),
                  [](const auto& listener) { return listener.role == server::Role::submission; });
  if (names.empty() && has_submission && !configuration.login_backend)
    problems.error("server.users",
                   settings.server.users.string() +
                       " holds no users, so that no client can submit messages; use "
                       "`postroad user add`");
  if (configuration.login_backend) return;  // it may know further users
  for (const auto& entry : settings.submission.senders) {
    const auto login = std::string(trim(std::string_view(entry).substr(0, entry.find(':'))));
    if (std::find(names.begin(), names.end(), login) == names.end())
      problems.warning("submission.senders", "there is no user '" + printable(login, 80) + "' in " +
                                                 settings.server.users.string());
  }
}

// The server's own name matters to hosts that connect and to hosts that it connects to.
void check_hostname(const Settings& settings, bool is_local, bool offline, Problems& problems) {
  if (is_local && !settings.has_way_out()) return;
  const auto& host = settings.server.hostname;
  if (host.find('.') == std::string::npos)
    problems.warning("server.hostname",
                     "'" + host +
                         "' has no domain, and other servers refuse such a name; set the fully "
                         "qualified name");
  if (offline || is_local) return;
  if (addresses_of(host).empty())
    problems.error("server.hostname",
                   "'" + host +
                       "' has no address in the DNS, so that other servers will not find or trust "
                       "it");
}

// A server that gets messages, by name; validation.cpp knows of addresses and of the server's own
// name.
void check_server_name(const Settings& settings, const std::string& option, const std::string& text,
                       Problems& problems) {
  const auto url = client::parse_url(text);
  if (text.empty() || !url) return;
  boost::system::error_code is_name;
  boost::asio::ip::make_address(url->host, is_name);
  if (!is_name || iequals(url->host, settings.server.hostname)) return;
  const auto addresses = addresses_of(url->host);
  if (addresses.empty())
    problems.warning(option, "'" + url->host +
                                 "' has no address in the DNS now; messages to remote domains "
                                 "will wait");
  else
    find_loop(settings, option, *url, addresses, problems);
}

void check_server_names(const Settings& settings, Problems& problems) {
  check_server_name(settings, "delivery.smarthost", settings.delivery.smarthost, problems);
  for (std::size_t i = 0; i < settings.routes.size(); ++i) {
    const auto& route = settings.routes[i];
    if (!route.is_mx())
      check_server_name(settings, "route." + std::to_string(i) + ".via", route.via, problems);
  }
}

}  // namespace

void check_surroundings(const Configuration& configuration, const std::string& file, bool offline,
                        Problems& problems) {
  const auto& settings = configuration.settings;
  const bool is_local =
      std::all_of(settings.listeners.begin(), settings.listeners.end(), is_loopback);
  check_certificates(configuration, problems);
  check_ports(settings, problems);
  check_access(settings, file, problems);
  check_server_user(settings, is_local, problems);
  check_users(configuration, problems);
  check_hostname(settings, is_local, offline, problems);
  if (!offline) check_server_names(settings, problems);
}

}  // namespace postroad::daemon
