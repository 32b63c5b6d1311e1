// Canonicalization (RFC 6376 §3.4): the forms simple and relaxed, of header fields and of a
// streamed body. Not here: which fields are signed (digest_input in signature.hpp).
#pragma once

#include <postroad/dkim.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/digest.hpp"
#include "mail/header/fields.hpp"

namespace postroad::dkim {

/// Appends the canonical form of the field, with its CRLF.
void append_canonical(std::string& out, const HeaderField& field, DkimCanonicalization form);

/// SHA-256 of a canonical body. Memory: one block of 16 KiB. The result does not depend on how the
/// input is divided. One thread at a time.
class BodyDigest final {
 public:
  /// `limit`: how many bytes of the canonical body are digested (l=); unset: all.
  explicit BodyDigest(DkimCanonicalization form, std::optional<std::uint64_t> limit = std::nullopt)
      : form_(form), limit_(limit), hasher_(crypto::Digest::sha256) {}
  /// The next bytes of the body, with CRLF line ends, in pieces of any size.
  void take(std::string_view bytes);
  /// The body is complete: returns the digest. Call it once, and take() no more.
  std::string finish();
  /// Length of the canonical body in bytes; valid after finish().
  [[nodiscard]] std::uint64_t length() const noexcept { return length_; }

 private:
  void put_held();
  void put(std::string_view bytes);
  void flush();

  DkimCanonicalization form_;
  std::optional<std::uint64_t> limit_;
  crypto::Hasher hasher_;
  std::string block_;
  std::uint64_t lines_ = 0;  // held line ends: those at the end of the body do not count
  bool blank_ = false;       // a run of whitespace is held
  bool cr_ = false;          // a CR is held
  bool any_ = false;         // the body is not empty
  std::uint64_t length_ = 0;
};

}  // namespace postroad::dkim
