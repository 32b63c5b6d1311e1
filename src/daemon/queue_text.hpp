// A queued message as text and as JSON, for the queue commands. Pure: time is an argument.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/queue_selection.hpp"
#include "queue/dispatcher.hpp"
#include "spool/spool.hpp"

namespace postroad::daemon {

/// One message and what is known of it.
struct QueuedMessage {
  spool::QueueId id;
  std::uint64_t size = 0;  ///< bytes
  spool::Envelope envelope;
};

/// Times and routes at the moment of the listing.
struct QueueView {
  std::int64_t wall = 0;  ///< Unix time in milliseconds
  queue::SettlementPolicy settlement{};
  QueueSelection::SiteOf site_of;
  QueueSelection::SiteOf way_of{};
};

/// A few lines: the message, then each recipient that is not delivered.
std::string list_text(const QueuedMessage& message, const QueueView& view);
/// One line.
std::string list_json(const QueuedMessage& message, const QueueView& view);
/// One line with the names of Postfix's `postqueue -j`.
std::string list_postqueue(const QueuedMessage& message);
/// Lines in the form of Postfix's `mailq`.
std::string list_mailq(const QueuedMessage& message);
/// One line per recipient that waits: id, reverse-path, recipient and way, percent-encoded. A
/// message of a catcher, which has no other place than its mailboxes, has none.
std::string list_routes(const QueuedMessage& message, const QueueView& view);
/// A line of list_routes.
struct QueuedRoute {
  std::string id, sender, recipient, way, login;
};
std::optional<QueuedRoute> parse_route(std::string_view line);
/// The facts of the DNS about the way to each recipient that waits, in their order; empty lists for
/// the others.
using RouteFacts = std::vector<std::vector<std::string>>;
/// One fact per line. `facts` may be shorter than the list of recipients.
std::string why_text(const QueuedMessage& message, const queue::Whereabouts& whereabouts,
                     const QueueView& view, const RouteFacts& facts);
std::string why_json(const QueuedMessage& message, const queue::Whereabouts& whereabouts,
                     const QueueView& view, const RouteFacts& facts);

}  // namespace postroad::daemon
