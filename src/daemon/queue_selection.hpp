// Which messages of the queue a command names. Pure. Not here: how they are found and shown
// (queue_service.hpp).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <postroad/result.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "spool/spool.hpp"

namespace postroad::daemon {

/// The state of a recipient, as commands name it.
enum class RecipientState : std::uint8_t {
  queued,    ///< not tried yet
  deferred,  ///< tried, and tried again later
  held,
  delivered,
  refused,
  unknown,  ///< it may have been delivered
};

/// `*` in the pattern stands for any text; case does not count. Linear in the product of the
/// lengths at worst, which are short.
bool is_like(std::string_view text, std::string_view pattern);

RecipientState state_of(const spool::Recipient& recipient);
/// Whether something is still to become of it.
bool is_waiting(const spool::Recipient& recipient);
std::string_view to_string(RecipientState state) noexcept;

/// A message matches if each condition that is set holds. The conditions about a recipient hold
/// together for one of them, which waits unless `state` says otherwise: what is done to a message
/// concerns those that wait. `*` in a pattern stands for any text; case does not count.
struct QueueSelection {
  std::vector<spool::QueueId> ids;  ///< none: all
  std::string sender;               ///< pattern of the reverse-path; `<>`: the null one
  std::string recipient;            ///< pattern of an address
  std::string domain;               ///< pattern of a recipient's domain
  std::string site;                 ///< pattern of the destination that serves a recipient
  std::string reply;                ///< text in the last reply
  std::optional<RecipientState> state{};
  std::chrono::milliseconds older{0};  ///< age of the message at least

  using SiteOf = std::function<std::string(const spool::Envelope&, std::uint32_t)>;
  [[nodiscard]] bool matches(const spool::Envelope& envelope, std::int64_t wall,
                             const SiteOf& site_of) const;
};

/// The words of a request: `id=…`, `sender=…` and the others, their values percent-encoded.
std::string words_of(const QueueSelection& selection);
/// Error: Fault::input with the word.
Result<QueueSelection> parse_selection(std::string_view words);
/// Error: Fault::input with the names of the states.
Result<RecipientState> parse_state(std::string_view name);

}  // namespace postroad::daemon
