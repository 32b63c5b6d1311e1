// Who may log in: a file of keys (RFC 5802, RFC 5803), never of passwords. A line a key, and a
// user has one of SCRAM-SHA-256 at least:
//
//   name:SCRAM-SHA-256$4096:<salt>$<StoredKey>:<ServerKey>          # base64; a line that begins
//   name:SCRAM-SHA-1$4096:<salt>$<StoredKey>:<ServerKey>            # with # is a comment
//   name:CRAM-MD5$<key>
//   # decoys <secret>                                               # of unknown users' salts
//
// The keys of SCRAM-SHA-256 serve PLAIN, LOGIN and SCRAM-SHA-256; the others only those who were
// given them. Thread rule: a loaded Users is not changed; share it freely.
#pragma once

#include <map>
#include <optional>
#include <postroad/secret.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "proto/sasl/keys.hpp"

namespace postroad::server {

/// What a user is given beside the keys of SCRAM-SHA-256.
struct ExtraKeys {
  bool scram_sha_1 = false;
  bool cram_md5 = false;  ///< whoever reads this key can log in by CRAM-MD5
};

class Users final {
 public:
  /// Error: Fault::input with file and line, Fault::io. A file that others may read is refused:
  /// keys can be guessed at.
  static Result<Users> load(const std::string& path);
  /// Derives and compares: about 2 ms of CPU, the same for a user that does not exist. Run it off
  /// the loop.
  [[nodiscard]] bool check(std::string_view name, const Secret& password) const;
  /// The keys that a SASL mechanism needs of a user. Of one who is not known, or has none for it,
  /// they look the same at each call.
  [[nodiscard]] sasl::Keys keys(std::string_view name, std::string_view mechanism) const;
  /// Whether anybody has keys for it.
  [[nodiscard]] bool serves(std::string_view mechanism) const;
  [[nodiscard]] bool has(std::string_view name) const { return keys_.contains(name); }
  [[nodiscard]] std::vector<std::string> names() const;

  /// Adds or replaces. Error: Fault::input for a name with a colon, a blank or a control character,
  /// or an empty password.
  Result<void> set(const std::string& name, const Secret& password, ExtraKeys extra = {});
  bool remove(const std::string& name) { return keys_.erase(name) > 0; }
  /// Writes to a new file beside `path`, syncs it and renames it into place; mode 0600.
  [[nodiscard]] Result<void> save(const std::string& path) const;

  /// One line of the file; false: it is none.
  bool take_line(std::string_view line);

 private:
  struct User {
    sasl::ScramKeys scram_sha_256;
    std::optional<sasl::ScramKeys> scram_sha_1;
    std::string cram_md5;
  };
  std::map<std::string, User, std::less<>> keys_;
  // Decoys are made of it and the name. It stands in the file, as a salt that changes when the file
  // is read again would be nobody's.
  std::string decoy_ = crypto::random_octets(32);
};

}  // namespace postroad::server
