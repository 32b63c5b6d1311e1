// Relay control, VRFY and EXPN; see rules.hpp.
#include "relay/local/rules.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace postroad::relay {

namespace {

// What a mailbox here must not look like: a second address inside the local part, as relays that
// parse it again would see (percent hack, bang path, a quoted address).
bool hides_a_route(const Mailbox& mailbox) {
  return std::any_of(mailbox.local.begin(), mailbox.local.end(),
                     [](char c) { return c == '@' || c == '%' || c == '!'; });
}

bool holds(const std::vector<net::Network>& networks, const std::string& peer) {
  return std::any_of(networks.begin(), networks.end(),
                     [&](const auto& network) { return network.contains(peer); });
}

}  // namespace

bool Rules::may_relay(const server::SessionFacts& facts) const {
  if (!facts.machine->login().empty()) return true;
  return holds(settings_.networks, facts.peer);
}

Reply Rules::connect(const server::SessionFacts& facts) {
  if (settings_.clients.empty() || holds(settings_.clients, facts.peer)) return {};
  return {554, {5, 7, 1}, std::string(facts.host) + " does not serve your address"};
}

Reply Rules::mail(const server::SessionFacts& facts, const smtp::Transaction& transaction) {
  const std::string_view login = facts.machine->login();
  if (login.empty() || settings_.senders == nullptr) return {};
  if (settings_.senders->may_use(login, transaction.reverse_path)) return {};
  return {550, {5, 7, 1}, "this sender is not yours; log in as its owner"};
}

Reply Rules::rcpt(const server::SessionFacts& facts, const smtp::Transaction&,
                  const Mailbox& recipient) {
  if (facts.role == server::Role::catcher) return {};
  if (directory_.is_local(recipient)) {
    if (directory_.accepts(recipient)) return {};
    if (hides_a_route(recipient) && !may_relay(facts)) return {550, {5, 7, 1}, "Relaying denied"};
    return {550, {5, 1, 1}, "no mailbox here of that name"};
  }
  if (!may_relay(facts)) return {550, {5, 7, 1}, "Relaying denied"};
  if (!settings_.has_route) return {550, {5, 1, 2}, "there is no route to that domain from here"};
  return {};
}

Reply Rules::vrfy(const server::SessionFacts& facts, std::string_view text) {
  const auto mailbox = directory_.find(text);
  if (!mailbox) return {501, {5, 1, 3}, "not an address"};
  if (facts.role == server::Role::catcher) return {250, {2, 1, 5}, '<' + mailbox->text() + '>'};
  if (!directory_.is_local(*mailbox)) return {252, {2, 5, 0}, "not local: cannot tell"};
  const auto ends = directory_.resolve(*mailbox);
  if (ends.empty()) return {550, {5, 1, 1}, "no mailbox here of that name"};
  return {250, {2, 1, 5}, '<' + (ends.size() == 1 ? ends.front() : *mailbox).text() + '>'};
}

Reply Rules::expn(const server::SessionFacts&, std::string_view text) {
  const auto mailbox = directory_.find(text);
  const auto members = mailbox ? directory_.members(*mailbox) : std::vector<Mailbox>{};
  if (members.empty()) return {550, {5, 1, 1}, "no list here of that name"};
  std::string lines;
  for (const auto& member : members) lines += (lines.empty() ? "<" : "\n<") + member.text() + '>';
  return {250, {2, 1, 5}, std::move(lines)};
}

server::LoginVerdict Rules::check_login(const server::SessionFacts& facts,
                                        const sasl::Credentials& credentials) {
  const auto* users = settings_.users;
  const bool is_ours = users != nullptr && users->has(credentials.user);
  if (settings_.login_backend && !is_ours) return settings_.login_backend(credentials, facts.peer);
  const bool right = users != nullptr && !credentials.password.empty() &&
                     users->check(credentials.user, credentials.password);
  return right ? server::LoginVerdict::right : server::LoginVerdict::wrong;
}

sasl::Keys Rules::keys(std::string_view user, std::string_view mechanism) {
  return settings_.users == nullptr ? sasl::Keys{} : settings_.users->keys(user, mechanism);
}

}  // namespace postroad::relay
