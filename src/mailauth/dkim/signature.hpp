// Parses and checks one DKIM-Signature field and one key record (RFC 6376 §3.5, §3.6.1, §6.1.1,
// §6.1.2; RFC 8301; RFC 8463). Problems are reported as a verdict, not as an Error, because a
// message with an invalid signature counts as unsigned (§6.1). Not here: verification (verify.cpp).
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

/// A parsed signature. It owns its values and may outlive the header.
struct Signature {
  DkimVerdict verdict;     ///< filled as far as the field could be read; `reason` is the problem
  bool is_usable = false;  ///< no problem so far: the key decides
  DkimAlgorithm algorithm = DkimAlgorithm::rsa_sha256;
  DkimCanonicalization header = DkimCanonicalization::simple;
  DkimCanonicalization body = DkimCanonicalization::simple;
  std::string body_hash;
  std::string bytes;                     ///< the signature itself
  std::vector<std::string> fields;       ///< names of h=, in order
  std::optional<std::uint64_t> length;   ///< l=, in bytes of the canonical body
  std::optional<std::uint64_t> time;     ///< t=, in seconds since 1970
  std::optional<std::uint64_t> expires;  ///< x=, in seconds since 1970

  /// The DNS name of its key record.
  [[nodiscard]] std::string question() const;
};

/// Whether `domain` equals `parent` or is a subdomain of it (case-insensitive).
bool is_at_or_below(std::string_view domain, std::string_view parent) noexcept;

/// Parses a DKIM-Signature field. Never fails; see Signature::is_usable.
Signature parse_signature(const HeaderField& field);

/// The bytes that are signed (§3.7): the fields of `names`, each name taking the next occurrence
/// from the bottom (§5.4.2), then `own`, with an empty b= and without its line end. `fields` does
/// not contain `own`.
std::string digest_input(const std::vector<HeaderField>& fields,
                         const std::vector<std::string>& names, DkimCanonicalization form,
                         const HeaderField& own);
/// The text of a signature field with an empty value of b= (§3.7).
std::string without_signature(std::string_view whole);

/// A parsed key record.
struct KeyRecord {
  std::optional<crypto::PublicKey> key;  ///< unset if the key cannot be used
  std::string reason;                    ///< why it cannot be used
  bool testing = false;                  ///< t=y
  bool same_domain_only = false;         ///< t=s: the domain of i= must equal d=
};
/// Parses a TXT record (§3.6.1) for a signature with `algorithm`. Never fails; see
/// KeyRecord::reason.
KeyRecord parse_key_record(std::string_view record, DkimAlgorithm algorithm);

}  // namespace postroad::dkim
