// See host_failures.hpp.
#include "relay/mx/host_failures.hpp"

#include "relay/mx/result_meaning.hpp"

namespace postroad::relay::mx {

namespace {

// STARTTLS is not offered, the certificate is not accepted, or REQUIRETLS is not offered; neither a
// lost connection, a handshake that failed for another reason, nor a 4yz reply.
bool is_lasting(const Error& error, net::CertificateFault certificate) {
  if (error.reply_code != 0) return false;
  return error.fault == Fault::tls_required ||
         (error.fault == Fault::tls && certificate != net::CertificateFault::none);
}

}  // namespace

void HostFailures::add_refusal(const std::string& host, const tls::HostPolicy& policy) {
  ++tls_failures_;
  if (!policy.is_refusal_temporary) ++lasting_;
  lacks_requiretls_ = lacks_requiretls_ || policy.by == "REQUIRETLS";
  add(host + ": " + policy.by + ": " + policy.refusal);
  if (observer_ == nullptr) return;
  observer_->tls_failed(sts_.domain, host, policy, policy.refusal);
  count(host, policy, verdict_on_refusal(policy), nullptr);
}

void HostFailures::count(const std::string& host, const tls::HostPolicy& policy,
                         std::optional<TlsVerdict> verdict, const Sessions::Sent* sent) const {
  const bool is_literal = sts_.domain.starts_with('[');
  if (!verdict || sets_aside_ || is_literal) return;
  tls::TlsSession session{sts_.domain, host, policy, sts_};
  session.failure = verdict->failure;
  session.reason = std::move(verdict->reason);
  if (sent != nullptr) {
    session.from = sent->from;
    session.to = sent->to;
  }
  observer_->session_ended(session);
}

bool HostFailures::note_tls(const std::string& host, const tls::HostPolicy& policy,
                            const Sessions::Sent& sent) {
  const auto& report = sent.report;
  if (sent.is_new && observer_ != nullptr)
    count(host, policy, verdict_on(sent, policy, sts_), &sent);
  const bool lacks_extension =
      !report && report.error().fault == Fault::tls_required && report.error().stage == Stage::mail;
  const bool has_failed =
      lacks_extension || (is_failed_handshake(report) && !policy.allows_plaintext());
  if (!has_failed) {
    if (report && sent.is_new && observer_ != nullptr) tell(host, policy, sent.doubt);
    return false;
  }
  ++tls_failures_;
  if (is_lasting(report.error(), sent.certificate)) ++lasting_;
  lacks_requiretls_ = lacks_requiretls_ || lacks_extension;
  if (observer_ != nullptr) observer_->tls_failed(sts_.domain, host, policy, text_of(report, host));
  return true;
}

void HostFailures::tell(const std::string& host, const tls::HostPolicy& policy,
                        const std::string& doubt) const {
  const auto& why = policy.test_failure.empty() ? doubt : policy.test_failure;
  if (!policy.is_tested)
    observer_->tls_succeeded(sts_.domain, host, policy);
  else if (!why.empty())
    observer_->test_failed(sts_.domain, host, why);
}

outbox::Ended HostFailures::end(const outbox::Call& call, const Exchangers& found, bool had_session,
                                std::optional<queue::Throttle> throttle) const {
  const auto count = call.part.recipients.size();
  if (call.is_stopping) return {queue::same_for_all(count, {}, text_)};
  // Hosts that were left out may have it.
  const bool are_all_without_tls = lasting_ == found.usable.size() && found.notes.empty();
  if (call.part.handling.asked.require_tls && are_all_without_tls) {
    // RFC 8689 section 4.2.1: 5.7.30 REQUIRETLS needed, 5.7.10 encryption needed.
    const std::string code = lacks_requiretls_ ? "5.7.30 " : "5.7.10 ";
    outbox::Ended refused{queue::same_for_all(count, Outcome::refused, code + text_)};
    refused.attempt.is_elsewhere = true;
    return refused;
  }
  // RFC 3463: 4.4.1 no answer from host, 4.3.2 host not accepting messages, 4.4.4 no route, 4.7.5
  // cryptographic failure.
  const std::string code = tls_failures_ > 0 ? "4.7.5 "
                           : found.has_own   ? "4.4.4 "
                           : had_session     ? "4.3.2 "
                                             : "4.4.1 ";
  outbox::Ended ended{queue::same_for_all(count, Outcome::deferred, code + text_)};
  if (tls_failures_ > 0)
    ended.attempt.is_elsewhere = true;
  else
    ended.attempt.site_failure = code + text_;
  ended.attempt.throttle = std::move(throttle);
  return ended;
}

}  // namespace postroad::relay::mx
