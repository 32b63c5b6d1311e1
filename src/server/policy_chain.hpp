// Several policies in a fixed order, and one question put to them one after the other. The first
// refusal wins. See policy.hpp.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <vector>

#include "server/policy.hpp"

namespace postroad::server {

using PolicyChain = std::vector<std::shared_ptr<SessionPolicy>>;

/// One question on its way through a chain. The session drives it: `go_on` until it is true, and
/// `wait` whenever it was false. So every hook runs on the session's thread.
class Inquiry final {
 public:
  enum class Ends : std::uint8_t {
    at_refusal,  ///< every policy is asked until one refuses
    at_answer,   ///< the first answer with a code counts: VRFY, EXPN, AUTH
  };
  explicit Inquiry(Ends ends = Ends::at_refusal) : ends_(ends) {}

  /// Calls `ask(policy, answer)` for the policies that were not asked yet. True: the verdict is in.
  /// False: the policy that was asked last answers later.
  template <class Ask>
  bool go_on(const PolicyChain& chain, Ask ask) {
    while (!is_over_ && next_ < chain.size()) {
      auto& policy = *chain[next_++];
      pending_ = PendingAnswer::make();
      ask(policy, Answer(*pending_));
      auto verdict = pending_->take();
      if (!verdict) return false;
      pending_.reset();
      settle(std::move(*verdict));
    }
    return true;
  }
  /// Waits for the policy that was asked last, on `timer` until that expires or is cancelled.
  /// False: no answer came, and one that comes is ignored; `refuse` says what counts then.
  boost::asio::awaitable<bool> wait(boost::asio::steady_timer& timer);
  void refuse(Reply reply, std::string reason) {
    settle({std::move(reply), {}, std::move(reason)});
  }

  /// A policy has been asked and has not answered.
  [[nodiscard]] bool is_waiting() const { return pending_ != nullptr; }
  [[nodiscard]] bool is_refused() const { return verdict_.reply.code >= 300; }
  /// Code 0 if no policy objects.
  [[nodiscard]] Reply& reply() { return verdict_.reply; }
  /// Why a login cannot be checked now; may be empty.
  [[nodiscard]] std::string& reason() { return verdict_.reason; }
  [[nodiscard]] Additions& additions() { return verdict_.additions; }

 private:
  void settle(Verdict verdict);

  Ends ends_;
  bool is_over_ = false;
  std::uint32_t next_ = 0;
  PendingAnswer::Owner pending_;
  Verdict verdict_;
};

}  // namespace postroad::server
