// HMAC-MD5; see hmac_md5.hpp. EVP cannot store a state of MD5, so the older calls are used.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/hmac_md5.hpp"

#include <openssl/md5.h>

#include <array>
#include <cstdint>

#include "crypto/digest.hpp"

namespace postroad::crypto {

namespace {

constexpr std::size_t block = 64;
constexpr std::size_t state_size = 16;

std::string md5(std::string_view bytes) {
  std::string out(MD5_DIGEST_LENGTH, '\0');
  MD5(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
      reinterpret_cast<unsigned char*>(out.data()));
  return out;
}

// The state after one block, in the byte order of an MD5 digest.
std::string state_behind(std::string pad) {
  MD5_CTX context;
  MD5_Init(&context);
  MD5_Update(&context, pad.data(), pad.size());
  std::string out;
  for (const std::uint32_t word : {context.A, context.B, context.C, context.D}) {
    for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>((word >> shift) & 0xff);
  }
  return out;
}

std::string finish(std::string_view state, std::string_view bytes) {
  MD5_CTX context;
  MD5_Init(&context);
  std::array<std::uint32_t, 4> words{};
  for (std::size_t i = 0; i < state_size; ++i)
    words[i / 4] |= static_cast<std::uint32_t>(static_cast<unsigned char>(state[i])) << (i % 4 * 8);
  context.A = words[0];
  context.B = words[1];
  context.C = words[2];
  context.D = words[3];
  context.Nl = block * 8;
  MD5_Update(&context, bytes.data(), bytes.size());
  std::string out(MD5_DIGEST_LENGTH, '\0');
  MD5_Final(reinterpret_cast<unsigned char*>(out.data()), &context);
  return out;
}

std::string padded(std::string key, unsigned char pad) {
  key.resize(block, '\0');
  for (auto& c : key) c = static_cast<char>(static_cast<unsigned char>(c) ^ pad);
  return key;
}

}  // namespace

std::string hmac_md5_key(std::string_view password) {
  const auto key = password.size() > block ? md5(password) : std::string(password);
  return state_behind(padded(key, 0x36)) + state_behind(padded(key, 0x5c));
}

std::string hmac_md5(std::string_view key, std::string_view bytes) {
  if (key.size() != 2 * state_size) return {};
  return hex(finish(key.substr(state_size), finish(key.substr(0, state_size), bytes)));
}

}  // namespace postroad::crypto
