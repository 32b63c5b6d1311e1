// Everything that the settings name, read; see book.hpp.
#include "cli/book.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "proto/sasl/mechanism.hpp"

namespace postroad::cli {

namespace {

std::string words_of(const std::vector<std::string_view>& names) {
  std::string text;
  for (const auto name : names) (text += text.empty() ? "" : ", ") += name;
  return text;
}

// The check lives in the book, as the rules do.
std::function<server::LoginVerdict(const sasl::Credentials&, std::string_view)> asker(
    const std::optional<web::LoginCheck>& check) {
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

Result<std::shared_ptr<Book>> Book::make(Settings settings) {
  auto book = std::make_shared<Book>();
  book->settings = std::move(settings);
  const auto& s = book->settings;
  if (!s.server.users.empty()) {
    auto users = server::Users::load(s.server.users);
    if (!users) return users.error();
    book->users = std::move(*users);
  }
  const auto outside = login_check(s);
  if (auto wrong = outside.wrong()) return *wrong;
  if (outside.is_set()) book->outside.emplace(outside);
  auto directory = relay::Directory::make(directory_settings(s));
  if (!directory) return directory.error();
  book->directory = std::move(*directory);
  auto senders = relay::Senders::make(s.submission.senders, s.local.domains, s.local.plus);
  if (!senders) return senders.error();
  book->senders = std::move(*senders);
  auto guard = guard_settings(s);
  if (!guard) return guard.error();
  book->guard = std::move(*guard);
  const auto relayed = networks("delivery.networks", s.delivery.networks);
  if (!relayed) return relayed.error();
  for (const auto& listener : s.listeners) {
    const bool own_names_only =
        listener.role != server::Role::catch_all && !listener.allow_any_sender;
    auto proxies = networks("listener.proxy_from", listener.proxy_from);
    if (!proxies) return proxies.error();
    book->proxies.push_back(std::move(*proxies));
    auto speakers = networks("listener.xclient_from", listener.xclient_from);
    if (!speakers) return speakers.error();
    book->speakers.push_back(std::move(*speakers));
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
    book->rules.emplace_back(
        *book->directory,
        relay::Rules::Settings{.clients = std::move(*clients),
                               .networks = std::move(*relay_from),
                               .has_route = !s.delivery.smarthost.empty(),
                               .users = book->users ? &*book->users : nullptr,
                               .outside = asker(book->outside),
                               .senders = own_names_only ? &*book->senders : nullptr});
    auto& context = book->tls.emplace_back();
    if (listener.tls == smtp::TlsMode::none) continue;
    auto tls = net::TlsContext::server({.certificate = listener.certificate,
                                        .key = listener.key,
                                        .client_ca = listener.client_ca});
    if (!tls) return tls.error();
    context = std::move(*tls);
  }
  return book;
}

std::vector<server::ListenerSettings> Book::listeners(const std::shared_ptr<Book>& book) {
  std::vector<server::ListenerSettings> made;
  for (std::size_t i = 0; i < book->settings.listeners.size(); ++i) {
    const auto& listener = book->settings.listeners[i];
    auto options = machine_options(book->settings, listener);
    if (listener.mechanisms.empty())
      options.mechanisms = usual_mechanisms(listener, book->users, book->outside.has_value());
    made.push_back({.role = listener.role,
                    .address = listener.address,
                    .port = listener.port,
                    .smtp = std::move(options),
                    .tls = book->tls[i],
                    .policy = std::shared_ptr<server::Policy>(book, &book->rules[i]),
                    .greet_pause = listener.greet_pause,
                    .login_delay = listener.role == server::Role::catch_all
                                       ? std::chrono::milliseconds(0)
                                       : book->settings.limits.login_delay,
                    .proxies = book->proxies[i],
                    .speakers = book->speakers[i]});
  }
  return made;
}

relay::DeliverySettings Book::delivery() const {
  relay::DeliverySettings delivery;
  delivery.host = settings.server.hostname;
  delivery.discard = settings.delivery.local == Destination::discard;
  delivery.smarthost = settings.delivery.smarthost;
  delivery.smarthost_options.helo_name = settings.server.hostname;
  delivery.smarthost_options.drop_unsupported_options = true;
  delivery.smarthost_options.ca_file = settings.delivery.smarthost_ca_file.string();
  delivery.smarthost_options.ignored_extensions = settings.delivery.smarthost_ignores;
  delivery.schedule = {settings.delivery.first_retry, settings.delivery.longest_retry};
  if (!settings.delivery.smarthost_user.empty()) {
    delivery.smarthost_login =
        Login{settings.delivery.smarthost_user, settings.delivery.smarthost_password};
  }
  return delivery;
}

}  // namespace postroad::cli
