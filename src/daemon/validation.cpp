// Combinations of options that cannot work or are dangerous; see validation.hpp.
#include "daemon/validation.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <map>

#include "base/text.hpp"
#include "client/url.hpp"
#include "daemon/control_socket.hpp"
#include "daemon/metrics_endpoint.hpp"
#include "mail/address/mailbox.hpp"
#include "net/stream.hpp"
#include "proto/sasl/mechanism.hpp"

namespace postroad::daemon {

namespace {

using server::Role;
using Networks = std::vector<std::string>;

// A range larger than any that is assigned to one site, or than the private ranges.
bool spans_strangers(const std::string& text) {
  const auto network = net::Network::parse(text);
  const auto slash = text.find('/');
  if (!network || slash == std::string::npos) return false;
  const auto prefix = parse_number(std::string_view(text).substr(slash + 1)).value_or(0);
  constexpr unsigned widest_v4 = 8;
  constexpr unsigned widest_v6 = 20;
  if (text.find(':') == std::string::npos) return prefix < widest_v4;
  const bool is_local =
      istarts_with(text, "fc") || istarts_with(text, "fd") || istarts_with(text, "fe8");
  return prefix < widest_v6 && !is_local;
}

const std::string* find_open_range(const Networks& networks) {
  const auto found = std::find_if(networks.begin(), networks.end(), spans_strangers);
  return found == networks.end() ? nullptr : &*found;
}

// Whether any host of the Internet that reaches the machine is served.
bool is_public(const ListenerConfig& listener) {
  boost::system::error_code invalid;  // reported separately
  boost::asio::ip::make_address(listener.address, invalid);
  if (invalid || is_loopback(listener)) return false;
  return listener.only_from.empty() || find_open_range(listener.only_from) != nullptr;
}

bool is_private(const ListenerConfig& listener) {
  for (const auto* range : {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
                            "fc00::/7", "fe80::/10"}) {
    if (net::Network::parse(range).value().contains(listener.address)) return true;
  }
  return false;
}

std::string open_relay(const std::string& range) {
  return range +
         " with a route to other domains makes an open relay: every host that can connect may "
         "send to any domain; list your own networks only";
}

class Listener {
 public:
  Listener(const Settings& settings, std::size_t index, Problems& problems)
      : all_(settings), listener_(settings.listeners[index]), index_(index), problems_(problems) {}

  void validate() {
    check_address();
    check_banner();
    check_tls();
    check_login();
    check_role();
  }

 private:
  void error(std::string_view option, std::string detail) {
    problems_.error(listener_option(index_, option), std::move(detail));
  }
  void hazard(std::string_view option, std::string detail) {
    problems_.hazard(listener_option(index_, option), std::move(detail));
  }

  void check_address() {
    boost::system::error_code failed;
    boost::asio::ip::make_address(listener_.address, failed);
    if (failed)
      error("address", "'" + printable(listener_.address, 80) +
                           "' is not an IP address; use 127.0.0.1, 0.0.0.0, ::1 or another address "
                           "of this machine");
  }

  void check_banner() {
    const auto& banner = listener_.banner;
    const bool is_printable =
        std::all_of(banner.begin(), banner.end(), [](char c) { return c >= ' ' && c <= '~'; });
    if (!is_printable || banner.size() > 200)
      error("banner", "the banner must be at most 200 printable ASCII characters");
  }

  void check_tls() {
    if (listener_.tls != smtp::TlsMode::none && listener_.certificate.empty())
      error("tls", "TLS needs a certificate; set certificate, or tls = \"none\"");
    if (listener_.tls == smtp::TlsMode::none && !listener_.certificate.empty())
      error("certificate",
            "the certificate is not used, because tls is \"none\"; set tls = \"offered\" or "
            "stricter");
  }

