// See counts.hpp.
#include "relay/tlsrpt/counts.hpp"

#include <optional>

#include "base/percent.hpp"
#include "base/text.hpp"

namespace postroad::relay::tlsrpt {

namespace {

constexpr std::size_t longest_reason = 200;  // bytes
constexpr std::size_t most_strings = 100;    // of one policy
constexpr std::size_t of_entry = 400;        // bytes in memory, about, without its texts
constexpr std::size_t of_string = 32;
constexpr char separator = '\n';        // of the strings of a policy: none has a line end
constexpr std::string_view none = "-";  // an empty word

std::string word_of(std::string_view text) {
  return text.empty() ? std::string(none) : text == none ? "%2D" : percent_encode(text);
}

std::string word_of(const std::vector<std::string>& texts) {
  std::string joined;
  for (const auto& text : texts) joined += text + separator;
  return word_of(joined);
}

std::optional<std::string> text_of(std::string_view word) {
  return word == none ? std::string() : percent_decode(word);
}

std::optional<std::vector<std::string>> texts_of(std::string_view word) {
  const auto joined = text_of(word);
  if (!joined) return std::nullopt;
  std::vector<std::string> texts;
  for (const auto text : split(*joined, separator)) texts.emplace_back(text);
  texts.pop_back();  // behind the last separator
  return texts;
}

std::string line_of(const std::string& domain, const Policy& policy, const Failure* failure,
                    std::uint64_t count) {
  std::string line = word_of(domain) + ' ' + policy.type + ' ' + word_of(policy.domain) + ' ' +
                     word_of(policy.strings) + ' ' + word_of(policy.mx) + ' ' +
                     std::to_string(count);
  if (failure != nullptr) {
    for (const auto* part :
         {&failure->type, &failure->from, &failure->host, &failure->to, &failure->reason})
      line += ' ' + word_of(*part);
  }
  return line + '\n';
}

std::optional<Failure> failure_of(const std::vector<std::string_view>& words, std::size_t first) {
  Failure failure;
  for (auto* part : {&failure.type, &failure.from, &failure.host, &failure.to, &failure.reason}) {
    auto text = text_of(words[first++]);
    if (!text) return std::nullopt;
    *part = std::move(*text);
  }
  return failure;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (auto line : split(text, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty() && lines.size() < most_strings) lines.emplace_back(line);
  }
  return lines;
}

std::size_t size_of(const std::string& domain, const Policy& policy) {
  auto size = of_entry + domain.size() + policy.domain.size();
  for (const auto* texts : {&policy.strings, &policy.mx})
    for (const auto& text : *texts) size += of_string + text.size();
  return size;
}

}  // namespace

Policy policy_of(const tls::TlsSession& session) {
  const auto& policy = session.policy;
  if (!policy.tlsa_base.empty()) return {"tlsa", policy.tlsa_base, policy.tlsa, {session.host}};
  const auto& kept = session.sts.kept;
  if (kept && kept->policy.mode != tls::StsPolicy::Mode::none) {
    auto mx = kept->policy.mx;
    if (mx.size() > most_strings) mx.resize(most_strings);
    return {"sts", session.domain, lines_of(kept->text), std::move(mx)};
  }
  if (!kept && !session.sts.failure.empty()) return {"sts", session.domain};
  return {"no-policy-found", session.domain};
}

bool Counts::add(const tls::TlsSession& session) {
  const auto policy = policy_of(session);
  if (session.failure == tls::TlsFailure::none) return add(session.domain, policy, nullptr, 1);
  Failure failure{std::string(to_string(session.failure))};
  if (session.from) failure.from = session.from->to_string();
  failure.host = session.host;
  if (session.to) failure.to = session.to->to_string();
  failure.reason = printable(session.reason, longest_reason);
  return add(session.domain, policy, &failure, 1);
}

bool Counts::add(const std::string& domain, const Policy& policy, const Failure* failure,
                 std::uint64_t count) {
  const bool has_room = size_ < most_bytes;
  auto policies = domains_.find(domain);
  const bool is_known = policies != domains_.end() && policies->second.contains(policy);
  if (!is_known && !has_room) return false;
  if (!is_known) {
    policies = domains_.try_emplace(domain).first;
    size_ += size_of(domain, policy);
  }
  auto& sessions = policies->second[policy];
  if (failure == nullptr) {
    sessions.successful += count;
    return true;
  }
  sessions.failed += count;
  const auto kind = sessions.failures.find(*failure);
  if (kind != sessions.failures.end()) {
    kind->second += count;
  } else if (has_room && sessions.failures.size() < most_failures) {
    sessions.failures[*failure] = count;
    size_ += of_entry + failure->host.size() + failure->reason.size();
  }
  return true;
}

void Counts::take(std::string_view line) {
  const auto words = split(line, ' ');
  constexpr std::size_t of_policy = 6;
  constexpr std::size_t of_failure = 11;
  if (words.size() != of_policy && words.size() != of_failure) return;
  const auto domain = text_of(words[0]);
  auto policy_domain = text_of(words[2]);
  auto strings = texts_of(words[3]);
  auto mx = texts_of(words[4]);
  const auto count = parse_number(words[5]);
  if (!domain || domain->empty() || !policy_domain || !strings || !mx || !count) return;
  const Policy policy{std::string(words[1]), std::move(*policy_domain), std::move(*strings),
                      std::move(*mx)};
  const auto failure = words.size() == of_policy ? std::nullopt : failure_of(words, of_policy);
  if (failure || words.size() == of_policy)
    add(*domain, policy, failure ? &*failure : nullptr, *count);
}

std::string Counts::lines() const {
  std::string text;
  for (const auto& [domain, policies] : domains_) {
    for (const auto& [policy, sessions] : policies) {
      if (sessions.successful > 0) text += line_of(domain, policy, nullptr, sessions.successful);
      auto rest = sessions.failed;
      for (const auto& [failure, count] : sessions.failures) {
        text += line_of(domain, policy, &failure, count);
        rest -= count;
      }
      const Failure other{std::string(to_string(tls::TlsFailure::validation_failure))};
      if (rest > 0) text += line_of(domain, policy, &other, rest);
    }
  }
  return text;
}

}  // namespace postroad::relay::tlsrpt
