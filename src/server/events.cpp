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
    "bytes",   "room",     "lookups",     "logins", "failed_logins", "early_talker"};
constexpr std::array<std::string_view, 2> ceilings{"sessions", "memory"};
constexpr FieldInfo client{"client", "address and port of the client"};
constexpr FieldInfo helo{"helo", "the argument of HELO or EHLO"};
constexpr FieldInfo from{"from", "reverse-path"};
constexpr FieldInfo reply_field{"reply", "the reply in full"};
constexpr FieldInfo reason_field{"reason", "reason of the failure"};
constexpr FieldInfo user_field{"user", "the user name given"};
constexpr FieldInfo login_field{"login", "the user who logged in, if any"};
constexpr FieldInfo tls_field{"tls", "TLS version, if any"};
constexpr FieldInfo listener_field{"listener", "the address that the client connected to"};
constexpr FieldInfo size_field{"size", "size of the message as received", "bytes"};

constexpr std::array client_reason_fields{client, reason_field};
constexpr std::array opened_fields{client, listener_field};
constexpr EventInfo opened{"session.opened", Level::debug,
                           "client {client} connected to {listener}", opened_fields,
                           "A client connected."};
constexpr std::array closed_fields{client,
                                   helo,
                                   FieldInfo{"ending", "reason of the end", "", endings},
                                   FieldInfo{"messages", "messages accepted"},
                                   tls_field,
                                   login_field};
constexpr EventInfo closed{"session.closed", Level::info, "session of {client} ended: {ending}",
                           closed_fields,
                           "A session ended. Every session.opened is followed by one."};
constexpr EventInfo failed{
    "session.failed", Level::error, "session of {client} was ended by an exception: {reason}",
    client_reason_fields,
    "An exception ended a session (out of memory, or a bug). Other sessions continue."};
constexpr EventInfo tls{"tls.failed", Level::warning,
                        "TLS handshake with {client} failed: {reason}", client_reason_fields,
                        "A TLS handshake failed."};
constexpr EventInfo proxy{
    "proxy.failed", Level::warning, "PROXY header from {client} is missing or malformed: {reason}",
    client_reason_fields, "A listed proxy began a connection without its header."};
constexpr std::array waited_fields{client,
                                   FieldInfo{"waited", "time without an answer", "seconds"}};
constexpr EventInfo policy_late{
    "policy.timed_out", Level::error, "a policy did not answer within {waited}: client={client}",
    waited_fields, "A policy did not answer in time; the client got 421, 451 or 454."};
constexpr std::array login_fields{client, user_field};
constexpr EventInfo login_ok{"login.accepted", Level::info, "client {client} logged in as {user}",
                             login_fields, "AUTH was accepted."};
constexpr EventInfo login_bad{"login.refused", Level::warning,
                              "client {client} failed to log in as {user}", login_fields,
                              "AUTH was refused."};
constexpr std::array unchecked_fields{client, user_field,
                                      FieldInfo{"reason", "why the backend gave no verdict"}};
constexpr EventInfo login_unknown{
    "login.unchecked", Level::error,
    "authentication backend unavailable: {reason}; user={user} client={client}", unchecked_fields,
    "The authentication backend gave no answer; the client got 454."};
constexpr std::array rcpt_fields{client, helo, from, FieldInfo{"to", "the recipient"}, reply_field};
constexpr EventInfo rcpt_refused{"recipient.refused", Level::info,
                                 "recipient {to} was refused: {reply}", rcpt_fields,
                                 "A recipient was refused at RCPT."};
constexpr std::array sender_fields{client, helo, from, login_field, reply_field};
constexpr EventInfo not_sender{"sender.refused", Level::info, "sender {from} was refused: {reply}",
                               sender_fields, "A sender was refused at MAIL."};
constexpr std::array message_fields{FieldInfo{"id", "queue id"},
                                    client,
                                    from,
                                    FieldInfo{"recipients", "number of recipients"},
                                    size_field,
                                    FieldInfo{"protocol", "protocol as in Received (RFC 3848)"},
                                    tls_field,
                                    login_field,
                                    FieldInfo{"took", "time from DATA to the reply", "seconds"},
                                    reply_field};
constexpr EventInfo accepted{"message.accepted", Level::info,
                             "message {id} from {from} was accepted: {reply}", message_fields,
                             "A message is durable and was answered with 250."};
constexpr EventInfo refused{"message.refused", Level::warning,
                            "message from {from} was refused: {reply}", message_fields,
                            "A message was refused after its data."};
constexpr std::array abandoned_fields{client, from, FieldInfo{"recipients", "number of recipients"},
                                      size_field,
                                      FieldInfo{"reason", "reason for the abandonment"}};
constexpr EventInfo abandoned{
    "message.abandoned", Level::info, "message from {from} was abandoned by {client}: {reason}",
    abandoned_fields, "A client began a message and did not complete it; nothing was kept."};
constexpr EventInfo store{"store.refused", Level::error,
                          "store could not keep a message from {client}: {reason}",
                          client_reason_fields, "The store could not take the bytes of a message."};
constexpr std::array limited_fields{client,
                                    FieldInfo{"limit", "name of the limit", "", limit_names}, helo,
                                    login_field, reply_field};
