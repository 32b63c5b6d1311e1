// See route_table.hpp.
#include "relay/routes/route_table.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "mail/address/idn.hpp"
#include "mail/address/mailbox.hpp"

namespace postroad::relay {

namespace {

constexpr std::string_view any_domain = "*";
constexpr std::string_view null_path = "<>";

Error invalid(std::string_view entry, std::string_view forms) {
  return fail(Fault::input, '\'' + printable(entry, 80) + '\'',
              "not in one of the forms " + std::string(forms));
}

Result<std::string> parse_domain(std::string_view entry) {
  if (entry == any_domain) return std::string(entry);
  const bool is_below = entry.starts_with('.');
  const auto name = canonical_domain(entry.substr(is_below ? 1 : 0));
  if (!mail::is_domain(name)) return invalid(entry, "example.org, .example.org and *");
  return (is_below ? "." : "") + name;
}

// The local part is case-sensitive (RFC 5321 section 2.4), the domain is not.
Result<std::string> parse_sender(std::string_view entry) {
  if (entry == null_path) return std::string(entry);
  const auto at = entry.rfind('@');
  const auto local = entry.substr(0, at);
  const auto domain =
      at == std::string_view::npos ? std::string() : canonical_domain(entry.substr(at + 1));
  const bool is_address = local.empty() || Mailbox::parse(entry).has_value();
  if (!is_address || !mail::is_domain(domain))
    return invalid(entry, "ann@example.org, @example.org and <>");
  return std::string(local) + '@' + domain;
}

bool matches_domain(const std::string& pattern, const std::string& domain) {
  if (pattern == any_domain) return true;
  return pattern.starts_with('.') ? domain.ends_with(pattern) : domain == pattern;
}

bool matches_sender(const std::string& pattern, const std::string& sender) {
  return pattern.starts_with('@') ? sender.ends_with(pattern) : sender == pattern;
}

bool matches_login(const std::string& pattern, const std::string& login) {
  if (login.empty()) return false;
  if (pattern == any_domain) return true;
  return pattern.starts_with('@') ? login.ends_with(pattern) : login == pattern;
}

std::string canonical_sender(std::string_view sender) {
  if (sender.empty()) return std::string(null_path);
  const auto at = sender.rfind('@');
  if (at == std::string_view::npos) return std::string(sender);
  return std::string(sender.substr(0, at)) + '@' + canonical_domain(sender.substr(at + 1));
}

}  // namespace

std::string canonical_domain(std::string_view domain) {
  const auto ascii = mail::to_ascii_domain(domain);
  return lower(ascii ? *ascii : domain);
}

Result<RouteTable> RouteTable::make(const std::vector<RouteMatch>& routes) {
  RouteTable made;
  for (const auto& route : routes) {
    auto& row = made.rows_.emplace_back();
    for (const auto& entry : route.domains) {
      auto domain = parse_domain(entry);
      if (!domain) return domain.error();
      made.names_domains_ =
          made.names_domains_ || (*domain != any_domain && !domain->starts_with('.'));
      row.domains.push_back(std::move(*domain));
    }
    for (const auto& entry : route.senders) {
      auto sender = parse_sender(entry);
      if (!sender) return sender.error();
      row.senders.push_back(std::move(*sender));
    }
    for (const auto& entry : route.logins) {
      if (entry.empty() || entry == "@") return invalid(entry, "ann, @example.org and *");
      row.logins.push_back(lower(entry));
    }
  }
  return made;
}

std::optional<std::size_t> RouteTable::find(RouteOrigin origin, const Mailbox& recipient,
                                            bool is_local) const {
  if (is_local && !names_domains_) return std::nullopt;  // the usual case costs nothing
  const auto domain = canonical_domain(recipient.domain);
  const auto from = canonical_sender(origin.sender);
  const auto login = lower(origin.login);
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const auto& [domains, senders, logins] = rows_[i];
    const auto is_domain = [&](const std::string& pattern) {
      return is_local ? pattern == domain : matches_domain(pattern, domain);
    };
    const auto is_sender = [&](const std::string& pattern) {
      return matches_sender(pattern, from);
    };
    const bool has_domain =
        domains.empty() ? !is_local : std::any_of(domains.begin(), domains.end(), is_domain);
    const bool has_sender =
        senders.empty() || std::any_of(senders.begin(), senders.end(), is_sender);
    const bool has_login = logins.empty() || std::any_of(logins.begin(), logins.end(),
                                                         [&](const std::string& pattern) {
                                                           return matches_login(pattern, login);
                                                         });
    if (has_domain && has_sender && has_login) return i;
  }
  return std::nullopt;
}

}  // namespace postroad::relay
