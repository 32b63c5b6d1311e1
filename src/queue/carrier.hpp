// How a message leaves the queue. A carrier takes one message for some of its recipients to where
// they are: a mailbox, a smarthost, a mail exchanger. It says what became of each recipient and
// decides nothing: retries, lifetimes and records are the dispatcher's (dispatcher.hpp).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <postroad/report.hpp>
#include <string>
#include <vector>

#include "base/rate.hpp"
#include "queue/handling.hpp"
#include "spool/spool.hpp"

namespace postroad::queue {

/// One message with the recipients that one carrier is to reach. Never changed once an attempt has
/// begun.
struct Part {
  spool::QueueId id;
  spool::Envelope envelope;
  Handling handling;
  std::uint64_t size = 0;                 ///< bytes of the message
  std::vector<std::uint32_t> recipients;  ///< indices into the envelope, ascending
  std::string site{};                     ///< Route::site, by which the attempt counts
};

/// The result of one attempt for one recipient.
struct RecipientResult {
  /// nullopt: not tried, because the carrier was stopped, or because the host accepts no more
  /// recipients in this transaction. Counts as no attempt; it is due at once.
  std::optional<Outcome> outcome;
  std::string note;    ///< the reply or the error that decided, one line
  std::string host{};  ///< the server that said so (server_text.hpp); empty: this one decided
  /// The server accepted the recipient and reports to the sender what becomes of it (DSN).
  bool host_reports = false;
};

/// A host of the destination asked for less.
struct Throttle {
  std::string why;  ///< the reply, one line
  /// Nothing is sent to the site for so long, once it was asked `after` times within an hour; 0: it
  /// gets fewer messages at once.
  std::chrono::milliseconds pause{0};
  unsigned after = 1;
};

struct Attempt {
  std::vector<RecipientResult> recipients;  ///< in the order of Part::recipients
  /// Set when the destination as a whole accepts no messages now (it cannot be reached, 421, a full
  /// disk): why, one line. Other messages for it wait.
  std::optional<std::string> site_failure;
  /// A host of the destination asked for less. With `site_failure` no other host took the message
  /// either.
  std::optional<Throttle> throttle{};
  /// Time of the transaction with the host, on a connection that was open; nullopt: not measured.
  std::optional<std::chrono::milliseconds> latency{};
  /// The attempt says nothing about the site, good or bad: it met none of its hosts.
  bool is_elsewhere = false;
};

/// The same result for each of `count` recipients.
Attempt same_for_all(std::size_t count, std::optional<Outcome> outcome, std::string note);
/// The meaning of an error that ended the attempt for the recipients: nothing (cancelled), refused
/// (Fault::input, Fault::unsupported: the next attempt would end the same), unknown (the message
/// may have been delivered), else deferred. Leaves `site_failure` to the carrier.
Attempt attempt_of(const Error& error, std::size_t count);
/// The outcome of each recipient in a report. Leaves `site_failure` to the carrier.
Attempt attempt_of(const SendReport& report);

/// How many messages a site gets.
struct SiteLimits {
  std::size_t most = 1;     ///< at once, never more
  std::size_t initial = 1;  ///< until successes show that the site bears more, and after an outage
  /// Failures in a row until the site counts as down.
  std::uint32_t failures = 1;
  Rate rate{};  ///< attempts per time, spread evenly; count 0: no limit
  friend bool operator==(const SiteLimits&, const SiteLimits&) = default;
};

class Carrier {
 public:
  using Done = std::function<void(Attempt)>;
  virtual ~Carrier() = default;
  /// Messages that it takes at once. Constant.
  [[nodiscard]] virtual std::size_t limit() const = 0;
  /// The limits of a site that the carrier serves. Constant.
  [[nodiscard]] virtual SiteLimits site_limits(const std::string& /*site*/) const {
    return {limit(), limit(), 1};
  }
  /// Finds out which site serves a destination: the next Route says so. `found` is called exactly
  /// once, from any thread, also before this returns, at the latest when stop() returns. An
  /// exception: it is not called.
  virtual void find_site(const std::string& /*destination*/, std::function<void()> found) {
    found();
  }
  /// Begins an attempt. `done` is called exactly once, from any thread but not before this returns.
  /// `part` lives until then. An exception (no memory, no thread): the attempt did not begin, and
  /// `done` is not called.
  virtual void carry(const Part& part, Done done) = 0;
  /// Ends, as not tried, the attempts whose message cannot have been delivered yet: the final dot
  /// was not sent. Does not wait. carry() is no longer called.
  virtual void begin_stop() {}
  /// As begin_stop(); then the other attempts get until then for the reply to their final dot. The
  /// remaining ones are ended and reported as unknown. Returns when all `done` were called.
  virtual void stop(std::chrono::steady_clock::time_point until) = 0;
};

/// The current route of a recipient.
struct Route {
  /// Names the destination: one line and one limit per site. At a time a site belongs to one
  /// carrier; with another one it is another destination, and the former carrier is stopped.
  std::string site;
  std::shared_ptr<Carrier> carrier;  ///< null: there is no route, `note` says why
  std::string note{};
  /// The destination that Carrier::find_site is to be asked about before an attempt, because `site`
  /// is not known or may have changed; empty: nothing. Several destinations can have one site.
  std::string destination{};
  /// `site` is the last one that the search gave: it is used until the next search has ended.
  bool is_site_known = false;
};

/// The routes of one configuration. Asked at every attempt. Thread rule: the dispatcher's thread.
class Routes {
 public:
  virtual ~Routes() = default;
  [[nodiscard]] virtual Route route(const spool::Envelope& envelope, const Handling& handling,
                                    std::uint32_t recipient) const = 0;
};

}  // namespace postroad::queue
