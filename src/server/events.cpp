// The declarations of the server's events; see events.hpp.
#include "server/events.hpp"

#include <array>

#include "server/session.hpp"

namespace postroad::server {

namespace {

using observe::EventInfo;
using observe::FieldInfo;
using observe::Level;

constexpr std::array<std::string_view, 9> endings{
    "open",    "quit",    "closed_by_peer", "timeout", "too_many_errors",
    "stopped", "refused", "failed",         "not_smtp"};
constexpr std::array<std::string_view, 12> limit_names{
    "address", "sessions", "connections", "errors", "messages",      "recipients",
    "octets",  "room",     "lookups",     "logins", "failed_logins", "early_talker"};
constexpr std::array<std::string_view, 2> ceilings{"sessions", "memory"};
constexpr FieldInfo client{"client", "address and port of the peer"};
constexpr FieldInfo helo{"helo", "what the peer called itself"};
constexpr FieldInfo from{"from", "reverse-path"};
constexpr FieldInfo reply_field{"reply", "the answer in full"};
constexpr FieldInfo reason_field{"reason", "what went wrong"};
constexpr FieldInfo user_field{"user", "the name given"};
constexpr FieldInfo listener_field{"listener", "the address it came to"};

constexpr std::array opened_fields{client, listener_field};
constexpr EventInfo opened{"session.opened", Level::debug, "{client} connected to {listener}",
                           opened_fields, "A client connected."};
constexpr std::array closed_fields{client,
                                   helo,
                                   FieldInfo{"ending", "how it ended", "", endings},
                                   FieldInfo{"messages", "messages accepted"},
                                   FieldInfo{"tls", "TLS version, if any"},
                                   FieldInfo{"login", "the user, if any"}};
constexpr EventInfo closed{"session.closed", Level::info, "{client} ended ({ending})",
                           closed_fields, "A session ended."};
constexpr std::array tls_fields{client, reason_field};
constexpr EventInfo tls{"tls.failed", Level::warning, "TLS with {client} failed: {reason}",
                        tls_fields, "A TLS handshake failed."};
constexpr std::array login_fields{client, user_field};
constexpr EventInfo login_ok{"login.accepted", Level::info, "{client} logged in as {user}",
                             login_fields, "AUTH was accepted."};
constexpr EventInfo login_bad{"login.refused", Level::warning,
                              "{client} failed to log in as {user}", login_fields,
                              "AUTH was refused."};
constexpr EventInfo login_unknown{
    "login.unchecked", Level::error, "who knows of {user}'s login could not be asked, for {client}",
    login_fields, "The outside check of a login gave no answer; the client got 454."};
constexpr std::array rcpt_fields{client, helo, from, FieldInfo{"to", "the recipient"}, reply_field};
constexpr EventInfo rcpt_refused{"recipient.refused", Level::info, "{to} refused: {reply}",
                                 rcpt_fields, "A recipient was refused at RCPT."};
constexpr std::array sender_fields{client, helo, from, FieldInfo{"login", "the user, if any"},
                                   reply_field};
constexpr EventInfo not_sender{"sender.refused", Level::info, "{from} refused: {reply}",
                               sender_fields, "A sender was refused at MAIL."};
constexpr std::array message_fields{FieldInfo{"id", "queue id"},
                                    client,
                                    from,
                                    FieldInfo{"recipients", "how many"},
                                    FieldInfo{"size", "of the text as received", "octets"},
                                    FieldInfo{"protocol", "as in Received (RFC 3848)"},
                                    FieldInfo{"tls", "TLS version, if any"},
                                    FieldInfo{"login", "the user, if any"},
                                    FieldInfo{"took", "from DATA to the answer"},
                                    reply_field};
constexpr EventInfo accepted{"message.accepted", Level::info, "{id} from {from}: {reply}",
                             message_fields, "A message is durable and was answered 250."};
constexpr EventInfo refused{"message.refused", Level::warning,
                            "message from {from} refused: {reply}", message_fields,
                            "A message was refused after its text."};
constexpr EventInfo store{"store.refused", Level::error, "the store refused: {reason}", tls_fields,
                          "The store could not take octets of a message."};
constexpr std::array limited_fields{client, FieldInfo{"limit", "which limit", "", limit_names},
                                    helo, FieldInfo{"login", "the user, if any"}, reply_field};
constexpr EventInfo over_limit{
    "client.limited", Level::warning, "{client} is over {limit}: {reply}", limited_fields,
    "A client or login is over a limit, talked before it was greeted, or is not served here."};
constexpr std::array away_fields{client, listener_field,
                                 FieldInfo{"reason", "which ceiling", "", ceilings}};
constexpr EventInfo away{"session.turned_away", Level::warning,
                         "{client} turned away at {listener}: {reason}", away_fields,
                         "The server is at a ceiling; a new session got 421, the old ones go on."};
constexpr std::array accept_fields{listener_field, reason_field};
constexpr EventInfo accept{"accept.failed", Level::error,
                           "{listener} cannot accept, trying again: {reason}", accept_fields,
                           "A listener could not accept a connection."};

constexpr EventInfo proxy{"proxy.failed", Level::warning, "the PROXY header of {client}: {reason}",
                          tls_fields, "A listed proxy began a connection without its header."};

std::string path(const smtp::Transaction& transaction) {
  return '<' + transaction.reverse_path.text() + '>';
}

}  // namespace

void session_opened(Log& log, const SessionFacts& facts) {
  log.write(opened, facts.peer, facts.listener);
}

void session_closed(Log& log, const SessionFacts& facts, std::uint64_t messages) {
  const auto& machine = *facts.machine;
  const std::string_view version =
      machine.tls() ? std::string_view(machine.tls()->version) : "none";
  log.write(closed, facts.peer, machine.helo(), endings[static_cast<std::size_t>(machine.ending())],
            messages, version, machine.login());
}

void tls_failed(Log& log, const SessionFacts& facts, const std::string& reason) {
  log.write(tls, facts.peer, reason);
}

void proxy_failed(Log& log, const SessionFacts& facts, const std::string& reason) {
  log.write(proxy, facts.peer, reason);
}

void login_unchecked(Log& log, const SessionFacts& facts, const std::string& user) {
  log.write(login_unknown, facts.peer, user);
}

void login_checked(Log& log, const SessionFacts& facts, const std::string& user, bool right) {
  log.write(right ? login_ok : login_bad, facts.peer, user);
}

void recipient_refused(Log& log, const SessionFacts& facts, const smtp::Transaction& transaction,
                       const Mailbox& recipient, const Reply& reply) {
  if (!log.wants(rcpt_refused.level)) return;
  log.write(rcpt_refused, facts.peer, facts.machine->helo(), path(transaction), recipient.text(),
            reply.one_line());
}

void sender_refused(Log& log, const SessionFacts& facts, const smtp::Transaction& transaction,
                    const Reply& reply) {
  if (!log.wants(not_sender.level)) return;
  log.write(not_sender, facts.peer, facts.machine->helo(), path(transaction),
            facts.machine->login(), reply.one_line());
}

void message_ended(Log& log, const SessionFacts& facts, const smtp::Transaction& transaction,
                   const MessageFacts& message, const Reply& reply) {
  const auto& kind = reply.is_success() ? accepted : refused;
  if (!log.wants(kind.level)) return;
  const auto& machine = *facts.machine;
  // For every mail: in memory of the thread's own.
  thread_local std::string sender;
  thread_local std::string words;
  sender = '<';
  transaction.reverse_path.append_to(sender);
  sender += '>';
  words.clear();
  reply.append_one_line(words);
  log.write(kind, message.id, facts.peer, sender, transaction.recipients.size(), message.octets,
            facts.protocol(), machine.tls() ? std::string_view(machine.tls()->version) : "none",
            machine.login(), message.took, words);
}

void client_limited(Log& log, const SessionFacts& facts, std::string_view which,
                    std::string_view login, const Reply& reply) {
  log.write(over_limit, facts.peer, which, facts.machine->helo(), login, reply.one_line());
}

void session_turned_away(Log& log, const ListenerSettings& listener, const std::string& peer,
                         std::string_view reason) {
  log.write(away, peer, listener.name, reason);
}

void store_refused(Log& log, const SessionFacts& facts, const Error& error) {
  log.write(store, facts.peer, error.text());
}

void accept_failed(Log& log, const ListenerSettings& listener, const std::string& reason) {
  log.write(accept, listener.name, reason);
}

std::span<const EventInfo* const> event_kinds() {
  static constexpr std::array kinds{
      &not_sender, &opened, &closed,     &tls,  &login_ok, &login_bad,     &rcpt_refused, &accepted,
      &refused,    &store,  &over_limit, &away, &accept,   &login_unknown, &proxy};
  return kinds;
}

}  // namespace postroad::server
