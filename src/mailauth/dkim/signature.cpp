// Parsing of signatures and key records; see signature.hpp.
#include "mailauth/dkim/signature.hpp"

#include <algorithm>
#include <map>

#include "base/text.hpp"
#include "mail/address/mailbox.hpp"
#include "mailauth/dkim/canonical.hpp"
#include "mailauth/dkim/tags.hpp"

namespace postroad::dkim {

namespace {

constexpr unsigned least_rsa_bits = 1024;  // RFC 8301 §3.2
constexpr std::size_t max_fields = 500;    // names in h=, because each is searched in the header

std::optional<DkimCanonicalization> canonicalization_of(std::string_view word) {
  if (word == "simple") return DkimCanonicalization::simple;
  if (word == "relaxed") return DkimCanonicalization::relaxed;
  return std::nullopt;
}

// c=header[/body]; the default of each is simple.
bool read_canonicalization(Signature& signature, std::string_view value) {
  if (value.empty()) return true;
  const auto slash = value.find('/');
  const auto header = canonicalization_of(value.substr(0, slash));
  const auto body = slash == std::string_view::npos ? DkimCanonicalization::simple
                                                    : canonicalization_of(value.substr(slash + 1));
  if (!header || !body) return false;
  signature.header = *header;
  signature.body = *body;
  return true;
}

bool read_number(const TagList& tags, std::string_view name, std::optional<std::uint64_t>& into) {
  const auto* tag = tags.find(name);
  if (tag == nullptr) return true;
  if (const auto number = parse_number(tag->value)) into = *number;
  return into.has_value();
}

// The names of h=, separated by colons.
std::vector<std::string> read_fields(std::string_view value) {
  std::vector<std::string> names;
  for (const auto part : split(value, ':')) names.emplace_back(trim_folds(part));
  return names;
}

std::string read_identity(Signature& signature, const TagList& tags) {
  auto& verdict = signature.verdict;
  const auto* tag = tags.find("i");
  verdict.identity = tag == nullptr ? '@' + verdict.domain : std::string(tag->value);
  const auto at = verdict.identity.rfind('@');
  if (at == std::string::npos) return "i= has no @";
  if (!is_at_or_below(std::string_view(verdict.identity).substr(at + 1), verdict.domain))
    return "the domain of i= is neither d= nor a subdomain of it";
  return {};
}

// The first problem as a sentence; empty if there is none.
std::string read(Signature& signature, const TagList& tags) {
  auto& verdict = signature.verdict;
  verdict.domain = tags.value("d");
  verdict.selector = tags.value("s");
  verdict.algorithm = tags.value("a");
  if (tags.value("v") != "1") return "v= is not 1";
  for (const auto* name : {"a", "b", "bh", "d", "h", "s"}) {
    if (tags.value(name).empty()) return std::string(name) + "= is missing";
  }
  if (!mail::is_domain(verdict.domain) || !mail::is_domain(verdict.selector))
    return "d= or s= is not a domain name";
  if (verdict.algorithm == "rsa-sha1") return "rsa-sha1 is no longer accepted (RFC 8301)";
  if (verdict.algorithm != "rsa-sha256" && verdict.algorithm != "ed25519-sha256")
    return "unknown algorithm in a=";
  signature.algorithm =
      verdict.algorithm == "rsa-sha256" ? DkimAlgorithm::rsa_sha256 : DkimAlgorithm::ed25519_sha256;
  const auto body_hash = base64_decode(without_blanks(tags.value("bh")));
  const auto bytes = base64_decode(without_blanks(tags.value("b")));
  if (!body_hash || !bytes) return "b= or bh= is not base64";
  signature.body_hash = *body_hash;
  signature.bytes = *bytes;
  if (!read_canonicalization(signature, tags.value("c"))) return "unknown canonicalization in c=";
  if (!read_number(tags, "l", signature.length)) return "l= is not a number";
  if (!read_number(tags, "t", signature.time)) return "t= is not a number";
  if (!read_number(tags, "x", signature.expires)) return "x= is not a number";
  if (signature.time && signature.expires && *signature.expires < *signature.time)
    return "x= is before t=";
  const auto* query = tags.find("q");
  if (query != nullptr && query->value.find("dns/txt") == std::string_view::npos)
    return "q= does not contain dns/txt";
  signature.fields = read_fields(tags.value("h"));
  if (signature.fields.size() > max_fields) return "h= has more than 500 names";
  if (std::none_of(signature.fields.begin(), signature.fields.end(),
                   [](const std::string& name) { return iequals(name, "From"); }))
    return "From is not signed";
  return read_identity(signature, tags);
}

bool lists(std::string_view value, std::string_view word) {
  const auto words = split(value, ':');
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view one) { return trim_folds(one) == word; });
}

