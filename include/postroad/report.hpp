// What became of each recipient of one mail. A 4yz or 5yz is a fact in here and never an Error.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <postroad/error.hpp>
#include <postroad/mailbox.hpp>
#include <postroad/reply.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace postroad {

/// What is known of one recipient after one attempt.
enum class Outcome : std::uint8_t {
  accepted,  ///< the server answered 2yz to the end of the message: it is responsible now
  refused,   ///< 5yz: the same attempt will fail again
  deferred,  ///< 4yz, or never reached: it can be tried again, nothing was delivered
  unknown,   ///< the line broke after the final dot: it may have been delivered (RFC 1047)
};

POSTROAD_EXPORT std::string_view to_string(Outcome outcome) noexcept;
POSTROAD_EXPORT std::ostream& operator<<(std::ostream& out, Outcome outcome);

struct POSTROAD_EXPORT RecipientOutcome {
  Mailbox address;
  Outcome outcome = Outcome::deferred;
  std::string stage;  ///< the step that decided: MAIL FROM, RCPT TO, DATA, END OF DATA
  Reply reply;  ///< the server's words that decided; code 0 where there were none, the text then
                ///< says why
  friend bool operator==(const RecipientOutcome&, const RecipientOutcome&) = default;
};

struct POSTROAD_EXPORT SendReport {
  std::vector<RecipientOutcome> recipients;  ///< in the envelope's order
  Reply reply;                  ///< to the end of the message; its text often holds the queue id
  std::optional<Error> broken;  ///< set when the conversation broke after outcomes were known

  /// Every recipient was accepted, and there was one.
  [[nodiscard]] bool all_accepted() const noexcept;
  [[nodiscard]] bool any(Outcome outcome) const noexcept;
  /// The next envelope: of `envelope`, which was sent, the recipients that are deferred, with what
  /// was asked for them. Never one that was accepted, refused or is unknown.
  [[nodiscard]] Envelope retryable(const Envelope& envelope) const;
};

}  // namespace postroad
