// See result_meaning.hpp.
#include "relay/mx/result_meaning.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace postroad::relay::mx {

namespace {

// 421 without a status code that says otherwise (4.3.2: it is being shut down), or a code of
// security or policy such as "450 4.7.0 too many connections" (RFC 3463). `reply` is one line.
bool asks_for_less(int code, std::string_view reply) {
  if (code / 100 != 4) return false;
  const auto number = std::to_string(code) + ' ';
  if (!reply.starts_with(number)) return code == 421;
  reply.remove_prefix(number.size());
  return reply.starts_with("4.7.") || (code == 421 && !reply.starts_with("4."));
}

// The first temporary refusal that a row applies to.
struct Judged {
  const ReplyRule* rule = nullptr;
  std::string reply{};
};

Judged judge(const Result<SendReport>& result, const std::string& host, const ReplyRules& rules) {
  if (!result) {
    const auto& error = result.error();
    if (error.reply_code / 100 != 4) return {};
    return {rules.find(host, error.detail), error.detail};
  }
  const Reply* last = nullptr;
  for (const auto& one : result->recipients) {
    if (one.outcome != Outcome::deferred || (last != nullptr && one.reply == *last)) continue;
    last = &one.reply;
    auto reply = one.reply.one_line();
    if (const auto* const rule = rules.find(host, reply)) return {rule, std::move(reply)};
  }
  return {};
}

}  // namespace

bool is_failure_of_host(const Result<SendReport>& result) {
  if (result) {
    const auto is_421 = [](const RecipientOutcome& one) {
      return one.outcome == Outcome::deferred && one.reply.code == 421 && one.stage == Stage::mail;
    };
    const auto& all = result->recipients;
    return !all.empty() && std::all_of(all.begin(), all.end(), is_421);
  }
  const auto& error = result.error();
  if (error.fault == Fault::cancelled || error.may_have_been_delivered) return false;
  if (error.stage < Stage::mail) return true;
  return error.stage == Stage::mail && error.fault != Fault::refused &&
         error.fault != Fault::input && error.fault != Fault::unsupported &&
         error.fault != Fault::tls_required;
}

std::string text_of(const Result<SendReport>& result, const std::string& host) {
  if (!result) return result.error().text();
  return host + ": " + result->recipients.front().reply.one_line();
}

bool ends_connection(const Result<SendReport>& result) {
  if (!result) {
    const auto& error = result.error();
    return error.stage <= Stage::mail && asks_for_less(error.reply_code, error.detail);
  }
  const auto& all = result->recipients;
  return !all.empty() && std::all_of(all.begin(), all.end(), [](const RecipientOutcome& one) {
    return one.outcome == Outcome::deferred && one.stage == Stage::mail &&
           asks_for_less(one.reply.code, one.reply.one_line());
  });
}

bool had_session(const Result<SendReport>& result) {
  return result || result.error().stage > Stage::connect || result.error().reply_code != 0;
}

bool wants_tls(const Result<SendReport>& result) {
  const auto says_so = [](int code, const std::string& text) {
    const auto reply = lower(text);
    const auto has = [&reply](const char* word) { return reply.find(word) != std::string::npos; };
    return code == 530 || has(" 5.7.10 ") || has("tls") || has("encrypt");
  };
  if (!result)
    return result.error().reply_code != 0 &&
           says_so(result.error().reply_code, result.error().detail);
  const auto is_about_tls = [&says_so](const RecipientOutcome& one) {
    return (one.outcome == Outcome::refused || one.outcome == Outcome::deferred) &&
           says_so(one.reply.code, one.reply.one_line());
  };
  const auto& all = result->recipients;
  return !all.empty() && std::all_of(all.begin(), all.end(), is_about_tls);
}

bool is_failed_handshake(const Result<SendReport>& result) {
  return !result && result.error().stage == Stage::starttls &&
         result.error().fault != Fault::cancelled;
}

bool concerns_message(const Result<SendReport>& result, const std::string& host,
                      const ReplyRules& rules) {
  const auto judged = judge(result, host, rules);
  return judged.rule != nullptr && judged.rule->action == ReplyRule::Action::none;
}

std::optional<queue::Throttle> throttle_of(const Result<SendReport>& result,
                                           const std::string& host, const ReplyRules& rules) {
  using Action = ReplyRule::Action;
  const auto judged = judge(result, host, rules);
  if (judged.rule == nullptr) {
    if (!ends_connection(result)) return std::nullopt;
    return queue::Throttle{text_of(result, host)};
  }
  if (judged.rule->action == Action::none) return std::nullopt;
  return queue::Throttle{host + ": " + judged.reply + " (row " + judged.rule->name + ')',
                         judged.rule->pause, judged.rule->after};
}

}  // namespace postroad::relay::mx
