// The declarations of the server's events; see events.hpp.
#include "server/events.hpp"

#include <array>

#include "server/session.hpp"

namespace postroad::server {

namespace {

using observe::EventKind;
using observe::FieldKind;
using observe::Level;

const FieldKind client{"client", "address and port of the peer"};
const FieldKind helo{"helo", "what the peer called itself"};
const FieldKind reply_field{"reply", "the answer in full"};

const EventKind opened{"session.opened", Level::debug, "session opened", {client, {"listener", "the address it came to"}}};
const EventKind closed{"session.closed", Level::info, "session closed",
                       {client, helo, {"ending", "how: quit, closed_by_peer, timeout, too_many_errors, stopped, refused, failed"},
                        {"messages", "messages accepted"}, {"tls", "version, or none"}, {"login", "user, or none"}}};
const EventKind tls{"tls.failed", Level::warning, "TLS handshake failed", {client, {"reason", "what went wrong"}}};
const EventKind login_ok{"login.accepted", Level::info, "login accepted", {client, {"user", "the name given"}}};
const EventKind login_bad{"login.refused", Level::warning, "login refused", {client, {"user", "the name given"}}};
const EventKind rcpt_refused{"recipient.refused", Level::info, "recipient refused",
                             {client, helo, {"from", "reverse-path"}, {"to", "the recipient"}, reply_field}};
const EventKind accepted{"message.accepted", Level::info, "message accepted",
                         {client, {"from", "reverse-path"}, {"recipients", "how many"}, {"octets", "size as received"},
                          {"protocol", "as in Received"}, reply_field}};
const EventKind refused{"message.refused", Level::warning, "message refused", accepted.fields};
const EventKind store{"store.refused", Level::error, "the store refused", {client, {"reason", "what went wrong"}}};
const EventKind accept{"accept.failed", Level::error, "cannot accept connections, trying again",
                       {{"listener", "the address"}, {"reason", "what went wrong"}}};

constexpr std::array<std::string_view, 8> endings{"open",    "quit",    "closed_by_peer", "timeout",
                                                  "too_many_errors", "stopped", "refused",        "failed"};

std::string from(const smtp::Transaction& transaction) { return '<' + transaction.reverse_path.text() + '>'; }

}  // namespace

observe::Event session_opened(const SessionFacts& facts) { return {&opened, {facts.peer, facts.listener}}; }

observe::Event session_closed(const SessionFacts& facts, std::uint64_t messages) {
  const auto& machine = *facts.machine;
  return {&closed,
          {facts.peer, machine.helo(), std::string(endings[static_cast<std::size_t>(machine.ending())]), messages,
           machine.tls() ? machine.tls()->version : std::string("none"), machine.login().empty() ? std::string("none") : machine.login()}};
}

observe::Event tls_failed(const SessionFacts& facts, const std::string& reason) { return {&tls, {facts.peer, reason}}; }

observe::Event login_checked(const SessionFacts& facts, const std::string& user, bool right) {
  return {right ? &login_ok : &login_bad, {facts.peer, user}};
}

observe::Event recipient_refused(const SessionFacts& facts, const smtp::Transaction& transaction, const Mailbox& recipient, const Reply& reply) {
  return {&rcpt_refused, {facts.peer, facts.machine->helo(), from(transaction), recipient.text(), reply.one_line()}};
}

observe::Event message_ended(const SessionFacts& facts, const smtp::Transaction& transaction, std::uint64_t octets, const Reply& reply) {
  return {reply.is_success() ? &accepted : &refused,
          {facts.peer, from(transaction), std::uint64_t{transaction.recipients.size()}, octets, facts.protocol(), reply.one_line()}};
}

observe::Event store_refused(const SessionFacts& facts, const Error& error) { return {&store, {facts.peer, error.text()}}; }

observe::Event accept_failed(const ListenerSettings& listener, const std::string& reason) {
  return {&accept, {net::text_of({boost::asio::ip::make_address(listener.address), listener.port}), reason}};
}

std::span<const EventKind* const> event_kinds() {
  static constexpr std::array kinds{&opened, &closed, &tls, &login_ok, &login_bad, &rcpt_refused, &accepted, &refused, &store, &accept};
  return kinds;
}

}  // namespace postroad::server