constexpr EventInfo over_limit{
    "client.limited", Level::warning, "client {client} exceeded limit {limit}; replied {reply}",
    limited_fields,
    "A client or login exceeded a limit, sent data before the greeting, or is not served here."};
constexpr std::array away_fields{client, listener_field,
                                 FieldInfo{"reason", "name of the limit", "", ceilings}};
constexpr EventInfo away{
    "session.turned_away", Level::warning,
    "client {client} was turned away at {listener}: limit of {reason} reached", away_fields,
    "The server reached a limit and replied 421 to a new session; open sessions continue."};
constexpr std::array accept_fields{listener_field, reason_field};
constexpr EventInfo accept{"accept.failed", Level::error,
                           "listener {listener} could not accept a connection, retrying: {reason}",
                           accept_fields, "A listener could not accept a connection."};
constexpr std::array task_fields{FieldInfo{"task", "which part of the server"}, reason_field};
constexpr EventInfo task{
    "task.failed", Level::error, "{task} was ended by an exception: {reason}", task_fields,
    "An exception ended a part of the server (out of memory, or a bug). The other parts continue."};

std::string path(const smtp::Transaction& transaction) {
  return '<' + transaction.reverse_path.text() + '>';
}

std::string_view version_of(const SessionInfo& info) {
  return info.tls.is_up() ? info.tls.version : std::string_view("none");
}

}  // namespace

void session_opened(Log& log, const SessionInfo& info) {
  log.write(opened, info.client, info.listener);
}

void session_closed(Log& log, const SessionInfo& info, smtp::Ending ending,
                    std::uint64_t messages) {
  log.write(closed, info.client, info.helo, endings[static_cast<std::size_t>(ending)], messages,
            version_of(info), info.login);
}

void session_failed(Log& log, const SessionInfo& info, std::string_view reason) {
  log.write(failed, info.client, reason);
}

void session_turned_away(Log& log, const ListenerSettings& listener, const std::string& peer,
                         std::string_view reason) {
  log.write(away, peer, listener.name, reason);
}

void accept_failed(Log& log, const ListenerSettings& listener, const std::string& reason) {
  log.write(accept, listener.name, reason);
}

void tls_failed(Log& log, const SessionInfo& info, const std::string& reason) {
  log.write(tls, info.client, reason);
}

void proxy_failed(Log& log, const SessionInfo& info, const std::string& reason) {
  log.write(proxy, info.client, reason);
}

void policy_timed_out(Log& log, const SessionInfo& info, std::chrono::milliseconds waited) {
  log.write(policy_late, info.client, waited);
}

void login_unchecked(Log& log, const SessionInfo& info, const std::string& user,
                     const std::string& reason) {
  log.write(login_unknown, info.client, user, reason);
}

void login_checked(Log& log, const SessionInfo& info, const std::string& user, bool is_accepted) {
  log.write(is_accepted ? login_ok : login_bad, info.client, user);
}

void sender_refused(Log& log, const SessionInfo& info, const smtp::Transaction& transaction,
                    const Reply& reply) {
  if (!log.wants(not_sender.level)) return;
  log.write(not_sender, info.client, info.helo, path(transaction), info.login, reply.one_line());
}

void recipient_refused(Log& log, const SessionInfo& info, const smtp::Transaction& transaction,
                       const Mailbox& recipient, const Reply& reply) {
  if (!log.wants(rcpt_refused.level)) return;
  log.write(rcpt_refused, info.client, info.helo, path(transaction), recipient.text(),
            reply.one_line());
}

void message_ended(Log& log, const SessionInfo& info, const smtp::Transaction& transaction,
                   const MessageFacts& message, const Reply& reply) {
  const auto& kind = reply.is_success() ? accepted : refused;
  if (!log.wants(kind.level)) return;
  // Written for every message: the buffer belongs to the thread and is reused.
  thread_local std::string sender;
  thread_local std::string words;
  sender = '<';
  transaction.reverse_path.append_to(sender);
  sender += '>';
  words.clear();
  reply.append_one_line(words);
  log.write(kind, message.id, info.client, sender, transaction.recipients.size(), message.bytes,
            info.protocol, version_of(info), info.login, message.took, words);
}

void message_abandoned(Log& log, const SessionInfo& info, const smtp::Transaction& transaction,
                       const MessageFacts& message, std::string_view reason) {
  if (!log.wants(abandoned.level)) return;
  log.write(abandoned, info.client, path(transaction), transaction.recipients.size(), message.bytes,
            reason);
}

void client_limited(Log& log, const SessionInfo& info, std::string_view which,
                    std::string_view login, const Reply& reply) {
  log.write(over_limit, info.client, which, info.helo, login, reply.one_line());
}

void store_refused(Log& log, const SessionInfo& info, const Error& error) {
  log.write(store, info.client, error.text());
}

void task_failed(Log& log, std::string_view which, const std::string& reason) {
  log.write(task, which, reason);
}

std::span<const EventInfo* const> event_kinds() {
  static constexpr std::array kinds{
      &opened,      &closed,     &failed,    &away,          &accept,       &tls,      &proxy,
      &policy_late, &login_ok,   &login_bad, &not_sender,    &rcpt_refused, &accepted, &refused,
      &abandoned,   &over_limit, &store,     &login_unknown, &task};
  return kinds;
}

}  // namespace postroad::server
