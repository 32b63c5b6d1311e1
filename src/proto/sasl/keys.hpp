// Keys that a server stores in place of a password.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "crypto/digest.hpp"

namespace postroad::sasl {

/// RFC 5802 section 3: the keys verify a password and prove to the client that the server has them.
struct ScramKeys {
  std::uint32_t iterations = 4096;
  std::string salt;
  std::string stored_key;
  std::string server_key;
  /// About 2 ms of CPU at 4,096 iterations.
  static ScramKeys derive(crypto::Digest digest, std::string_view password, std::string salt,
                          std::uint32_t iterations);
  friend bool operator==(const ScramKeys&, const ScramKeys&) = default;
};

/// The keys of one user for one mechanism. For an unknown user they look the same and fit no
/// password.
struct Keys {
  ScramKeys scram;
  std::string cram_md5;  ///< crypto::hmac_md5_key
  bool is_known = false;
};

}  // namespace postroad::sasl
