// From the answers of the DNS to exchangers; see exchangers.hpp.
#include "relay/mx/exchangers.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "dns/names.hpp"

namespace postroad::relay::mx {

namespace {

NoHost refused(std::string reason) { return {Outcome::refused, std::move(reason)}; }
NoHost deferred(std::string reason) { return {Outcome::deferred, std::move(reason)}; }

// The MX record of a foreign zone may hold any text. A label of a host name has letters, digits and
// hyphens (RFC 1123 section 2.1); underscores occur. An address in place of a name is a mistake
// that no server follows.
bool is_host_name(const std::string& name) {
  if (!dns::check_name(name)) return false;
  const bool is_clean = std::all_of(name.begin(), name.end(), [](char c) {
    return is_alnum(c) || c == '-' || c == '_' || c == '.';
  });
  boost::system::error_code error;
  boost::asio::ip::make_address(name, error);
  return is_clean && error;
}

// A generator whose values are the same on every platform (SplitMix64).
class Chance final {
 public:
  explicit Chance(std::uint64_t seed) : state_(seed) {}
  std::size_t below(std::size_t bound) {
    state_ += 0x9e3779b97f4a7c15;
    auto value = state_;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return static_cast<std::size_t>((value ^ (value >> 31)) % bound);
  }

 private:
  std::uint64_t state_;
};

std::string without_dot(std::string name) {
  if (name.size() > 1 && name.ends_with('.')) name.pop_back();
  return name;
}

void shuffle_within_preference(std::vector<Host>& hosts, std::uint64_t seed) {
  // By name first, so that the order of the answer, which changes, has no part in it.
  std::sort(hosts.begin(), hosts.end(),
            [](const Host& one, const Host& other) { return one.name < other.name; });
  Chance chance(seed);
  for (std::size_t left = hosts.size(); left > 1; --left)
    std::swap(hosts[left - 1], hosts[chance.below(left)]);
  std::stable_sort(hosts.begin(), hosts.end(), [](const Host& one, const Host& other) {
    return one.preference < other.preference;
  });
}

void add_host(std::vector<Host>& hosts, Host host) {
  const auto found = std::find_if(hosts.begin(), hosts.end(),
                                  [&](const Host& one) { return one.name == host.name; });
  if (found == hosts.end())
    hosts.push_back(std::move(host));
  else
    found->preference = std::min(found->preference, host.preference);
}

Hosts hosts_of_records(const std::string& domain, const std::vector<dns::MxRecord>& records,
                       std::uint64_t seed) {
  Hosts made;
  if (records.size() == 1 && records.front().is_null()) {
    made.none = refused("5.1.10 " + domain + " accepts no mail: it has a null MX record");
    return made;
  }
  for (const auto& record : records) {
    auto name = lower(without_dot(record.exchange));
    if (is_host_name(name)) add_host(made.hosts, {std::move(name), record.preference});
  }
  if (made.hosts.empty()) {
    made.none = refused("5.4.4 no MX record of " + domain + " names a host");
    return made;
  }
  for (const auto& host : made.hosts) made.names.push_back(host.name);
  std::sort(made.names.begin(), made.names.end());
  shuffle_within_preference(made.hosts, seed);
  if (made.hosts.size() > Hosts::max_hosts) made.hosts.resize(Hosts::max_hosts);
  return made;
}

std::string queried(const std::string& name, std::string_view types,
                    const dns::AnswerInfo& answer) {
  return std::string(dns::to_string(answer.status)) + " for " + std::string(types) + " of " + name;
}

// "A of mx.example.org: 192.0.2.1 192.0.2.2 (secure)"
template <class Record, class Format>
std::string answer_text(std::string_view type, const std::string& name,
                        const dns::Answer<Record>& answer, Format format) {
  std::string text = std::string(type) + " of " + name + ':';
  if (!answer.canonical_name.empty()) text += " alias of " + answer.canonical_name + ':';
  std::size_t count = 0;
  for (const auto& record : answer.records) {
    if (count++ == Hosts::max_hosts) break;
    text += ' ' + format(record);
  }
  if (answer.records.size() > Hosts::max_hosts) text += " …";
  if (answer.records.empty()) text += ' ' + std::string(dns::to_string(answer.status));
  if (!answer.reason.empty()) text += ", " + answer.reason;
  return text + " (" + std::string(dns::to_string(answer.security())) + ')';
}

std::string with_reason(std::string text, const dns::AnswerInfo& answer) {
  return answer.reason.empty() ? text : std::move(text) + ": " + answer.reason;
}

// The families alternate, IPv6 first; the order within a family is the answer's.
std::vector<Address> interleave(const HostAnswers& answers) {
  std::vector<Address> made;
  const auto& v6 = answers.ipv6.records;
  const auto& v4 = answers.ipv4.records;
  for (std::size_t i = 0; i < std::max(v6.size(), v4.size()); ++i) {
    if (i < v6.size()) made.push_back(v6[i]);
    if (i < v4.size()) made.push_back(v4[i]);
  }
  return made;
}

// Why hosts were left out: the first of each kind.
struct Losses {
  std::string temporary;  // a query failed
  std::string bogus;      // an answer failed validation
  std::string refused;    // an address may not be used
  std::string missing;    // there is no address
};

class Selection final {
 public:
  Selection(const std::string& domain, const AddressRules& rules, std::size_t hosts)
      : domain_(domain),
        rules_(rules),
        max_of_host_(hosts > 1 ? Exchangers::max_of_host : rules.max_addresses) {}