  void check_login() {
    const bool auth = listener_.auth || listener_.needs_login();
    if (auth && all_.server.users.empty() && !all_.server.login_backend().is_set() &&
        listener_.client_ca.empty())
      error("auth",
            "AUTH needs server.users, the file that `postroad user add` creates, or "
            "server.login_command or server.login_url");
    if (auth && listener_.tls == smtp::TlsMode::none && !listener_.allow_auth_in_clear)
      error("tls", "AUTH is never offered without TLS; set tls, or allow_auth_in_clear");
    const auto& known = sasl::mechanisms();
    std::string names;
    for (const auto name : known) names += (names.empty() ? "" : ", ") + std::string(name);
    for (const auto& name : listener_.mechanisms) {
      if (std::find(known.begin(), known.end(), name) == known.end())
        error("mechanisms", printable(name, 40) + " is unknown; the mechanisms are " + names);
    }
  }

  void check_role() {
    if (listener_.role == Role::mx && all_.local.domains.empty() &&
        all_.delivery.networks.empty() && listener_.relay_from.empty() && !listener_.auth)
      error("role", "role mx without local.domains refuses every message; set local.domains");
    if (listener_.role == Role::catcher && is_public(listener_) && !is_private(listener_))
      hazard("role",
             "a catcher on " + listener_.address +
                 " stores messages from every host that can connect; set address to 127.0.0.1, "
                 "restrict only_from, or use role mx");
    const auto* range = find_open_range(listener_.relay_from);
    if (range != nullptr && listener_.role != Role::catcher && is_public(listener_) &&
        !listener_.needs_login() && all_.has_way_out())
      hazard("relay_from", open_relay(*range));
    check_proxies();
  }

  // The server believes a proxy about its client: an address of delivery.networks, relay_from,
  // only_from or clients.exempt, and by XCLIENT a login. A PROXY header is read before only_from is
  // looked at.
  void check_proxies() {
    if (is_loopback(listener_)) return;
    if (const auto* range = find_open_range(listener_.proxy_from))
      hazard("proxy_from", *range +
                               " lets every host that can connect claim any client address, and so "
                               "pass relay_from, delivery.networks, only_from and the limits; list "
                               "your own proxies only");
    if (const auto* range = find_open_range(listener_.xclient_from);
        range != nullptr && is_public(listener_))
      hazard("xclient_from", *range +
                                 " lets every host that can connect claim any client address and "
                                 "any login, and so relay without a password; list your own "
                                 "proxies only");
  }

