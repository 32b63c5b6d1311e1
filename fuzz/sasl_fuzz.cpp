// Any bytes as the other end of a SASL exchange, in every mechanism: no crash, no endless exchange,
// and no login without the right password.
#include <cstdint>
#include <string>
#include <string_view>

#include "crypto/hmac_md5.hpp"
#include "proto/sasl/mechanism.hpp"

namespace sasl = postroad::sasl;

namespace {

sasl::Keys keys() {
  static const auto made = [] {
    sasl::Keys all;
    all.scram =
        sasl::ScramKeys::derive(postroad::crypto::Digest::sha256, "not to be guessed", "salt", 1);
    all.cram_md5 = postroad::crypto::hmac_md5_key("not to be guessed");
    all.is_known = true;
    return all;
  }();
  return made;
}

// Messages are separated by a line feed.
std::string_view next(std::string_view& input) {
  const auto end = std::min(input.find('\n'), input.size());
  const auto message = input.substr(0, end);
  input.remove_prefix(std::min(end + 1, input.size()));
  return message;
}

void play_server(std::string_view name, const sasl::Context& context, std::string_view input) {
  const auto server = sasl::make_server(name, context);
  auto step = server->step(std::nullopt);
  for (int turn = 0; turn < 8 && !input.empty(); ++turn) {
    if (step.wants_keys_of) step = server->take_keys(keys());
    if (step.credentials) {
      if (step.credentials->proven.value_or(false) && name != "EXTERNAL") __builtin_trap();
      return;
    }
    if (!step.challenge) return;
    step = server->step(next(input));
  }
}

void play_client(std::string_view name, const sasl::Context& context, std::string_view input) {
  const sasl::Credentials credentials{.user = "user",
                                      .password = postroad::Secret("pencil"),
                                      .token = postroad::Secret("token"),
                                      .certificate = true};
  const auto client = sasl::make_client(name, credentials, context);
  (void)client->initial();
  for (int turn = 0; turn < 8 && !input.empty(); ++turn) {
    // The work that a server can request is bounded, but too long for a fuzzer.
    const auto challenge = next(input);
    if (challenge.find(",i=") != std::string_view::npos && challenge.size() > 40) return;
    if (!client->respond(challenge)) return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto& names = sasl::mechanisms();
  const auto name = names[data[0] % names.size()];
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  sasl::Context context;
  context.binding = {"exporter", "end point"};
  context.binding_is_offered = (data[0] & 0x80) != 0;
  context.host = "mail.example";
  context.peer_name = "peer";
  context.nonce = "nonce";
  play_server(name, context, input);
  play_client(name, context, input);
  return 0;
}
