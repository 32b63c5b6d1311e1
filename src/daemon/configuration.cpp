// Reading and checking what the settings name; see configuration.hpp.
#include "daemon/configuration.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "daemon/routes.hpp"
#include "daemon/validation.hpp"
#include "http/login_policy.hpp"
#include "proto/sasl/mechanism.hpp"
#include "server/user_logins.hpp"

namespace postroad::daemon {

namespace {

// The mechanisms that AUTH offers by default: those that users have keys for, and EXTERNAL where
// client certificates are requested.
std::vector<std::string> usual_mechanisms(const ListenerConfig& listener,
                                          const std::optional<server::Users>& users,
                                          bool asks_outside) {
  std::vector<std::string> found;
  for (const auto name : sasl::mechanisms()) {
    const bool is_key = name.starts_with("SCRAM") || name.starts_with("CRAM");
    const bool is_token = name.find("OAUTH") != std::string_view::npos;
    const bool is_certificate = name == "EXTERNAL";
    if (is_certificate && listener.client_ca.empty()) continue;
    // The backend has no keys, and a client would choose these mechanisms first.
    if (is_key && (asks_outside || !users || !users->serves(name))) continue;
    if (is_token && !asks_outside) continue;
    found.emplace_back(name);
  }
  return found;
}

std::vector<net::Network> parse_networks(const std::string& option,
                                         const std::vector<std::string>& texts,
                                         Problems& problems) {
  std::vector<net::Network> found;
  for (const auto& text : texts) {
    auto network = net::Network::parse(text);
    if (network)
      found.push_back(std::move(*network));
    else
      problems.error(option, network.error());
  }
  return found;
}

std::optional<server::Users> load_users(const Settings& settings, Problems& problems) {
  if (settings.server.users.empty()) return std::nullopt;
  auto users = server::Users::load(settings.server.users);
  if (users) return std::move(*users);
  problems.error("server.users", users.error());
  return std::nullopt;
}

// The CA certificates of an https backend are read here, at the start and at each reload: it takes
// tens of milliseconds, for which a session's thread has no time.
std::optional<http::LoginCheck> make_login_backend(const Settings& settings, Problems& problems) {
  const auto backend = settings.server.login_backend();
  if (!backend.is_set()) return std::nullopt;
  if (!backend.needs_tls()) return http::LoginCheck(backend);
  auto tls = net::TlsContext::client({});
  if (tls) return http::LoginCheck(backend, std::move(*tls));
  problems.error("server.login_url", tls.error());
  return http::LoginCheck(backend);
}

// The local addresses that an mx or submission listener requires.
void check_directory(const Settings& settings, const relay::Directory& directory,
                     const std::optional<relay::RouteTable>& routes, Problems& problems) {
  const auto is_catcher = [](const auto& listener) {
    return listener.role == server::Role::catcher;
  };
  if (std::all_of(settings.listeners.begin(), settings.listeners.end(), is_catcher)) return;
  for (const auto& [way, target] : directory.ways_out()) {
    // The sender is not known here: a null reverse-path has a route where others have one.
    if (routes && !routes->find({}, target, false))
      problems.error("local", way +
                                  ", a remote address without a route: set delivery.smarthost or "
                                  "mx.enabled, or add a [[route]]");
  }
  for (const auto& domain : directory.domains()) {
    if (!directory.accepts({"postmaster", domain}))
      problems.error("local.domains", "no recipient for postmaster@" + domain +
                                          ", which every domain must have (RFC 5321 section "
                                          "4.5.1); add a mailbox, an alias or local.catch_all");
  }
}

relay::Directory make_directory(const Settings& settings,
                                const std::optional<relay::RouteTable>& routes,
                                Problems& problems) {
  bool is_sound = true;
  auto directory = relay::Directory::make(settings.local.directory(),
                                          [&](std::string_view setting, const Error& error) {
                                            is_sound = false;
                                            problems.error("local." + std::string(setting), error);
                                          });
  if (is_sound) check_directory(settings, directory, routes, problems);
  return directory;
}

// A notification for an address without a mailbox would be lost.
void check_postmaster(const std::string& postmaster, const relay::Directory& directory,
                      const std::optional<relay::RouteTable>& routes, Problems& problems) {
  if (postmaster.empty()) return;
  const auto address = Mailbox::parse(postmaster);
  if (!address)
    return problems.error("bounces.postmaster", '\'' + printable(postmaster, 80) +
                                                    "' is not an address; use the form "
                                                    "postmaster@example.org");
  const bool is_local = directory.is_local(*address);
  const bool has_place = is_local ? directory.accepts(*address)
                                  : !routes || routes->find({}, *address, false).has_value();
  if (!has_place)
    problems.error("bounces.postmaster",
                   is_local ? "there is no mailbox or alias of this address; add one to local"
                            : "there is no route to this address: set delivery.smarthost or "
                              "mx.enabled, or add a [[route]]");
}

// Reports go out from this address.
void check_tlsrpt(const Settings& settings, Problems& problems) {
  const auto& contact = settings.tlsrpt.contact;
  const auto address = contact.empty() ? std::nullopt : std::optional(Mailbox::parse(contact));
  if (address && (!*address || (*address)->needs_utf8()))
    problems.error("tlsrpt.contact", '\'' + printable(contact, 80) +
                                         "' is not an address in ASCII; use the form "
                                         "postmaster@example.org");
  if (settings.tlsrpt.enabled && !uses_mx(settings))
    problems.warning("tlsrpt.enabled",
                     "no report is sent: no message goes to mail exchangers; set mx.enabled, or "
                     "tlsrpt.enabled = false");
}

relay::Senders make_senders(const Settings& settings, Problems& problems) {
  return relay::Senders::make(settings.submission.senders, settings.local.domains,
                              settings.local.plus,
                              [&](std::string_view setting, const Error& error) {
                                problems.error("submission." + std::string(setting), error);
                              });
}

// The option that names a file of the listener's TLS.
std::string_view option_of(const std::string& file, const ListenerConfig& listener) {
  if (file.empty() || file == listener.certificate) return "certificate";
  return file == listener.client_ca ? "client_ca" : "key";
}

std::optional<net::TlsContext> make_tls(const ListenerConfig& listener, std::size_t index,
                                        Problems& problems) {
  if (listener.tls == smtp::TlsMode::none || listener.certificate.empty()) return std::nullopt;
  auto tls = net::TlsContext::server({.certificate = listener.certificate,
                                      .key = listener.key,
                                      .client_ca = listener.client_ca,
                                      .allow_legacy = listener.insecure_allow_legacy_tls});
  if (tls) return std::move(*tls);
  problems.error(listener_option(index, option_of(tls.error().where, listener)), tls.error());
  return std::nullopt;
}

// The users' file first, then the backend about users that the file does not have. The policies
// keep the configuration alive.
server::PolicyChain login_policies(const std::shared_ptr<Configuration>& configuration,
                                   LoginServices& services) {
  server::PolicyChain policies;
  const auto& users = configuration->users;
  const auto& backend = configuration->login_backend;
  if (users) {
    policies.push_back(std::make_shared<server::UserLogins>(
        std::shared_ptr<const server::Users>(configuration, &*users), services.derivation,
        !backend.has_value()));
  }
  if (backend) {
    policies.push_back(std::make_shared<http::LoginPolicy>(
        std::shared_ptr<const http::LoginCheck>(configuration, &*backend), services.backend,
        services.log));
  }
  return policies;
}

}  // namespace

namespace {

std::shared_ptr<const relay::DkimKeys> load_dkim_keys(const Settings& settings,
                                                      Problems& problems) {
  auto keys = std::make_shared<relay::DkimKeys>();
  for (std::size_t i = 0; i < settings.dkim.size(); ++i) {
    const auto added = keys->add(settings.dkim[i]);
    if (added) continue;
    const auto& where = added.error().where;
    const std::string option = where == "DKIM domain"     ? "domain"
                               : where == "DKIM selector" ? "selector"
                                                          : "key_file";
    problems.error("dkim." + std::to_string(i) + '.' + option, added.error());
  }
  if (keys->is_empty()) return nullptr;
  for (std::size_t i = 0; i < settings.listeners.size(); ++i) {
    const auto& listener = settings.listeners[i];
    if (listener.role == server::Role::submission && listener.allow_any_sender)
      problems.warning(listener_option(i, "allow_any_sender"),
                       "each user of this listener may send as any address, and the message is "
                       "signed by [[dkim]]; name their addresses in submission.senders");
  }
  return keys;
}

}  // namespace

relay::DeliverySettings Configuration::delivery() const {
  auto made = settings.delivery.settings(settings.server.hostname);
  made.reports = settings.bounces.settings(settings.server.hostname, settings.retry.lifetime);
  if (dkim) made.reports.signer = dkim->signer_for(settings.server.hostname);
  made.data = settings.server.data;
  made.tlsrpt = settings.tlsrpt.settings(settings.server.hostname);
  if (const auto from = Mailbox::parse(made.tlsrpt.from.contact); from && dkim)
    made.tlsrpt_signer = dkim->signer_for(from->domain);
  made.settlement = settings.retry.policy(settings.bounces.lifetime);
  made.table = *routes;
  made.ways = make_ways(settings);
  for (const auto& way : made.ways) {
    const auto* const mx = std::get_if<relay::MxWay>(&way);
    if (mx == nullptr) continue;
    made.tlsrpt.https = {443, mx->settings.tls.ca_file,
                         relay::tls::https_rules(mx->settings.rules)};
  }
  return made;
}

namespace {

void check_signature(const Settings& settings, const relay::DkimKeys* keys, Problems& problems) {
  const auto reports = settings.tlsrpt.settings(settings.server.hostname);
  const auto& domain = reports.from.host;
  if (!Mailbox::parse(reports.from.contact)) return;  // that was reported
  if (!reports.enabled || (keys != nullptr && keys->signer_for(domain))) return;
  problems.warning("tlsrpt.contact",
                   "there is no [[dkim]] key for " + domain +
                       ": reports by mail go without a signature, and receivers ignore them "
                       "(RFC 8460 section 3)");
}

}  // namespace

std::shared_ptr<Configuration> Configuration::make(Settings settings, Problems& problems) {
  auto made = std::make_shared<Configuration>();
  made->settings = std::move(settings);
  const auto& s = made->settings;
  validate(s, problems);
  made->users = load_users(s, problems);
  made->login_backend = make_login_backend(s, problems);
  made->routes = make_routes(s, problems);
  made->directory = make_directory(s, made->routes, problems);
  check_tlsrpt(s, problems);
  check_postmaster(s.bounces.postmaster, *made->directory, made->routes, problems);
  made->senders = make_senders(s, problems);
  made->dkim = load_dkim_keys(s, problems);
  check_signature(s, made->dkim.get(), problems);
  made->guard = server::guard_settings(s.clients, s.logins);
  made->guard.exempt = parse_networks("clients.exempt", s.clients.exempt, problems);
  (void)parse_networks("bounces.confirm_networks", s.bounces.confirm_networks, problems);
  const auto relayed = parse_networks("delivery.networks", s.delivery.networks, problems);
  for (std::size_t i = 0; i < s.listeners.size(); ++i) made->add_listener(i, relayed, problems);
  return made;
}

void Configuration::add_listener(std::size_t index, const std::vector<net::Network>& relayed,
                                 Problems& problems) {
  const auto& listener = settings.listeners[index];
  const auto read = [&](std::string_view option, const std::vector<std::string>& texts) {
    return parse_networks(listener_option(index, option), texts, problems);
  };
  proxies.push_back(read("proxy_from", listener.proxy_from));
  xclient_peers.push_back(read("xclient_from", listener.xclient_from));
  auto clients = read("only_from", listener.only_from);
  auto relay_from = read("relay_from", listener.relay_from);
  relay_from.insert(relay_from.end(), relayed.begin(), relayed.end());
  const bool own_names_only = listener.role != server::Role::catcher && !listener.allow_any_sender;
  rules.emplace_back(*directory,
                     relay::Rules::Settings{.clients = std::move(clients),
                                            .networks = std::move(relay_from),
                                            .routes = routes ? &*routes : nullptr,
                                            .senders = own_names_only ? &*senders : nullptr});
  tls.push_back(make_tls(listener, index, problems));
}

std::vector<server::ListenerSettings> Configuration::listeners(
    const std::shared_ptr<Configuration>& configuration, LoginServices& services) {
  std::vector<server::ListenerSettings> made;
  const auto logins = login_policies(configuration, services);
  for (std::size_t i = 0; i < configuration->settings.listeners.size(); ++i) {
    const auto& listener = configuration->settings.listeners[i];
    auto options = server::machine_options(listener, configuration->settings.limits,
                                           configuration->settings.server.hostname);
    if (listener.mechanisms.empty())
      options.mechanisms = usual_mechanisms(listener, configuration->users,
                                            configuration->login_backend.has_value());
    server::PolicyChain policies{
        std::shared_ptr<server::SessionPolicy>(configuration, &configuration->rules[i])};
    policies.insert(policies.end(), logins.begin(), logins.end());
    made.push_back({.role = listener.role,
                    .address = listener.address,
                    .port = listener.port,
                    .smtp = std::move(options),
                    .tls = configuration->tls[i],
                    .policies = std::move(policies),
                    .greet_pause = listener.greet_pause,
                    .login_delay = listener.role == server::Role::catcher
                                       ? std::chrono::milliseconds(0)
                                       : configuration->settings.limits.login_delay,
                    .proxies = configuration->proxies[i],
                    .xclient_peers = configuration->xclient_peers[i]});
  }
  return made;
}

}  // namespace postroad::daemon