  const Settings& all_;
  const ListenerConfig& listener_;
  std::size_t index_;
  Problems& problems_;
};

// Two listeners of one address: the second could not be bound.
void check_repeated(const Settings& settings, Problems& problems) {
  std::map<std::string, std::string> seen;
  const auto add = [&](const std::string& address, const std::string& option,
                       const std::string& name) {
    const auto [first, is_new] = seen.emplace(address, name);
    if (!is_new)
      problems.error(option, address + " is already the address of " + first->second +
                                 "; remove one of them, or choose another port");
  };
  for (std::size_t i = 0; i < settings.listeners.size(); ++i) {
    const auto& listener = settings.listeners[i];
    if (listener.port == 0) continue;
    add(address_text(listener), listener_option(i, "port"),
        "listener " + (i == 0 ? "0, the first" : std::to_string(i)));
  }
  const auto metrics = metrics_endpoint(settings.metrics.listen);
  if (metrics && metrics->port() != 0)
    add(net::text_of(*metrics), "metrics.listen", "metrics.listen");
}

void check_open_relay(const Settings& settings, Problems& problems) {
  const auto* range = find_open_range(settings.delivery.networks);
  if (range == nullptr || !settings.has_way_out()) return;
  const bool is_open = std::any_of(
      settings.listeners.begin(), settings.listeners.end(), [](const ListenerConfig& listener) {
        return listener.role != Role::catcher && is_public(listener) && !listener.needs_login();
      });
  if (is_open) problems.hazard("delivery.networks", open_relay(*range));
}

// The options of a server that gets messages to remote domains, and their names.
struct HostOptions {
  std::string option;    // of the URL
  std::string prefix;    // of user and password
  std::string variable;  // of the environment, for the password; empty: there is none
  const std::string& url;
  const std::string& user;
  const Secret& password;
};

void check_host(const Settings& settings, const HostOptions& host, Problems& problems) {
  const auto set_password =
      host.variable.empty()
          ? "set " + host.prefix + "password"
          : "set " + host.variable + " in the environment, or " + host.prefix + "password";
  const auto url = client::parse_url(host.url);
  if (!url) problems.error(host.option, url.error());
  if (url && !url->password.empty())
    problems.error(host.option, "no password in the URL, because it would be shown; set " +
                                    host.prefix + "user, and " + set_password);
  if (!host.user.empty() && host.password.empty())
    problems.hazard(host.prefix + "user", "this user has no password; " + set_password);
  if (host.user.empty() && !host.password.empty())
    problems.hazard(host.prefix + "password",
                    "the password has no user; set " + host.prefix + "user");
  if (!url) return;
  boost::system::error_code is_name;  // looked up by `config check` only
  const auto literal = boost::asio::ip::make_address(url->host, is_name);
  find_loop(settings, host.option, *url,
            is_name ? std::vector<boost::asio::ip::address>{} : std::vector{literal}, problems);
}

void check_ways_out(const Settings& settings, Problems& problems) {
  const auto& delivery = settings.delivery;
  if (!delivery.smarthost.empty()) {
    if (settings.mx.enabled)
      problems.error("mx.enabled",
                     "delivery.smarthost already gets the messages to remote domains; remove one "
                     "of them");
    check_host(settings,
               {"delivery.smarthost", "delivery.smarthost_", "POSTROAD_DELIVERY_SMARTHOST_PASSWORD",
                delivery.smarthost, delivery.smarthost_user, delivery.smarthost_password},
               problems);
  }
  for (std::size_t i = 0; i < settings.routes.size(); ++i) {
    const auto& route = settings.routes[i];
    const auto name = "route." + std::to_string(i);
    if (route.is_mx()) continue;
    const std::string remedy = "name a server as smtp://relay.example:587, or mx";
    if (route.via.empty())
      problems.error(name + ".via", "missing; " + remedy);
    else if (route.via.find("://") == std::string::npos)
      problems.error(name + ".via", '\'' + printable(route.via, 80) + "' is not a URL; " + remedy);
    else
      check_host(settings, {name + ".via", name + '.', {}, route.via, route.user, route.password},
                 problems);
  }
}

}  // namespace

bool is_loopback(const ListenerConfig& listener) {
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(listener.address, error);
  return !error && address.is_loopback();
}

void find_loop(const Settings& settings, const std::string& option, const client::Url& smarthost,
               const std::vector<boost::asio::ip::address>& addresses, Problems& problems) {
  for (const auto& listener : settings.listeners) {
    if (listener.port != smarthost.port) continue;
    boost::system::error_code invalid;  // reported separately
    const auto here = boost::asio::ip::make_address(listener.address, invalid);
    if (invalid) continue;
    const bool is_self = std::any_of(addresses.begin(), addresses.end(), [&](const auto& address) {
      return address == here || (here.is_unspecified() && address.is_loopback());
    });
    // The name is compared once, where no address is known.
    if (is_self || (addresses.empty() && iequals(smarthost.host, settings.server.hostname)))
      problems.hazard(option, smarthost.server() + " is this server's own listener " +
                                  address_text(listener) + ", a mail loop; name another server");
  }
}

std::string address_text(const ListenerConfig& listener) {
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(listener.address, error);
  return error ? listener.address : net::text_of({address, listener.port});
}

void validate(const Settings& settings, Problems& problems) {
  if (!mail::is_domain(settings.server.hostname))
    problems.error("server.hostname",
                   "'" + printable(settings.server.hostname, 80) + "' is not a domain");
  for (std::size_t i = 0; i < settings.listeners.size(); ++i)
    Listener(settings, i, problems).validate();
  check_repeated(settings, problems);
  check_open_relay(settings, problems);
  check_ways_out(settings, problems);
  if (!settings.metrics.listen.empty()) {
    const auto endpoint = metrics_endpoint(settings.metrics.listen);
    if (!endpoint) problems.error("metrics.listen", endpoint.error());
  }
  if (const auto wrong = settings.server.login_backend().invalid_reason())
    problems.error(wrong->where, *wrong);
  if (settings.listeners.size() >= most_sockets)
    problems.error("listener", "more than " + std::to_string(most_sockets - 1) +
                                   " listeners cannot be handed over to a new process");
}

}  // namespace postroad::daemon
