// One message that is signed while it passes: its header is kept, its body is digested. Which keys
// sign may be decided at its end, when From is known. Used by DkimSigner and by a server at
// submission.
#pragma once

#include <array>
#include <postroad/dkim.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "mail/header/fields.hpp"
#include "mailauth/dkim/canonical.hpp"
#include "mailauth/dkim/message_scanner.hpp"

namespace postroad::dkim {

/// Error: Fault::input for an invalid domain, selector, identity or field name, or fields without
/// From.
Result<void> check_options(const DkimOptions& options);

/// Memory: the header, at most 1 MiB. One thread at a time.
class Signing final {
 public:
  /// The forms of the body that keys may ask for.
  explicit Signing(bool simple = true, bool relaxed = true) : wanted_{simple, relaxed} {}
  /// The next bytes of the message, with CRLF line ends, in pieces of any size.
  void take(std::string_view bytes);
  /// The message is complete. Error: Fault::input if it does not have exactly one From field or its
  /// header is longer than 1 MiB.
  Result<void> end();
  /// After end(): the fields of the header.
  [[nodiscard]] const std::vector<HeaderField>& fields() const noexcept { return fields_; }
  /// After end(): the signature field with its line ends. `options` are checked, and their form of
  /// the body is a wanted one.
  [[nodiscard]] std::string sign(const DkimKey& key, const DkimOptions& options) const;

 private:
  MessageScanner scanner_;
  std::array<bool, 2> wanted_;
  std::array<BodyDigest, 2> digests_{BodyDigest(DkimCanonicalization::simple),
                                     BodyDigest(DkimCanonicalization::relaxed)};
  std::array<std::string, 2> hashes_;
  std::vector<HeaderField> fields_;
};

}  // namespace postroad::dkim
