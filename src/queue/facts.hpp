// The facts that a dispatcher gives, and the requests of operators: values without behavior. See
// dispatcher.hpp.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/rate.hpp"
#include "queue/schedule.hpp"

namespace postroad::queue {

/// The request of an operator about messages.
enum class Request : std::uint8_t {
  hold,     ///< not tried until it is released, whatever happens: restarts and flushes
  release,  ///< tried at its own times again
  flush,    ///< all its recipients are due now
  remove,   ///< it leaves the spool, and its sender is not told
};

/// Where a message is now, for people.
struct Whereabouts {
  enum class Place : std::uint8_t {
    waiting,  ///< for its time, or until it is released; or it is due and comes soon
    lookup,   ///< until the site of a destination is known (DNS)
    line,     ///< for a place among the attempts of a site
    attempt,  ///< with a carrier, or its outcome is being recorded
    report,   ///< its sender is being told
  };
  Place place = Place::waiting;
  std::string site{};                       ///< of a line or an attempt
  std::string site_trouble{};               ///< why the site accepts no messages; empty: it does
  std::chrono::milliseconds pause{0};       ///< of the site, until its next attempt
  std::chrono::milliseconds next_token{0};  ///< until the rate of the site allows an attempt
  std::string destination{};              ///< of a lookup; empty: it waits until others have ended
  std::size_t under_way = 0, limit = 0;   ///< attempts of the site, and their limit
  std::vector<std::string> held_sites{};  ///< where recipients of the message wait for an operator
};

/// The state of a site, for people and for the next process.
struct SiteFacts {
  std::string name;
  bool is_held = false;               ///< by an operator: no message is sent there
  bool is_down = false;               ///< it failed several times in a row
  std::string reason{};               ///< of the last failure, or why the limit was lowered
  std::chrono::milliseconds left{0};  ///< of the pause after failures, or that a host asked for
  WallTime waits_until = 0;  ///< the end of the latter, Unix milliseconds; 0: there is none
  std::size_t under_way = 0, waiting = 0;
  std::size_t limit = 0;  ///< messages at once, now; 0: not known, as nothing was sent there yet
  std::size_t most = 0;   ///< the configured limit
  Rate rate{};            ///< the configured one; count 0: none
  std::chrono::milliseconds next_token{0};  ///< until the rate allows an attempt
  bool is_learnt = false;                   ///< the limit is not the initial one
};

/// Where the messages of the queue are, as numbers. A message with recipients at several sites may
/// count in more than one.
struct QueueCounts {
  std::uint64_t due = 0;      ///< they come next
  std::uint64_t waiting = 0;  ///< for their time
  std::uint64_t lookup = 0;   ///< for the DNS
  std::uint64_t line = 0;     ///< in the lines of sites
  std::uint64_t attempt = 0;  ///< attempts, records and notifications under way
};

/// The request of an operator about sites.
enum class SiteRequest : std::uint8_t {
  hold,     ///< no message is sent there, and none is charged an attempt
  release,  ///< as before; a pause after a failure ends, too
  reset,    ///< what was learnt is forgotten: limit, failures, pause
};

}  // namespace postroad::queue
