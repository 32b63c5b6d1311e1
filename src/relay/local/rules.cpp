// Relay control, VRFY and EXPN; see rules.hpp.
#include "relay/local/rules.hpp"

#include <algorithm>

namespace postroad::relay {

namespace {

// A second address inside the local part, as a relay that parses it again would see it (percent
// hack, bang path, a quoted address): no mailbox here has such a name.
bool hides_a_route(const Mailbox& mailbox) {
  return std::any_of(mailbox.local.begin(), mailbox.local.end(),
                     [](char c) { return c == '@' || c == '%' || c == '!'; });
}

}  // namespace

bool Rules::may_relay(const server::SessionInfo& info) const {
  return !info.login.empty() || net::is_in(settings_.networks, info.client);
}

void Rules::connect(const server::SessionInfo& info, server::Answer answer) {
  if (settings_.clients.empty() || net::is_in(settings_.clients, info.client)) return answer();
  answer({554, {5, 7, 1}, std::string(info.host) + " does not serve your address"});
}

void Rules::mail(const server::SessionInfo& info, const smtp::Transaction& transaction,
                 server::Answer answer) {
  if (info.login.empty() || settings_.senders == nullptr ||
      settings_.senders->may_use(info.login, transaction.reverse_path))
    return answer();
  answer({550, {5, 7, 1}, "sender address not owned by this login"});
}

void Rules::rcpt(const server::SessionInfo& info, const smtp::Transaction& transaction,
                 const Mailbox& recipient, server::Answer answer) {
  answer(on_rcpt(info, transaction.reverse_path, recipient));
}

Reply Rules::on_rcpt(const server::SessionInfo& info, const Mailbox& sender,
                     const Mailbox& recipient) const {
  if (info.role == server::Role::catcher) return {};
  if (directory_.is_local(recipient)) {
    if (directory_.accepts(recipient)) return {};
    if (hides_a_route(recipient) && !may_relay(info)) return {550, {5, 7, 1}, "Relaying denied"};
    return {550, {5, 1, 1}, "no such mailbox here"};
  }
  if (!may_relay(info)) return {550, {5, 7, 1}, "Relaying denied"};
  const auto* routes = settings_.routes;
  if (routes == nullptr || !routes->find({sender.text(), info.login}, recipient, false))
    return {550, {5, 1, 2}, "no route to that domain from here"};
  return {};
}

void Rules::vrfy(const server::SessionInfo& info, std::string_view text, server::Answer answer) {
  answer(on_vrfy(info, text));
}

Reply Rules::on_vrfy(const server::SessionInfo& info, std::string_view text) const {
  const auto mailbox = directory_.find(text);
  if (!mailbox) return {501, {5, 1, 3}, "not an address"};
  if (info.role == server::Role::catcher) return {250, {2, 1, 5}, '<' + mailbox->text() + '>'};
  if (!directory_.is_local(*mailbox))
    return {252, {2, 5, 0}, "not a local address: cannot verify it"};
  const auto ends = directory_.resolve(*mailbox);
  if (ends.empty()) return {550, {5, 1, 1}, "no such mailbox here"};
  return {250, {2, 1, 5}, '<' + (ends.size() == 1 ? ends.front() : *mailbox).text() + '>'};
}

void Rules::expn(const server::SessionInfo&, std::string_view text, server::Answer answer) {
  const auto mailbox = directory_.find(text);
  const auto members = mailbox ? directory_.members(*mailbox) : std::vector<Mailbox>{};
  if (members.empty()) return answer({550, {5, 1, 1}, "no such mailing list here"});
  std::string lines;
  for (const auto& member : members) lines += (lines.empty() ? "<" : "\n<") + member.text() + '>';
  answer({250, {2, 1, 5}, std::move(lines)});
}

}  // namespace postroad::relay
