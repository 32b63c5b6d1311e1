// See queue_text.hpp.
#include "daemon/queue_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "base/percent.hpp"
#include "base/text.hpp"
#include "observe/sinks.hpp"
#include "queue/handling.hpp"
#include "queue/server_text.hpp"

namespace postroad::daemon {

namespace {

using observe::json_string;
using Place = queue::Whereabouts::Place;

constexpr std::size_t longest_fact = 1000;  // bytes: a line about 20 hosts

// "12s", "5min", "3h20min", "4d2h": for people.
std::string span_text(std::chrono::milliseconds span) {
  using namespace std::chrono;
  const auto seconds = duration_cast<std::chrono::seconds>(span).count();
  if (seconds < 60) return fmt::format("{}s", seconds);
  const auto minutes = seconds / 60;
  if (minutes < 60) return fmt::format("{}min", minutes);
  const auto two = [](std::int64_t large, const char* unit, std::int64_t small, const char* other) {
    return small == 0 ? fmt::format("{}{}", large, unit)
                      : fmt::format("{}{}{}{}", large, unit, small, other);
  };
  const auto hours = minutes / 60;
  return hours < 24 ? two(hours, "h", minutes % 60, "min") : two(hours / 24, "d", hours % 24, "h");
}

// "2026-11-30T12:00:00.000Z (in 3min)"
std::string time_with_distance(std::int64_t wall, std::int64_t now) {
  const auto text = span_text(std::chrono::milliseconds(wall < now ? now - wall : wall - now));
  return observe::format_time(wall) + (wall < now ? " (" + text + " ago)" : " (in " + text + ')');
}

std::string sender_of(const QueuedMessage& message) {
  return '<' + message.envelope.reverse_path + '>';
}

bool is_held(const spool::Envelope& envelope) {
  return std::any_of(envelope.recipients.begin(), envelope.recipients.end(),
                     [](const auto& one) { return state_of(one) == RecipientState::held; });
}

bool is_pending(const spool::Recipient& one) { return one.state == spool::State::pending; }

bool has_next_attempt(const spool::Recipient& one) {
  const auto state = state_of(one);
  return state == RecipientState::queued || state == RecipientState::deferred;
}

std::string recipient_json(const QueuedMessage& message, std::uint32_t at, const QueueView& view) {
  const auto& one = message.envelope.recipients[at];
  const auto time = [](std::int64_t wall) {
    return wall == 0 ? std::string("null") : json_string(observe::format_time(wall));
  };
  const auto server = queue::parse_server(one.host);
  const auto text = [](std::string_view value) {
    return value.empty() ? std::string("null") : json_string(value);
  };
  return fmt::format(
      R"({{"address":{},"original":{},"state":"{}","attempts":{},"last_attempt":{},"next_attempt":{},"last_reply":{},"host":{},"tls":{},"route":{}}})",
      json_string(one.address), text(one.original), to_string(state_of(one)), one.attempts,
      time(one.last_attempt), has_next_attempt(one) ? time(one.next_attempt) : "null",
      text(one.note), text(server.host), text(server.tls),
      text(view.site_of(message.envelope, at)));
}

// The message's part of a JSON line, open at its end.
std::string message_json(const QueuedMessage& message, const QueueView& view) {
  std::string recipients;
  for (std::uint32_t i = 0; i < message.envelope.recipients.size(); ++i)
    recipients += (i == 0 ? "" : ",") + recipient_json(message, i, view);
  return fmt::format(
      R"({{"id":"{}","arrived":{},"size":{},"sender":{},"held":{},"recipients":[{}])",
      message.id.text(), json_string(observe::format_time(message.envelope.arrived)), message.size,
      json_string(message.envelope.reverse_path), is_held(message.envelope), recipients);
}

std::string waiting_for(const QueuedMessage& message, std::uint32_t recipient,
                        const queue::Whereabouts& message_at, const QueueView& view) {
  const auto& one = message.envelope.recipients[recipient];
  // Another part of the message may be there.
  const bool is_there =
      message_at.site.empty() || message_at.site == view.site_of(message.envelope, recipient);
  const auto at = is_there ? message_at : queue::Whereabouts();
  const auto site = view.site_of(message.envelope, recipient);
  const auto& held = message_at.held_sites;
  const bool is_site_held = std::find(held.begin(), held.end(), site) != held.end();
  if (one.is_held && at.place == Place::attempt)
    return "the end of an attempt at " + at.site + "; then the request of an operator";
  if (one.is_held) return "release (held by an operator)";
  const auto attempts = fmt::format("{} of {} under way", at.under_way, at.limit);
  if (at.place == Place::attempt) return "the end of an attempt at " + at.site;
  if (at.place == Place::report) return "the notification to its sender";
  if (is_site_held && !one.is_held) return "site " + site + ", which an operator paused";
  if (at.place == Place::lookup)
    return "the DNS" + (at.destination.empty() ? ", after other searches"
                                               : " (mail exchangers of " + at.destination + ')');
  if (at.place == Place::line && at.pause.count() > 0)
    return fmt::format("site {}, which is paused for {}: {}", at.site, span_text(at.pause),
                       at.site_trouble);
  if (at.place == Place::line && at.next_token.count() > 0)
    return fmt::format("the rate of site {} (next attempt in {})", at.site,
                       span_text(at.next_token));
  if (at.place == Place::line) return "a connection to " + at.site + " (" + attempts + ')';
  if (one.attempts == 0 && one.next_attempt > view.wall)
    return "the date that its sender asked for";
  return one.next_attempt > view.wall ? "back-off" : "its turn";
}

// Age at which the message is given up.
std::int64_t given_up_at(const QueuedMessage& message, const QueueView& view) {
  const auto handling = queue::handling_of(message.envelope);
  const auto lifetime = queue::lifetime_of(message.envelope, handling, view.settlement);
  return lifetime.count() == 0 ? 0
                               : queue::released_at(handling, message.envelope) + lifetime.count();
}

class Facts final {
 public:
  void add(std::string_view name, const std::string& value) {
    if (!value.empty()) text_ += fmt::format("  {}: {}\n", name, value);
  }
  void head(const std::string& line) { text_ += line + '\n'; }
  [[nodiscard]] std::string take() && { return std::move(text_); }

