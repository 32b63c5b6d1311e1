// Who may log in: a file of SCRAM-SHA-256 keys (RFC 5802, RFC 5803), never of passwords. A line a
// user:
//
//   name:SCRAM-SHA-256$4096:<salt>$<StoredKey>:<ServerKey>          # base64; a line that begins
//   with # is a comment
//
// The same keys serve PLAIN and LOGIN now and SCRAM later. Thread rule: a loaded Users is not
// changed; share it freely.
#pragma once

#include <map>
#include <postroad/secret.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace postroad::server {

struct ScramKeys {
  std::uint32_t iterations = 4096;
  std::string salt;
  std::string stored_key;
  std::string server_key;
  static ScramKeys derive(std::string_view password, std::string salt, std::uint32_t iterations);
  friend bool operator==(const ScramKeys&, const ScramKeys&) = default;
};

class Users final {
 public:
  /// Error: Fault::input with file and line, Fault::io. A file that others may read is refused:
  /// keys can be guessed at.
  static Result<Users> load(const std::string& path);
  /// Derives and compares: about 2 ms of CPU, the same for a user that does not exist. Run it off
  /// the loop.
  [[nodiscard]] bool check(std::string_view name, const Secret& password) const;
  [[nodiscard]] std::vector<std::string> names() const;

  /// Adds or replaces. Error: Fault::input for a name with a colon, a blank or a control character,
  /// or an empty password.
  Result<void> set(const std::string& name, const Secret& password);
  bool remove(const std::string& name) { return keys_.erase(name) > 0; }
  /// Writes to a new file beside `path`, syncs it and renames it into place; mode 0600.
  [[nodiscard]] Result<void> save(const std::string& path) const;

 private:
  std::map<std::string, ScramKeys, std::less<>> keys_;
  std::string decoy_salt_ = "postroad: nobody";
};

}  // namespace postroad::server
