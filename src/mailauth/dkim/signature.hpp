// One DKIM-Signature field and one key record, read and checked (RFC 6376 §3.5, §3.6.1, §6.1.1,
// §6.1.2; RFC 8301; RFC 8463). What is wrong is told as a verdict, never as an error: a message
// with a bad signature is a message without one.
#pragma once

#include <postroad/dkim.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/key.hpp"
#include "mail/header/fields.hpp"

namespace postroad::dkim {

/// Owns its values: it outlives the header it was read from.
struct Signature {
  DkimVerdict verdict;  ///< filled as far as it could be read; `reason` says what is wrong
  bool is_usable = false;
  DkimAlgorithm algorithm = DkimAlgorithm::rsa_sha256;
  DkimCanonicalization header = DkimCanonicalization::simple;
  DkimCanonicalization body = DkimCanonicalization::simple;
  std::string body_hash;
  std::string octets;               ///< the signature itself
  std::vector<std::string> fields;  ///< h=, as they stand
  std::optional<std::uint64_t> length;
  std::optional<std::uint64_t> time;
  std::optional<std::uint64_t> expires;

  /// Where its key is published.
  [[nodiscard]] std::string question() const;
};

/// Whether `domain` is `parent` or below it; case ignored.
bool is_at_or_below(std::string_view domain, std::string_view parent) noexcept;

Signature parse_signature(const HeaderField& field);

/// What is signed: the fields named by `names`, each name taking the next occurrence from below
/// (§5.4.2), and then `own`, whose b= is empty, without its line end. `fields` is without `own`.
std::string digest_input(const std::vector<HeaderField>& fields,
                         const std::vector<std::string>& names, DkimCanonicalization form,
                         const HeaderField& own);
/// A field's text with the value of its b= taken out (§3.7).
std::string without_signature(std::string_view whole);

/// A published key; or why it cannot be used, as a verdict's reason.
struct KeyRecord {
  std::optional<crypto::PublicKey> key;
  std::string reason;
  bool testing = false;
  bool same_domain_only = false;  ///< t=s: i= must be at d= itself
};
KeyRecord parse_key_record(std::string_view record, DkimAlgorithm algorithm);

}  // namespace postroad::dkim
