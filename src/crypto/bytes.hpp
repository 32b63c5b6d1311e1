// Strings as OpenSSL takes them, and the check of calls that fail only for lack of memory.
#pragma once

#include <cstdlib>
#include <string>
#include <string_view>

namespace postroad::crypto {

inline unsigned char* bytes_of(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}
inline const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
/// Ends the process unless `done`.
inline void require(bool done) {
  if (!done) std::abort();
}

}  // namespace postroad::crypto
