// Everything that the settings name, read; see configuration.hpp.
#include "daemon/configuration.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "proto/sasl/mechanism.hpp"

namespace postroad::daemon {

namespace {

std::string words_of(const std::vector<std::string_view>& names) {
  std::string text;
  for (const auto name : names) (text += text.empty() ? "" : ", ") += name;
  return text;
}

// The check lives in the configuration, as the rules do.
std::function<server::LoginVerdict(const sasl::Credentials&, std::string_view)> asker(
    const std::optional<http::LoginCheck>& check) {
  if (!check) return {};
  return [&check = *check](const sasl::Credentials& credentials, std::string_view client) {
    return check.check(credentials, client);
  };
}

// What AUTH offers where nobody says: what the users have keys for, and certificates where they are
// asked for.
std::vector<std::string> usual_mechanisms(const ListenerConfig& listener,
                                          const std::optional<server::Users>& users,
                                          bool asks_outside) {
  std::vector<std::string> found;
  for (const auto name : sasl::mechanisms()) {
    const bool is_key = name.starts_with("SCRAM") || name.starts_with("CRAM");
    const bool is_token = name.find("OAUTH") != std::string_view::npos;
    const bool is_certificate = name == "EXTERNAL";
    if (is_certificate && listener.client_ca.empty()) continue;
    // Who is asked outside knows no keys, and a client would choose them first.
    if (is_key && (asks_outside || !users || !users->serves(name))) continue;
    if (is_token && !asks_outside) continue;
    found.emplace_back(name);
  }
  return found;
}

}  // namespace

Result<std::shared_ptr<Configuration>> Configuration::make(Settings settings) {
  auto configuration = std::make_shared<Configuration>();
  configuration->settings = std::move(settings);
  const auto& s = configuration->settings;
  if (!s.server.users.empty()) {
    auto users = server::Users::load(s.server.users);
    if (!users) return users.error();
    configuration->users = std::move(*users);
  }
  const auto login_backend = login_check(s);
  if (auto wrong = login_backend.invalid_reason()) return *wrong;
  if (login_backend.is_set()) configuration->login_backend.emplace(login_backend);
  auto directory = relay::Directory::make(directory_settings(s));
  if (!directory) return directory.error();
  configuration->directory = std::move(*directory);
  auto senders = relay::Senders::make(s.submission.senders, s.local.domains, s.local.plus);
  if (!senders) return senders.error();
  configuration->senders = std::move(*senders);
  auto guard = guard_settings(s);
  if (!guard) return guard.error();
  configuration->guard = std::move(*guard);
  const auto relayed = networks("delivery.networks", s.delivery.networks);
  if (!relayed) return relayed.error();
  for (const auto& listener : s.listeners) {
    const bool own_names_only =
        listener.role != server::Role::catcher && !listener.allow_any_sender;
    auto proxies = networks("listener.proxy_from", listener.proxy_from);
    if (!proxies) return proxies.error();
    configuration->proxies.push_back(std::move(*proxies));
    auto xclient_peers = networks("listener.xclient_from", listener.xclient_from);
    if (!xclient_peers) return xclient_peers.error();
    configuration->xclient_peers.push_back(std::move(*xclient_peers));
    for (const auto& name : listener.mechanisms) {
      const auto& known = sasl::mechanisms();
      if (std::find(known.begin(), known.end(), name) == known.end())
        return fail(Fault::input, "listener.mechanisms",
                    printable(name, 40) + " is not known; known are " + words_of(known));
    }
    auto clients = networks("listener.only_from", listener.only_from);
    if (!clients) return clients.error();
    auto relay_from = networks("listener.relay_from", listener.relay_from);
    if (!relay_from) return relay_from.error();
    relay_from->insert(relay_from->end(), relayed->begin(), relayed->end());
    configuration->rules.emplace_back(
        *configuration->directory,
        relay::Rules::Settings{.clients = std::move(*clients),
                               .networks = std::move(*relay_from),
                               .has_route = !s.delivery.smarthost.empty(),
                               .users = configuration->users ? &*configuration->users : nullptr,
                               .login_backend = asker(configuration->login_backend),
                               .senders = own_names_only ? &*configuration->senders : nullptr});
    auto& context = configuration->tls.emplace_back();
    if (listener.tls == smtp::TlsMode::none) continue;
    auto tls = net::TlsContext::server({.certificate = listener.certificate,
                                        .key = listener.key,
                                        .client_ca = listener.client_ca,
                                        .allow_legacy = listener.insecure_allow_legacy_tls});
    if (!tls) return tls.error();
    context = std::move(*tls);
  }
  return configuration;
}

std::vector<server::ListenerSettings> Configuration::listeners(
    const std::shared_ptr<Configuration>& configuration) {
  std::vector<server::ListenerSettings> made;
  for (std::size_t i = 0; i < configuration->settings.listeners.size(); ++i) {
    const auto& listener = configuration->settings.listeners[i];
    auto options = machine_options(configuration->settings, listener);
    if (listener.mechanisms.empty())
      options.mechanisms = usual_mechanisms(listener, configuration->users,
                                            configuration->login_backend.has_value());
    made.push_back(
        {.role = listener.role,
         .address = listener.address,
         .port = listener.port,
         .smtp = std::move(options),
         .tls = configuration->tls[i],
         .policy = std::shared_ptr<server::Policy>(configuration, &configuration->rules[i]),
         .greet_pause = listener.greet_pause,
         .login_delay = listener.role == server::Role::catcher
                            ? std::chrono::milliseconds(0)
                            : configuration->settings.limits.login_delay,
         .proxies = configuration->proxies[i],
         .xclient_peers = configuration->xclient_peers[i]});
  }
  return made;
}

relay::DeliverySettings Configuration::delivery() const {
  relay::DeliverySettings delivery;
  delivery.host = settings.server.hostname;
  delivery.discard = settings.delivery.local == Destination::discard;
  delivery.smarthost = settings.delivery.smarthost;
  delivery.smarthost_options.helo_name = settings.server.hostname;
  delivery.smarthost_options.drop_unsupported_options = true;
  delivery.smarthost_options.ca_file = settings.delivery.smarthost_ca_file.string();
  delivery.smarthost_options.ignored_extensions = settings.delivery.smarthost_ignores;
  delivery.connections = settings.delivery.connections;
  delivery.settlement.retry = {settings.delivery.initial_retry_delay,
                               settings.delivery.max_retry_delay, settings.delivery.lifetime};
  delivery.settlement.on_unknown = settings.delivery.on_unknown;
  if (!settings.delivery.smarthost_user.empty()) {
    delivery.smarthost_login =
        Login{settings.delivery.smarthost_user, settings.delivery.smarthost_password};
  }
  return delivery;
}

}  // namespace postroad::daemon
