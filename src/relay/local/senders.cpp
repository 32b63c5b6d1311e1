// The table of senders; see senders.hpp.
#include "relay/local/senders.hpp"

#include <optional>

#include "base/text.hpp"

namespace postroad::relay {

Result<Senders> Senders::make(const std::vector<std::string>& entries,
                              const std::vector<std::string>& local_domains,
                              std::string_view plus) {
  std::optional<Error> first;
  auto senders = make(entries, local_domains, plus, [&](std::string_view, const Error& error) {
    if (!first) first = error;
  });
  if (first) return *first;
  return senders;
}

Senders Senders::make(const std::vector<std::string>& entries,
                      const std::vector<std::string>& local_domains, std::string_view plus,
                      const ReportProblem& report) {
  Senders senders;
  senders.plus_ = plus;
  for (const auto& domain : local_domains) senders.domains_.insert(lower(domain));
  for (const auto& entry : entries) {
    const auto wrong = [&](const std::string& why) {
      report("senders", fail(Fault::input, "'" + printable(entry, 120) + "'", why));
    };
    const auto colon = entry.find(':');
    if (colon == std::string::npos || trim(std::string_view(entry).substr(0, colon)).empty()) {
      wrong("the form is login: address, @domain");
      continue;
    }
    auto& names = senders.further_[lower(trim(std::string_view(entry).substr(0, colon)))];
    for (const auto part : split(std::string_view(entry).substr(colon + 1), ',')) {
      const auto text = lower(trim(part));
      const auto parsed = Mailbox::parse(text.starts_with('@') ? "any" + text : text);
      if (parsed)
        names.insert(text);
      else
        wrong("'" + printable(text, 120) +
              "' is neither an address nor @domain: " + parsed.error().detail);
    }
  }
  return senders;
}

bool Senders::may_use(std::string_view login, const Mailbox& reverse_path) const {
  if (reverse_path.is_null()) return true;
  const auto name = lower(login);
  const auto domain = lower(reverse_path.domain);
  const auto address = lower(reverse_path.local) + '@' + domain;
  if (address == name) return true;
  if (domains_.contains(domain)) {
    const auto local = lower(reverse_path.local);
    const auto tag = local.find_first_of(plus_, 1);
    if (local == name || local.substr(0, tag) == name) return true;
  }
  const auto found = further_.find(name);
  return found != further_.end() &&
         (found->second.contains(address) || found->second.contains('@' + domain));
}

}  // namespace postroad::relay
