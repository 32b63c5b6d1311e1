// The facts that the server states, as events.
#pragma once

#include <postroad/result.hpp>
#include <span>

#include "observe/event.hpp"
#include "server/hooks.hpp"

namespace postroad::server {

struct ListenerSettings;

observe::Event session_opened(const SessionFacts& facts);
observe::Event session_closed(const SessionFacts& facts, std::uint64_t messages);
observe::Event tls_failed(const SessionFacts& facts, const std::string& reason);
observe::Event login_checked(const SessionFacts& facts, const std::string& user, bool right);
observe::Event recipient_refused(const SessionFacts& facts, const smtp::Transaction& transaction, const Mailbox& recipient, const Reply& reply);
observe::Event message_ended(const SessionFacts& facts, const smtp::Transaction& transaction, std::uint64_t octets, const Reply& reply);
observe::Event store_refused(const SessionFacts& facts, const Error& error);
observe::Event accept_failed(const ListenerSettings& listener, const std::string& reason);
/// All kinds, for the reference page.
std::span<const observe::EventKind* const> event_kinds();

}  // namespace postroad::server
