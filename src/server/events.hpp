// The facts that the server states. Each is declared once in events.cpp and told by the function of
// its name.
#pragma once

#include <chrono>
#include <postroad/result.hpp>
#include <span>

#include "observe/log.hpp"
#include "server/hooks.hpp"

namespace postroad::server {

struct ListenerSettings;
using observe::Log;

void session_opened(Log& log, const SessionFacts& facts);
void session_closed(Log& log, const SessionFacts& facts, std::uint64_t messages);
void tls_failed(Log& log, const SessionFacts& facts, const std::string& reason);
void proxy_failed(observe::Log& log, const SessionFacts& facts, const std::string& reason);
void login_unchecked(observe::Log& log, const SessionFacts& facts, const std::string& user);
void login_checked(Log& log, const SessionFacts& facts, const std::string& user, bool right);
void recipient_refused(Log& log, const SessionFacts& facts, const smtp::Transaction& transaction,
                       const Mailbox& recipient, const Reply& reply);
struct MessageFacts {
  std::string id;
  std::uint64_t octets = 0;
  std::chrono::nanoseconds took{};
};
void sender_refused(Log& log, const SessionFacts& facts, const smtp::Transaction& transaction,
                    const Reply& reply);
void message_ended(Log& log, const SessionFacts& facts, const smtp::Transaction& transaction,
                   const MessageFacts& message, const Reply& reply);
void client_limited(Log& log, const SessionFacts& facts, std::string_view limit,
                    std::string_view login, const Reply& reply);
void session_turned_away(Log& log, const ListenerSettings& listener, const std::string& client,
                         std::string_view reason);
void store_refused(Log& log, const SessionFacts& facts, const Error& error);
void accept_failed(Log& log, const ListenerSettings& listener, const std::string& reason);
/// All kinds, for the reference page.
std::span<const observe::EventInfo* const> event_kinds();

}  // namespace postroad::server