std::string check_record(const TagList& tags, DkimAlgorithm algorithm) {
  const auto* version = tags.find("v");
  if (version != nullptr && (version != &tags.front() || version->value != "DKIM1"))
    return "the key record does not begin with v=DKIM1";
  const auto kind = tags.find("k") == nullptr ? "rsa" : tags.value("k");
  if (kind != (algorithm == DkimAlgorithm::rsa_sha256 ? "rsa" : "ed25519"))
    return "the key type differs from the algorithm of the signature";
  if (tags.find("h") != nullptr && !lists(tags.value("h"), "sha256"))
    return "the key record does not allow sha256 (h=)";
  if (tags.find("s") != nullptr && !lists(tags.value("s"), "*") && !lists(tags.value("s"), "email"))
    return "the key record does not allow email (s=)";
  if (tags.find("p") == nullptr) return "the key record has no p=";
  if (tags.value("p").empty()) return "the key is revoked (empty p=)";
  return {};
}

}  // namespace

bool is_at_or_below(std::string_view domain, std::string_view parent) noexcept {
  if (domain.size() == parent.size()) return iequals(domain, parent);
  return domain.size() > parent.size() + 1 && domain[domain.size() - parent.size() - 1] == '.' &&
         iequals(domain.substr(domain.size() - parent.size()), parent);
}

std::string Signature::question() const {
  return lower(verdict.selector + "._domainkey." + verdict.domain);
}

Signature parse_signature(const HeaderField& field) {
  Signature signature;
  signature.verdict.result = DkimResult::permerror;
  const auto tags = TagList::parse(field.body);
  if (!tags) {
    signature.verdict.result = DkimResult::neutral;
    signature.verdict.reason = "the field is not a valid tag list";
    return signature;
  }
  signature.verdict.reason = read(signature, *tags);
  signature.is_usable = signature.verdict.reason.empty();
  return signature;
}

std::string digest_input(const std::vector<HeaderField>& fields,
                         const std::vector<std::string>& names, DkimCanonicalization form,
                         const HeaderField& own) {
  // The occurrences of each name, from the top; the last one is used first.
  std::map<std::string, std::vector<const HeaderField*>> left;
  for (const auto& field : fields) left[lower(field.name)].push_back(&field);
  std::string out;
  for (const auto& name : names) {
    const auto found = left.find(lower(name));
    if (found == left.end() || found->second.empty()) continue;
    append_canonical(out, *found->second.back(), form);
    found->second.pop_back();
  }
  append_canonical(out, own, form);
  out.resize(out.size() - 2);  // without the final CRLF (§3.7)
  return out;
}

std::string without_signature(std::string_view whole) {
  const auto colon = whole.find(':');
  const auto body = whole.substr(std::min(whole.size(), colon + 1));
  const auto tags = TagList::parse(body);
  const auto* tag = tags ? tags->find("b") : nullptr;
  if (tag == nullptr) return std::string(whole);
  const auto begin = static_cast<std::size_t>(tag->raw.data() - whole.data());
  return std::string(whole.substr(0, begin)) + std::string(whole.substr(begin + tag->raw.size()));
}

KeyRecord parse_key_record(std::string_view record, DkimAlgorithm algorithm) {
  KeyRecord found;
  const auto tags = TagList::parse(record);
  if (!tags || tags->empty()) {
    found.reason = "the key record is not a valid tag list";
    return found;
  }
  found.reason = check_record(*tags, algorithm);
  if (!found.reason.empty()) return found;
  found.testing = lists(tags->value("t"), "y");
  found.same_domain_only = lists(tags->value("t"), "s");
  const bool rsa = algorithm == DkimAlgorithm::rsa_sha256;
  const auto bytes = base64_decode(without_blanks(tags->value("p")));
  auto key = bytes ? crypto::PublicKey::parse(rsa ? crypto::KeyKind::rsa : crypto::KeyKind::ed25519,
                                              *bytes)
                   : Result<crypto::PublicKey>(fail(Fault::input, "p=", "not base64"));
  if (!key) {
    found.reason = "the published key is invalid: " + key.error().detail;
  } else if (rsa && key->bits() < least_rsa_bits) {
    found.reason = "the key has fewer than 1024 bits (RFC 8301)";
  } else {
    found.key = *key;
  }
  return found;
}

}  // namespace postroad::dkim