  void add(const Host& host, const HostAnswers& answers) {
    const auto& v4 = answers.ipv4;
    const auto& v6 = answers.ipv6;
    Exchanger exchanger{host, {}};
    exchanger.is_secure =
        (v4.is_validated && !v4.records.empty()) || (v6.is_validated && !v6.records.empty());
    exchanger.alias_of = lower(v6.canonical_name.empty() ? v4.canonical_name : v6.canonical_name);
    auto all = interleave(answers);
    std::stable_partition(all.begin(), all.end(),
                          [this](const Address& address) { return rules_.preferred == address; });
    for (const auto& address : all) {
      const auto name = host.name + " [" + address.to_string() + "]: ";
      const auto refusal = rules_.refusal(address);
      if (!refusal.empty()) {
        lose(losses_.refused, name + refusal);
      } else if (exchanger.addresses.size() == max_of_host_ || count_ == rules_.max_addresses) {
        made_.notes.push_back(name + "over the limit of addresses");
      } else {
        exchanger.addresses.push_back(address);
        ++count_;
      }
    }
    note_missing(host, answers);
    note_answers(host, answers);
    if (!exchanger.addresses.empty()) made_.usable.push_back(std::move(exchanger));
  }
  // This server is `own`, one of the hosts.
  void leave_out_own(const Host& own) {
    made_.has_own = true;
    own_ = own.name;
    made_.notes.push_back(own.name + ": is this server");
  }
  void leave_out_behind_own(const Host& host) {
    made_.notes.push_back(host.name + ": is not preferred to this server");
  }
  Exchangers finish(bool is_implicit) && {
    if (made_.usable.empty()) made_.none = made_.has_own ? none_but_own() : none(is_implicit);
    return std::move(made_);
  }

 private:
  void lose(std::string& first, std::string text) {
    if (first.empty()) first = text;
    made_.notes.push_back(std::move(text));
  }
  void note_missing(const Host& host, const HostAnswers& answers) {
    const std::pair<const dns::Answer<Address>*, std::string_view> families[] = {
        {&answers.ipv6, "AAAA"}, {&answers.ipv4, "A"}};
    for (const auto& [answer, type] : families) {
      const auto text = with_reason(queried(host.name, type, *answer), *answer);
      if (answer->status == dns::Status::bogus) return lose(losses_.bogus, text);
      if (answer->status == dns::Status::temporary_failure) return lose(losses_.temporary, text);
    }
    if (answers.ipv4.records.empty() && answers.ipv6.records.empty())
      lose(losses_.missing, queried(host.name, "A and AAAA", answers.ipv4));
  }
  void note_answers(const Host& host, const HostAnswers& answers) {
    const auto text = [](const Address& address) { return address.to_string(); };
    made_.answers.push_back(answer_text("AAAA", host.name, answers.ipv6, text));
    made_.answers.push_back(answer_text("A", host.name, answers.ipv4, text));
  }
  [[nodiscard]] NoHost none_but_own() const {
    if (!losses_.temporary.empty() || !losses_.bogus.empty())
      return deferred("4.4.4 the hosts of " + domain_ +
                      " that precede this server have no address now");
    return refused("5.4.6 mail loop: " + own_ + ", to which mail for " + domain_ +
                   " goes, is this server");
  }
  [[nodiscard]] NoHost none(bool is_implicit) const {
    if (!losses_.temporary.empty()) return deferred("4.4.3 DNS failure: " + losses_.temporary);
    if (!losses_.bogus.empty()) return deferred("4.7.5 DNSSEC failure: " + losses_.bogus);
    if (!losses_.refused.empty())
      return refused("5.4.4 no host of " + domain_ + " may be connected to: " + losses_.refused);
    if (is_implicit)
      return refused("5.1.2 " + domain_ + " has no MX, A or AAAA record: " + losses_.missing);
    return refused("5.4.4 no host of " + domain_ + " has an address: " + losses_.missing);
  }

