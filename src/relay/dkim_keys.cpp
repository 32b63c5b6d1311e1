// See dkim_keys.hpp.
#include "relay/dkim_keys.hpp"

#include <algorithm>
#include <postroad/address.hpp>

#include "base/text.hpp"
#include "mailauth/dkim/signature.hpp"
#include "mailauth/dkim/signing.hpp"
#include "relay/routes/route_table.hpp"

namespace postroad::relay {

namespace {

// The domains of all addresses in From; empty if From is missing or cannot be parsed.
std::vector<std::string> domains_of_from(const std::vector<HeaderField>& fields) {
  const auto found = std::find_if(fields.begin(), fields.end(), [](const HeaderField& field) {
    return iequals(field.name, "From");
  });
  const auto list = found == fields.end() ? Result<std::vector<Address>>(std::vector<Address>())
                                          : parse_address_list(found->value());
  std::vector<std::string> domains;
  if (!list) return domains;
  for (const auto& one : *list) domains.push_back(canonical_domain(one.mailbox.domain));
  return domains;
}

}  // namespace

config::Section<DkimConfig> DkimConfig::declare() {
  config::Section<DkimConfig> s;
  s.option("domain", &DkimConfig::domain,
           "Messages whose reverse-path is in this domain, or below it, and whose From is in the "
           "domain of the reverse-path, or below it, are signed. In A-labels.");
  s.option("selector", &DkimConfig::selector,
           "Name of the key within the domain: the DNS has it at SELECTOR._domainkey.DOMAIN.");
  s.option("key_file", &DkimConfig::key_file,
           "Private key in PEM, as `postroad dkim keygen` writes it; read at the start and at each "
           "reload. Two tables of one domain sign with both keys, such as RSA and Ed25519.");
  return s;
}

Result<void> DkimKeys::add(const DkimConfig& config) {
  DkimOptions options;
  options.domain = lower(config.domain);
  options.selector = config.selector;
  if (auto fine = dkim::check_options(options); !fine) return fine.error();
  auto key = DkimKey::from_file(config.key_file.string());
  if (!key) return key.error();
  entries_.push_back({std::move(*key), std::move(options)});
  return {};
}

// Those of the longest domain that holds this one.
std::vector<const DkimKeys::Entry*> DkimKeys::find(std::string_view domain) const {
  std::vector<const Entry*> found;
  for (const auto& entry : entries_) {
    if (!dkim::is_at_or_below(domain, entry.options.domain)) continue;
    const auto length = entry.options.domain.size();
    if (!found.empty() && found.front()->options.domain.size() > length) continue;
    if (!found.empty() && found.front()->options.domain.size() < length) found.clear();
    found.push_back(&entry);
  }
  return found;
}

std::string DkimKeys::sign(const dkim::Signing& signing, std::string_view reverse_path) const {
  const auto at = reverse_path.rfind('@');
  if (at == std::string_view::npos) return {};
  const auto sender = canonical_domain(reverse_path.substr(at + 1));
  const auto from = domains_of_from(signing.fields());
  const bool is_own = !from.empty() && std::all_of(from.begin(), from.end(), [&](const auto& one) {
    return dkim::is_at_or_below(one, sender);
  });
  std::string fields;
  if (!is_own) return fields;
  for (const auto* entry : find(from.front()))
    if (dkim::is_at_or_below(sender, entry->options.domain))
      fields += signing.sign(entry->key, entry->options);
  return fields;
}

std::shared_ptr<const MessageSigner> DkimKeys::signer_for(std::string_view domain) const {
  const auto found = find(canonical_domain(domain));
  if (found.empty()) return nullptr;
  auto signer = std::make_shared<DkimSigner>();
  for (const auto* entry : found) (void)signer->add(entry->key, entry->options);
  return signer;
}

}  // namespace postroad::relay
