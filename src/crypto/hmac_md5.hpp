// HMAC-MD5 with a key that is kept in place of the password: the states of MD5 behind the inner and
// the outer pad. For CRAM-MD5 and nothing else.
#pragma once

#include <string>
#include <string_view>

namespace postroad::crypto {

/// 32 octets, from which the password cannot be read but with which CRAM-MD5 can be passed.
std::string hmac_md5_key(std::string_view password);
/// In lower-case hex; empty for a `key` of another size than 32 octets, which nothing fits.
std::string hmac_md5(std::string_view key, std::string_view octets);

}  // namespace postroad::crypto
