// Everything that the settings name, read; see book.hpp.
#include "cli/book.hpp"

namespace postroad::cli {

Result<std::shared_ptr<Book>> Book::make(Settings settings) {
  auto book = std::make_shared<Book>();
  book->settings = std::move(settings);
  const auto& s = book->settings;
  if (!s.server.users.empty()) {
    auto users = server::Users::load(s.server.users);
    if (!users) return users.error();
    book->users = std::move(*users);
  }
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
    auto clients = networks("listener.only_from", listener.only_from);
    if (!clients) return clients.error();
    auto relay_from = networks("listener.relay_from", listener.relay_from);
    if (!relay_from) return relay_from.error();
    relay_from->insert(relay_from->end(), relayed->begin(), relayed->end());
    book->rules.emplace_back(
        *book->directory,
        relay::Rules::Settings{std::move(*clients), std::move(*relay_from),
                               !s.delivery.smarthost.empty(), book->users ? &*book->users : nullptr,
                               own_names_only ? &*book->senders : nullptr});
    auto& context = book->tls.emplace_back();
    if (listener.tls == smtp::TlsMode::none) continue;
    auto tls = net::TlsContext::server({listener.certificate, listener.key});
    if (!tls) return tls.error();
    context = std::move(*tls);
  }
  return book;
}

std::vector<server::ListenerSettings> Book::listeners(const std::shared_ptr<Book>& book) {
  std::vector<server::ListenerSettings> made;
  for (std::size_t i = 0; i < book->settings.listeners.size(); ++i) {
    const auto& listener = book->settings.listeners[i];
    made.push_back({.role = listener.role,
                    .address = listener.address,
                    .port = listener.port,
                    .smtp = machine_options(book->settings, listener),
                    .tls = book->tls[i],
                    .policy = std::shared_ptr<server::Policy>(book, &book->rules[i]),
                    .greet_pause = listener.greet_pause});
  }
  return made;
}

relay::DeliverySettings Book::delivery() const {
  relay::DeliverySettings delivery;
  delivery.host = settings.server.hostname;
  delivery.discard = settings.delivery.local == Destination::discard;
  delivery.smarthost = settings.delivery.smarthost;
  delivery.smarthost_options.helo_name = settings.server.hostname;
  delivery.schedule = {settings.delivery.first_retry, settings.delivery.longest_retry};
  if (!settings.delivery.smarthost_user.empty()) {
    delivery.smarthost_login =
        Login{settings.delivery.smarthost_user, settings.delivery.smarthost_password, {}};
  }
  return delivery;
}

}  // namespace postroad::cli
