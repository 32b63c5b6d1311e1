// See policy_chain.hpp.
#include "server/policy_chain.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <iterator>

namespace postroad::server {

Reply login_accepted() { return {235, {2, 7, 0}, "Authentication successful"}; }
Reply login_refused() { return {535, {5, 7, 8}, "authentication failed"}; }
Reply login_unavailable() {
  return {454, {4, 7, 0}, "logins cannot be checked now, try again later"};
}
Reply logins_busy() { return {454, {4, 7, 0}, "too many logins at once, try again later"}; }

boost::asio::awaitable<bool> Inquiry::wait(boost::asio::steady_timer& timer) {
  // A frame that ends without being resumed destroys its timer: a late answer must not wake it.
  struct EndAtExit {
    PendingAnswer* pending;
    ~EndAtExit() {
      if (pending != nullptr) (void)pending->end_wait();
    }
  } guard{&*pending_};
  if (pending_->wake(timer))
    (void)co_await timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  guard.pending = nullptr;
  auto verdict = pending_->end_wait();
  pending_.reset();
  if (!verdict) co_return false;
  settle(std::move(*verdict));
  co_return true;
}

// A 3yz is not an answer to a question: it counts as a refusal, so that no policy can make the
// session send it.
void Inquiry::settle(Verdict verdict) {
  auto& [reply, additions, reason] = verdict_;
  const bool is_refusal = verdict.reply.code >= 300;
  is_over_ = is_refusal || (ends_ == Ends::at_answer && verdict.reply.code != 0);
  if (is_refusal && verdict.reply.code < 400)
    verdict.reply = {451, {4, 3, 0}, "a policy check failed, try again later"};
  if (reply.code == 0 || is_refusal) {
    reply = std::move(verdict.reply);
    reason = std::move(verdict.reason);
  }
  if (additions.is_empty()) {
    additions = std::move(verdict.additions);
    return;
  }
  additions.header.insert(0, verdict.additions.header);
  additions.options.insert(additions.options.end(),
                           std::make_move_iterator(verdict.additions.options.begin()),
                           std::make_move_iterator(verdict.additions.options.end()));
}

}  // namespace postroad::server
