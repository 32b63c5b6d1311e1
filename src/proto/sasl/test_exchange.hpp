// For tests: runs the two ends of a mechanism against each other, as SMTP would carry them. A
// function in between may alter each message.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "crypto/hmac_md5.hpp"
#include "proto/sasl/mechanism.hpp"

namespace postroad::sasl {

/// Users and passwords; few iterations, because the keys are derived often.
struct TestUsers {
  std::map<std::string, std::string> passwords;
  std::uint32_t iterations = 16;
  std::string salt = "salt of the test";

  [[nodiscard]] Keys keys(const std::string& user, std::string_view mechanism) const {
    const auto found = passwords.find(user);
    Keys keys;
    keys.is_known = found != passwords.end();
    const auto password = keys.is_known ? found->second : std::string("nobody's");
    const auto digest = mechanism.find("256") != std::string_view::npos ? crypto::Digest::sha256
                                                                        : crypto::Digest::sha1;
    keys.scram = ScramKeys::derive(digest, password, salt, iterations);
    keys.cram_md5 = crypto::hmac_md5_key(password);
    return keys;
  }
  [[nodiscard]] bool accept(const Credentials& it) const {
    const auto found = passwords.find(it.user);
    if (found == passwords.end()) return false;
    if (!it.authorize_as.empty() && it.authorize_as != it.user) return false;
    if (it.proven) return *it.proven;
    return found->second == (it.token.empty() ? it.password : it.token).reveal();
  }
};

/// One message: its number, whether the client sent it, and its text, which may be altered.
using InBetween = std::function<void(std::size_t number, bool is_clients, std::string& text)>;

struct Exchanged {
  std::optional<Credentials> credentials;  ///< as the server read them
  bool accepted = false;                   ///< by the server
  bool believed = false;                   ///< the client would take a 235 now
  bool cancelled = false;                  ///< by the client
  std::string error;                       ///< the server's, for a malformed message
  std::vector<std::string> said;           ///< by both, in order
};

inline Exchanged exchange(Client& client, Server& server, const TestUsers& users,
                          std::string_view mechanism, const InBetween& in_between = {},
                          bool initial_allowed = true) {
  Exchanged result;
  const auto carry = [&](bool is_clients, std::string text) {
    if (in_between) in_between(result.said.size(), is_clients, text);
    result.said.push_back(text);
    return text;
  };
  auto held = client.initial();
  auto step = held && initial_allowed
                  ? server.step(carry(true, std::exchange(held, std::nullopt)->response))
                  : server.step(std::nullopt);
  for (int i = 0; i < 20; ++i) {
    if (step.wants_keys_of) {
      step = server.take_keys(users.keys(*step.wants_keys_of, mechanism));
      continue;
    }
    std::optional<std::string> last_words;
    if (step.credentials) {
      result.credentials = step.credentials;
      result.accepted = users.accept(*step.credentials);
      last_words = result.accepted ? step.on_success : step.on_failure;
    }
    const auto& words = step.credentials ? last_words : step.challenge;
    if (!words) {
      result.error = step.error;
      break;
    }
    // SMTP holds back an initial response that does not fit; the first 334 asks for it.
    const auto challenge = carry(false, *words);
    const auto answer = held ? std::exchange(held, std::nullopt) : client.respond(challenge);
    if (!answer) {
      result.cancelled = true;
      break;
    }
    const auto text = carry(true, answer->response);
    if (step.credentials) break;
    step = server.step(text);
  }
  result.believed = client.doubt().empty();
  return result;
}

}  // namespace postroad::sasl