  const std::string& domain_;
  const AddressRules& rules_;
  Exchangers made_;
  Losses losses_;
  std::string own_;
  std::size_t max_of_host_;
  std::size_t count_ = 0;
};

bool is_own(const Host& host, const HostAnswers& answers, const AddressRules& rules) {
  const auto is_own_address = [&](const Address& one) { return rules.is_own_address(one); };
  return rules.is_own_name(host.name) ||
         std::any_of(answers.ipv4.records.begin(), answers.ipv4.records.end(), is_own_address) ||
         std::any_of(answers.ipv6.records.begin(), answers.ipv6.records.end(), is_own_address);
}

}  // namespace

namespace {

Hosts judge_hosts(const std::string& domain, const dns::Answer<dns::MxRecord>& answer,
                  std::uint64_t seed) {
  Hosts made;
  switch (answer.status) {
    case dns::Status::records:
      return hosts_of_records(domain, answer.records, seed);
    case dns::Status::no_data:
      made.hosts = {{domain, 0}};
      made.names = {domain};
      made.is_implicit = true;
      break;
    case dns::Status::no_domain:
      made.none =
          refused("5.1.2 there is no domain " + domain + ": " + queried(domain, "MX", answer));
      break;
    case dns::Status::temporary_failure:
      made.none =
          deferred("4.4.3 DNS failure: " + with_reason(queried(domain, "MX", answer), answer));
      break;
    case dns::Status::bogus:
      made.none =
          deferred("4.7.5 DNSSEC failure: " + with_reason(queried(domain, "MX", answer), answer));
      break;
  }
  return made;
}

}  // namespace

Hosts hosts_of(const std::string& domain, const dns::Answer<dns::MxRecord>& answer,
               std::uint64_t seed) {
  auto made = judge_hosts(domain, answer, seed);
  made.is_secure = answer.is_validated;
  made.alias_of = lower(answer.canonical_name);
  made.answer = answer_text("MX", domain, answer, [](const dns::MxRecord& record) {
    return std::to_string(record.preference) + ' ' +
           (record.is_null() ? std::string(".") : lower(without_dot(record.exchange)));
  });
  return made;
}

Exchangers exchangers_of(const std::string& domain, const Hosts& hosts,
                         const std::vector<HostAnswers>& answers, const AddressRules& rules,
                         const RankOf& rank_of) {
  Selection selection(domain, rules, hosts.hosts.size());
  const Host* own = nullptr;  // the one with the lowest preference: the hosts are in that order
  for (std::size_t i = 0; i < hosts.hosts.size() && own == nullptr; ++i)
    if (is_own(hosts.hosts[i], answers[i], rules)) own = &hosts.hosts[i];
  for (const auto rank : {Rank::first, Rank::usual, Rank::last}) {
    for (std::size_t i = 0; i < hosts.hosts.size(); ++i) {
      const auto& host = hosts.hosts[i];
      if ((rank_of ? rank_of(host.name) : Rank::usual) != rank) continue;
      if (own == nullptr || host.preference < own->preference)
        selection.add(host, answers[i]);
      else if (&host != own)
        selection.leave_out_behind_own(host);
    }
  }
  if (own != nullptr) selection.leave_out_own(*own);
  auto made = std::move(selection).finish(hosts.is_implicit);
  made.is_implicit = hosts.is_implicit;
  if (hosts.none) made.none = hosts.none;
  if (!hosts.answer.empty()) made.answers.insert(made.answers.begin(), hosts.answer);
  return made;
}

std::vector<std::string> facts_of(const Exchangers& found) {
  std::vector<std::string> facts;
  for (const auto& answer : found.answers) facts.push_back("dns: " + answer);
  for (const auto& one : found.usable) {
    auto& text =
        facts.emplace_back("mx: " + std::to_string(one.host.preference) + ' ' + one.host.name);
    for (const auto& address : one.addresses) text += ' ' + address.to_string();
  }
  for (const auto& note : found.notes) facts.push_back("left out: " + note);
  if (found.none) facts.push_back("no host: " + found.none->reason);
  return facts;
}

Exchangers exchangers_of_literal(const std::string& domain, const Address& address,
                                 const AddressRules& rules) {
  HostAnswers answers;
  answers.ipv4.status = answers.ipv6.status = dns::Status::no_data;
  auto& family = address.is_v4() ? answers.ipv4 : answers.ipv6;
  family.status = dns::Status::records;
  family.records = {address};
  Hosts hosts;
  hosts.hosts = {{address.to_string(), 0}};
  hosts.is_implicit = true;
  return exchangers_of(domain, hosts, {answers}, rules);
}

}  // namespace postroad::relay::mx
