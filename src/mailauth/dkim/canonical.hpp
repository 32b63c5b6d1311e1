// The two forms in which octets are digested (RFC 6376 §3.4), of header fields and of a body that
// streams by. Not here: which fields (digest_input in signature.hpp).
#pragma once

#include <postroad/dkim.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/digest.hpp"
#include "mail/header/fields.hpp"

namespace postroad::dkim {

/// Appends the field in its form, ended with CRLF.
void append_canonical(std::string& out, const HeaderField& field, DkimCanonicalization form);

/// SHA-256 of a body. Memory: one block, whatever the body.
class BodyDigest final {
 public:
  /// `limit`: only so many octets of the canonical body are digested (l=).
  explicit BodyDigest(DkimCanonicalization form, std::optional<std::uint64_t> limit = std::nullopt)
      : form_(form), limit_(limit), hasher_(crypto::Digest::sha256) {}
  void take(std::string_view octets);
  /// The digest; the object is used up.
  std::string finish();
  /// Octets of the canonical body. After finish().
  [[nodiscard]] std::uint64_t length() const noexcept { return length_; }

 private:
  void put_held();
  void put(std::string_view octets);
  void flush();

  DkimCanonicalization form_;
  std::optional<std::uint64_t> limit_;
  crypto::Hasher hasher_;
  std::string block_;
  std::uint64_t lines_ = 0;  // line ends that are held back: they may be the body's last
  bool blank_ = false;       // a run of white space is held back
  bool cr_ = false;          // a CR is held back
  bool any_ = false;         // something was digested
  std::uint64_t length_ = 0;
};

}  // namespace postroad::dkim