 private:
  std::string text_;
};

}  // namespace

std::string list_text(const QueuedMessage& message, const QueueView& view) {
  auto text = fmt::format("{}  {}  {}  {}{}\n", message.id.text(),
                          observe::format_time(message.envelope.arrived), message.size,
                          printable(sender_of(message)), is_held(message.envelope) ? "  held" : "");
  for (const auto& one : message.envelope.recipients) {
    const auto state = state_of(one);
    if (state == RecipientState::delivered) continue;
    text += fmt::format("    {}  {}", printable(one.address), to_string(state));
    if (has_next_attempt(one) && one.next_attempt > view.wall)
      text += "  next try " + time_with_distance(one.next_attempt, view.wall);
    text += '\n';
    if (!one.note.empty()) text += "        " + printable(one.note) + '\n';
  }
  return text;
}

std::string list_json(const QueuedMessage& message, const QueueView& view) {
  return message_json(message, view) + "}\n";
}

std::string list_postqueue(const QueuedMessage& message) {
  std::string recipients;
  bool is_deferred = false;
  for (const auto& one : message.envelope.recipients) {
    if (!is_pending(one)) continue;
    is_deferred = is_deferred || one.attempts > 0;
    recipients += fmt::format(
        R"({}{{"address": {}{}}})", recipients.empty() ? "" : ", ", json_string(one.address),
        one.note.empty() ? "" : ", \"delay_reason\": " + json_string(one.note));
  }
  const auto* queue = is_held(message.envelope) ? "hold" : is_deferred ? "deferred" : "active";
  return fmt::format(
      "{{\"queue_name\": \"{}\", \"queue_id\": \"{}\", \"arrival_time\": {}, \"message_size\": {}, "
      "\"forced_expire\": false, \"sender\": {}, \"recipients\": [{}]}}\n",
      queue, message.id.text(), message.envelope.arrived / 1000, message.size,
      json_string(message.envelope.reverse_path.empty() ? "MAILER-DAEMON"
                                                        : message.envelope.reverse_path),
      recipients);
}

// The mark behind the id: `!` held, `*` not tried yet. The time is local, as mailq has it.
std::string list_mailq(const QueuedMessage& message) {
  const auto& envelope = message.envelope;
  const bool is_new = std::none_of(envelope.recipients.begin(), envelope.recipients.end(),
                                   [](const auto& one) { return one.attempts > 0; });
  const char* mark = is_held(envelope) ? "!" : is_new ? "*" : " ";
  const auto seconds = static_cast<std::time_t>(envelope.arrived / 1000);
  std::tm local{};
  char time[32] = "";
  if (::localtime_r(&seconds, &local) != nullptr)
    (void)std::strftime(time, sizeof time, "%a %b %e %H:%M:%S", &local);
  auto text = fmt::format(
      "{:<17} {:>8} {:<19}  {}\n", message.id.text() + mark, message.size, time,
      envelope.reverse_path.empty() ? "MAILER-DAEMON" : printable(envelope.reverse_path));
  std::string reason;
  for (const auto& one : envelope.recipients) {
    if (!is_pending(one)) continue;
    if (!one.note.empty() && one.note != reason)
      text += fmt::format("{:>76}\n", '(' + printable(one.note) + ')');
    reason = one.note;
    text += std::string(48, ' ') + printable(one.address) + '\n';
  }
  return text;
}

std::string list_routes(const QueuedMessage& message, const QueueView& view) {
  if (queue::handling_of(message.envelope).stays_here) return {};
  std::string text;
  for (std::uint32_t i = 0; i < message.envelope.recipients.size(); ++i) {
    const auto& one = message.envelope.recipients[i];
    if (!is_pending(one)) continue;
    text += fmt::format("{} {} {} {} {}\n", message.id.text(),
                        percent_encode(message.envelope.reverse_path), percent_encode(one.address),
                        percent_encode(view.way_of(message.envelope, i)),
                        percent_encode(message.envelope.login));
  }
  return text;
}

std::optional<QueuedRoute> parse_route(std::string_view line) {
  const auto words = split(line, ' ');
  if (words.size() != 5) return std::nullopt;
  const auto sender = percent_decode(words[1]);
  const auto recipient = percent_decode(words[2]);
  const auto site = percent_decode(words[3]);
  const auto login = percent_decode(words[4]);
  if (!sender || !recipient || !site || !login) return std::nullopt;
  return QueuedRoute{std::string(words[0]), *sender, *recipient, *site, *login};
}

std::string why_text(const QueuedMessage& message, const queue::Whereabouts& whereabouts,
                     const QueueView& view, const RouteFacts& route_facts) {
  Facts facts;
  const auto& envelope = message.envelope;
  facts.head("message " + message.id.text());
  facts.add("sender", printable(sender_of(message)));
  facts.add("arrived", time_with_distance(envelope.arrived, view.wall));
  facts.add("size", std::to_string(message.size) + " bytes");
  facts.add("from host", printable(envelope.helo.empty() ? envelope.client
                                                         : envelope.helo + ' ' + envelope.client));
  facts.add("login", printable(envelope.login));
  for (std::uint32_t i = 0; i < envelope.recipients.size(); ++i) {
    const auto& one = envelope.recipients[i];
    facts.head(printable(one.address));
    if (!one.original.empty()) facts.add("alias of", printable(one.original));
    facts.add("state", std::string(to_string(state_of(one))));
    facts.add("route", printable(view.site_of(envelope, i)));
    if (is_pending(one))
      facts.add("waiting for", printable(waiting_for(message, i, whereabouts, view)));
    if (state_of(one) == RecipientState::unknown)
      facts.add("waiting for", "a decision: retry.unknown is park, and it may have arrived");
    if (has_next_attempt(one) && one.next_attempt > view.wall)
      facts.add("next try", time_with_distance(one.next_attempt, view.wall));
    facts.add("last reply", printable(one.note));
    const auto server = queue::parse_server(one.host);
    facts.add("host", printable(server.host));
    facts.add("tls", printable(server.tls));
    if (one.last_attempt != 0)
      facts.add("last try", time_with_distance(one.last_attempt, view.wall));
    facts.add("attempts", std::to_string(one.attempts));
    const auto end = given_up_at(message, view);
    if (has_next_attempt(one) && end != 0)
      facts.add("given up", end > view.wall ? time_with_distance(end, view.wall)
                                            : std::string("after its next try"));
    if (one.is_delay_reported) facts.add("reported", "its sender was told of the delay");
    if (i >= route_facts.size()) continue;
    for (const auto& fact : route_facts[i]) facts.head("  " + printable(fact, longest_fact));
  }
  return std::move(facts).take();
}

std::string why_json(const QueuedMessage& message, const queue::Whereabouts& whereabouts,
                     const QueueView& view, const RouteFacts& route_facts) {
  std::string evidence;
  for (const auto& facts : route_facts) {
    std::string list;
    for (const auto& fact : facts) list += (list.empty() ? "" : ",") + json_string(fact);
    evidence += (evidence.empty() ? "[" : ",[") + list + ']';
  }
  std::string waits;
  for (std::uint32_t i = 0; i < message.envelope.recipients.size(); ++i) {
    waits += waits.empty() ? "" : ",";
    waits += is_pending(message.envelope.recipients[i])
                 ? json_string(waiting_for(message, i, whereabouts, view))
                 : std::string("null");
  }
  const auto end = given_up_at(message, view);
  return message_json(message, view) +
         fmt::format(R"(,"waiting_for":[{}],"given_up":{},"evidence":[{}]}})", waits,
                     end == 0 ? "null" : json_string(observe::format_time(end)), evidence) +
         '\n';
}

}  // namespace postroad::daemon
