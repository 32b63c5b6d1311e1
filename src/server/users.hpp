// The users' file: keys (RFC 5802, RFC 5803), never passwords. One key per line; every user has at
// least that of SCRAM-SHA-256:
//
//   name:SCRAM-SHA-256$4096:<salt>$<StoredKey>:<ServerKey>          # base64; a line that begins
//   name:SCRAM-SHA-1$4096:<salt>$<StoredKey>:<ServerKey>            # with # is a comment
//   name:CRAM-MD5$<key>
//   # decoys <secret>                                               # makes unknown users' salts
//
// The keys of SCRAM-SHA-256 serve PLAIN, LOGIN and SCRAM-SHA-256. Those of other mechanisms are
// added for a user on request. Thread rule: a loaded Users is not changed; share it freely.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <postroad/secret.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "proto/sasl/keys.hpp"

namespace postroad::server {

/// Keys beside those of SCRAM-SHA-256.
struct ExtraKeys {
  bool scram_sha_1 = false;
  bool cram_md5 = false;  ///< this key alone is enough to log in by CRAM-MD5
};

class Users final {
 public:
  /// Error: Fault::data with file and line, Fault::io. A file that others may read is refused:
  /// passwords can be guessed from keys.
  static Result<Users> load(const std::string& path);
  /// Derives the key and compares: about 2 ms of CPU, the same for an unknown user. Run it off the
  /// loop.
  [[nodiscard]] bool check(std::string_view name, const Secret& password) const;
  /// The keys that a SASL mechanism needs of a user. For a user who is not known, or has none for
  /// it, decoys that are the same at each call.
  [[nodiscard]] sasl::Keys keys(std::string_view name, std::string_view mechanism) const;
  /// Whether any user has keys for it.
  [[nodiscard]] bool serves(std::string_view mechanism) const;
  [[nodiscard]] bool has(std::string_view name) const { return keys_.contains(name); }
  [[nodiscard]] std::vector<std::string> names() const;

  /// Whether a user may have this name. Error: Fault::input for a name with a colon, a space or a
  /// control character.
  static Result<void> check_name(std::string_view name);
  /// Adds or replaces. Error: of `check_name`; Fault::input for an empty password or one that
  /// SASLprep prohibits.
  Result<void> set(const std::string& name, const Secret& password, ExtraKeys extra = {});
  bool remove(const std::string& name) { return keys_.erase(name) > 0; }
  /// Writes a new file beside `path`, syncs it, renames it into place and syncs the folder; mode
  /// 0600. After an error nothing is left beside it. One at a time: see `change`.
  [[nodiscard]] Result<void> save(const std::string& path) const;
  /// Loads the file (a missing one has no users), calls `edit` and saves, while no other `change`
  /// of any process runs: `path`.lock is locked meanwhile and stays. Blocks until the others are
  /// done. Error: of `edit`, and then the file is unchanged; of `load` and `save`.
  static Result<void> change(const std::string& path,
                             const std::function<Result<void>(Users&)>& edit);

  /// Takes one line of the file; false: it is malformed.
  bool take_line(std::string_view line);

 private:
  struct User {
    sasl::ScramKeys scram_sha_256;
    std::optional<sasl::ScramKeys> scram_sha_1;
    std::string cram_md5;
  };
  std::map<std::string, User, std::less<>> keys_;
  // Decoys are made of it and the name. It is kept in the file: a salt that changes when the file
  // is read again would betray an unknown user.
  std::string decoy_ = crypto::random_bytes(32);
};

}  // namespace postroad::server
