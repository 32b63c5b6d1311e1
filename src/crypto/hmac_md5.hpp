// HMAC-MD5 with a key that is stored in place of the password: the states of MD5 after the inner
// and the outer pad. For CRAM-MD5 only.
#pragma once

#include <string>
#include <string_view>

namespace postroad::crypto {

/// 32 bytes that can log in by CRAM-MD5 but do not reveal the password.
std::string hmac_md5_key(std::string_view password);
/// In lower-case hex; empty, which matches no response, unless `key` has 32 bytes.
std::string hmac_md5(std::string_view key, std::string_view bytes);

}  // namespace postroad::crypto
