// See counts.hpp.
#include "relay/tlsrpt/counts.hpp"

#include <algorithm>
#include <optional>

#include "base/percent.hpp"
#include "base/text.hpp"

namespace postroad::relay::tlsrpt {

namespace {

constexpr std::size_t longest_reason = 200;  // bytes
constexpr std::uint64_t most_sessions = 1'000'000'000'000;
constexpr std::size_t most_strings = 100;     // of one policy
constexpr std::size_t longest_string = 1000;  // bytes
constexpr std::size_t most_text = 8 << 10;    // bytes of the strings of a policy
constexpr std::size_t of_entry = 400;         // bytes in memory, about, without its strings
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

std::string line_of(const std::string& domain, const Policy& policy) {
  return "policy " + word_of(domain) + ' ' + policy.type + ' ' + word_of(policy.domain) + ' ' +
         word_of(policy.strings) + ' ' + word_of(policy.mx) + '\n';
}

std::string line_of(const Failure& failure, std::uint64_t count) {
  auto line = "failed " + std::to_string(count);
  for (const auto* part :
       {&failure.type, &failure.from, &failure.host, &failure.to, &failure.reason})
    line += ' ' + word_of(*part);
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

// A foreign zone or policy host chose them.
std::vector<std::string> bounded(std::vector<std::string> texts) {
  if (texts.size() > most_strings) texts.resize(most_strings);
  std::size_t sum = 0;
  for (auto& text : texts) {
    if (text.size() > longest_string) text.resize(longest_string);
    sum += text.size();
  }
  while (sum > most_text && !texts.empty()) {
    sum -= std::min(sum, texts.back().size());
    texts.pop_back();
  }
  return texts;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (auto line : split(text, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty() && lines.size() < most_strings) lines.emplace_back(line);
  }
  return bounded(std::move(lines));
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
  if (!policy.tlsa_base.empty() && !policy.is_tested) {
    auto records = policy.tlsa;
    std::sort(records.begin(), records.end());  // the DNS gives them in any order
    return {"tlsa", policy.tlsa_base, bounded(std::move(records)), {session.host}};
  }
  const auto& kept = session.sts.kept;
  if (kept && kept->policy.mode != tls::StsPolicy::Mode::none)
    return {"sts", session.domain, lines_of(kept->text), bounded(kept->policy.mx)};
  if (!kept && !session.sts.failure.empty()) return {"sts", session.domain};
  return {"no-policy-found", session.domain};
}

bool Counts::add(const tls::TlsSession& session) {
  auto* const sessions = find(session.domain, policy_of(session));
  if (sessions == nullptr) return false;
  if (session.failure == tls::TlsFailure::none) {
    ++sessions->successful;
    return true;
  }
  Failure failure{std::string(to_string(session.failure))};
  if (session.from) failure.from = session.from->to_string();
  failure.host = session.host;
  if (session.to) failure.to = session.to->to_string();
  failure.reason = printable(session.reason, longest_reason);
  add_failed(session.domain, *sessions, &failure, 1);
  return true;
}

bool Counts::has_room(const std::string& domain) const {
  const auto size = sizes_.find(domain);
  return size_ < most_bytes && (size == sizes_.end() || size->second < most_of_domain);
}

Sessions* Counts::find(const std::string& domain, const Policy& policy) {
  const auto policies = domains_.find(domain);
  if (policies != domains_.end()) {
    if (const auto known = policies->second.find(policy); known != policies->second.end())
      return &known->second;
  }
  if (!has_room(domain)) return nullptr;
  const auto size = size_of(domain, policy);
  size_ += size;
  sizes_[domain] += size;
  return &domains_[domain][policy];
}

void Counts::add_failed(const std::string& domain, Sessions& sessions, const Failure* failure,
                        std::uint64_t count) {
  sessions.failed += count;
  if (failure == nullptr) return;
  if (const auto kind = sessions.failures.find(*failure); kind != sessions.failures.end()) {
    kind->second += count;
  } else if (has_room(domain) && sessions.failures.size() < most_failures) {
    sessions.failures[*failure] = count;
    const auto size = of_entry + failure->host.size() + failure->reason.size();
    size_ += size;
    sizes_[domain] += size;
  }
}

// "policy DOMAIN TYPE ITS-DOMAIN STRINGS MX", and below it the counts.
void Counts::take(std::string_view lines) {
  constexpr std::size_t of_policy = 6;
  std::optional<Place> place;
  for (const auto line : split(lines, '\n')) {
    const auto words = split(line, ' ');
    if (words.front() != "policy") {
      if (place) take_counts(words, *place);
      continue;
    }
    place.reset();
    if (words.size() != of_policy) continue;
    const auto domain = text_of(words[1]);
    auto own_domain = text_of(words[3]);
    auto strings = texts_of(words[4]);
    auto mx = texts_of(words[5]);
    if (!domain || domain->empty() || !own_domain || !strings || !mx) continue;
    place = Place{*domain,
                  {std::string(words[2]), std::move(*own_domain), bounded(std::move(*strings)),
                   bounded(std::move(*mx))}};
  }
}

// "ok COUNT", "failed COUNT" and "failed COUNT TYPE FROM HOST TO REASON".
void Counts::take_counts(const std::vector<std::string_view>& words, const Place& place) {
  constexpr std::size_t plain = 2;
  constexpr std::size_t detailed = 7;
  const auto count = words.size() < plain ? std::nullopt : parse_number(words[1]);
  const bool is_ok = words.front() == "ok" && words.size() == plain;
  const bool is_failed =
      words.front() == "failed" && (words.size() == plain || words.size() == detailed);
  const auto failure =
      is_failed && words.size() == detailed ? failure_of(words, plain) : std::nullopt;
  // More sessions than a day has room for are damage.
  if (!count || *count == 0 || *count > most_sessions || (!is_ok && !is_failed) ||
      (words.size() == detailed && !failure))
    return;
  auto* const sessions = find(place.domain, place.policy);
  if (sessions == nullptr) return;
  if (is_ok)
    sessions->successful += *count;
  else
    add_failed(place.domain, *sessions, failure ? &*failure : nullptr, *count);
}

std::string Counts::lines() const {
  std::string text;
  for (const auto& [domain, policies] : domains_) {
    for (const auto& [policy, sessions] : policies) {
      text += line_of(domain, policy);
      if (sessions.successful > 0) text += "ok " + std::to_string(sessions.successful) + '\n';
      auto rest = sessions.failed;
      for (const auto& [failure, count] : sessions.failures) {
        text += line_of(failure, count);
        rest -= count;
      }
      if (rest > 0) text += "failed " + std::to_string(rest) + '\n';
    }
  }
  return text;
}

}  // namespace postroad::relay::tlsrpt
