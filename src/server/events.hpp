// The events of the server. Each is declared once in events.cpp and logged by the function of its
// name.
#pragma once

#include <chrono>
#include <postroad/result.hpp>
#include <span>

#include "observe/log.hpp"
#include "proto/smtp/server/server_machine.hpp"
#include "server/session_info.hpp"

namespace postroad::server {

struct ListenerSettings;
using observe::Log;

/// The state of a message so far.
struct MessageFacts {
  std::string id;                   ///< queue id; empty: none was given
  std::uint64_t bytes = 0;          ///< received
  std::chrono::nanoseconds took{};  ///< since DATA
};

void session_opened(Log& log, const SessionInfo& info);
void session_closed(Log& log, const SessionInfo& info, smtp::Ending ending, std::uint64_t messages);
void session_failed(Log& log, const SessionInfo& info, std::string_view reason);
void session_turned_away(Log& log, const ListenerSettings& listener, const std::string& client,
                         std::string_view reason);
void accept_failed(Log& log, const ListenerSettings& listener, const std::string& reason);
void tls_failed(Log& log, const SessionInfo& info, const std::string& reason);
void proxy_failed(Log& log, const SessionInfo& info, const std::string& reason);
void policy_timed_out(Log& log, const SessionInfo& info, std::chrono::milliseconds waited);
void login_unchecked(Log& log, const SessionInfo& info, const std::string& user,
                     const std::string& reason);
void login_checked(Log& log, const SessionInfo& info, const std::string& user, bool is_accepted);
void sender_refused(Log& log, const SessionInfo& info, const smtp::Transaction& transaction,
                    const Reply& reply);
void recipient_refused(Log& log, const SessionInfo& info, const smtp::Transaction& transaction,
                       const Mailbox& recipient, const Reply& reply);
/// A 2yz reply is `message.accepted`, any other one `message.refused`.
void message_ended(Log& log, const SessionInfo& info, const smtp::Transaction& transaction,
                   const MessageFacts& message, const Reply& reply);
/// The client abandoned the message, or was disconnected.
void message_abandoned(Log& log, const SessionInfo& info, const smtp::Transaction& transaction,
                       const MessageFacts& message, std::string_view reason);
void client_limited(Log& log, const SessionInfo& info, std::string_view limit,
                    std::string_view login, const Reply& reply);
void store_refused(Log& log, const SessionInfo& info, const Error& error);
/// `task` names a coroutine that nothing waits for (log_failure.hpp).
void task_failed(Log& log, std::string_view task, const std::string& reason);
/// All kinds, for the reference page.
std::span<const observe::EventInfo* const> event_kinds();

}  // namespace postroad::server
