// The subject of a temporary refusal: the destination as a whole, which is to be sent less, or this
// recipient or message alone. The codes do not tell (4.7.28 of one provider slows the client, 4.2.1
// concerns a mailbox), so a table of rows does: those of the operator, then those that are shipped.
// Pure. Not here: what the queue does then (queue/schedule.hpp).
#pragma once

#include <chrono>
#include <optional>
#include <postroad/result.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace postroad::relay::mx {

/// One row. It applies when each list that is not empty has an entry that matches.
struct ReplyRule {
  enum class Action : std::uint8_t {
    none,   ///< about the recipient or the message: the site goes on
    slow,   ///< the site gets fewer connections
    pause,  ///< the site gets nothing for a time, and begins with one connection after it
  };
  std::string name{};                ///< for `why` and the events
  std::vector<std::string> hosts{};  ///< `mx.example.org`, `.example.org` (all below)
  /// `421`, `45x`, `4xx`, each with or without an enhanced code: `421 4.7.28`, `4xx 4.7.x`.
  std::vector<std::string> codes{};
  std::vector<std::string> texts{};  ///< parts of the text, in any case; its lines are joined
  Action action = Action::none;
  std::chrono::milliseconds pause{0};
  /// Replies within an hour until the pause begins; the ones before slow the site.
  unsigned after = 1;
  friend bool operator==(const ReplyRule&, const ReplyRule&) = default;
};

class ReplyRules final {
 public:
  /// The shipped rows alone.
  ReplyRules() = default;
  /// These rows before the shipped ones. Error: Fault::input, `where` the key of the row that is
  /// wrong ("name", "hosts", "codes", "text", "pause", "after").
  static Result<ReplyRules> make(std::vector<ReplyRule> rows);
  /// The first row that applies; null: none does. `host` is in lower case. `reply` is one line, as
  /// Reply::one_line gives it.
  [[nodiscard]] const ReplyRule* find(std::string_view host, std::string_view reply) const;
  friend bool operator==(const ReplyRules&, const ReplyRules&) = default;

 private:
  std::vector<ReplyRule> rows_;
};

/// The rows for providers and servers that are in wide use, in their order.
const std::vector<ReplyRule>& shipped_reply_rules();

}  // namespace postroad::relay::mx
