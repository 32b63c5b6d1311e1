// SCRAM (RFC 5802, RFC 7677), both ends, with channel binding (RFC 5929, RFC 9266).
//
//   gs2-header    ( "n" / "y" / "p=" cb-name ) "," [ "a=" saslname ] ","
//   client-first  gs2-header "n=" saslname ",r=" nonce
//   server-first  "r=" nonces ",s=" salt ",i=" iterations
//   client-final  "c=" base64(gs2-header channel-data) ",r=" nonces ",p=" proof
//   server-final  "v=" signature
//
// Limits: the iterations that a server may request, because they cost the client CPU.
#include "base/text.hpp"
#include "proto/sasl/makers.hpp"
#include "proto/sasl/names.hpp"
#include "proto/sasl/prepare.hpp"

namespace postroad::sasl {

using crypto::Digest;

namespace {

constexpr std::uint32_t most_iterations = 1'000'000;
constexpr std::size_t nonce_bytes = 18;

std::string exclusive_or(std::string_view a, std::string_view b) {
  std::string out(a);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<char>(out[i] ^ b[i]);
  return out;
}

std::string make_nonce(const Context& context) {
  return context.nonce.empty() ? base64_encode(crypto::random_bytes(nonce_bytes)) : context.nonce;
}

bool is_nonce(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](char c) { return c > ' ' && c < 0x7f && c != ','; });
}

// Takes an attribute and its comma from the front; returns its value.
std::optional<std::string_view> take(std::string_view& text, char name) {
  if (text.size() < 2 || text[0] != name || text[1] != '=') return std::nullopt;
  const auto end = std::min(text.find(','), text.size());
  const auto value = text.substr(2, end - 2);
  text.remove_prefix(std::min(end + 1, text.size()));
  return value;
}

std::string_view binding_name(const ChannelBinding& binding) {
  return binding.exporter.empty() ? "tls-server-end-point" : "tls-exporter";
}

class ScramServer final : public Server {
 public:
  ScramServer(Digest digest, bool plus, Context context)
      : digest_(digest), plus_(plus), context_(std::move(context)) {}

  Move step(std::optional<std::string_view> response) override {
    Move move;
    if (!response) {
      move.challenge = "";
    } else if (nonce_.empty()) {
      take_first(*response, move);
    } else {
      take_final(*response, move);
    }
    return move;
  }

  Move take_keys(const Keys& keys) override {
    keys_ = keys;
    server_first_ = "r=" + nonce_ + ",s=" + base64_encode(keys.scram.salt) +
                    ",i=" + std::to_string(keys.scram.iterations);
    Move move;
    move.challenge = server_first_;
    return move;
  }

 private:
  void take_first(std::string_view text, Move& move) {
    const auto first = text.find(',');
    const auto second = first == std::string_view::npos ? first : text.find(',', first + 1);
    if (second == std::string_view::npos || !is_utf8(text) ||
        text.find('\0') != std::string_view::npos) {
      move.error = "SCRAM needs a GS2 header, a user and a nonce";
      return;
    }
    gs2_ = text.substr(0, second + 1);
    const auto flag = text.substr(0, first);
    if (auto wrong = check_flag(flag); !wrong.empty()) {
      move.error = std::move(wrong);
      return;
    }
    auto as = text.substr(first + 1, second - first - 1);
    if (!as.empty()) {
      const auto name = as.starts_with("a=") ? decode_saslname(as.substr(2)) : std::nullopt;
      if (!name) {
        move.error = "SCRAM: malformed authorization identity";
        return;
      }
      authorize_as_ = *name;
    }
    client_first_ = text.substr(second + 1);
    std::string_view rest = client_first_;
    const auto user = take(rest, 'n');
    const auto nonce = take(rest, 'r');
    const auto name = user ? decode_saslname(*user) : std::nullopt;
    if (!name || !nonce || !is_nonce(*nonce)) {
      move.error = "SCRAM needs n= and r=; extensions are not supported";
      return;
    }
    user_ = *name;
    nonce_ = std::string(*nonce) + make_nonce(context_);
    move.wants_keys_of = user_;
  }

  std::string check_flag(std::string_view flag) {
    if (plus_ != flag.starts_with("p="))
      return "SCRAM: the channel binding flag does not fit the mechanism";
    if (!plus_) {
      if (flag == "y" && context_.binding_is_offered)
        return "SCRAM: the client did not see -PLUS, which is offered: possible attack on the "
               "connection";
      return flag == "n" || flag == "y" ? "" : "SCRAM: malformed channel binding flag";
    }
    const auto name = flag.substr(2);
    if (name == "tls-exporter") binding_ = context_.binding.exporter;
    if (name == "tls-server-end-point") binding_ = context_.binding.end_point;
    return binding_.empty() ? "SCRAM: channel binding type not available" : "";
  }

  void take_final(std::string_view text, Move& move) {
    auto rest = text;
    const auto channel = take(rest, 'c');
    const auto nonce = take(rest, 'r');
    const auto proof_at = text.rfind(",p=");
    const auto proof = proof_at == std::string_view::npos
                           ? std::nullopt
                           : base64_decode(text.substr(proof_at + 3));
    if (!channel || !nonce || !proof || proof->size() != crypto::size_of(digest_)) {
      move.error = "SCRAM needs c=, r= and p=";
      return;
    }
    const auto message =
        client_first_ + ',' + server_first_ + ',' + std::string(text.substr(0, proof_at));
    const auto signature = crypto::hmac(digest_, keys_.scram.stored_key, message);
    const auto stored = crypto::digest(digest_, exclusive_or(*proof, signature));
    const bool right = crypto::equal_in_constant_time(stored, keys_.scram.stored_key) &&
                       keys_.is_known && *nonce == nonce_ &&
                       base64_decode(*channel) == gs2_ + binding_;
    move.credentials = Credentials{.user = user_, .authorize_as = authorize_as_, .proven = right};
    if (right)
      move.on_success =
          "v=" + base64_encode(crypto::hmac(digest_, keys_.scram.server_key, message));
  }

  Digest digest_;
  bool plus_;
  Context context_;
  Keys keys_;
  std::string binding_;
  std::string gs2_;
  std::string user_;
  std::string authorize_as_;
  std::string client_first_;
  std::string server_first_;
  std::string nonce_;
};

Stage stage_of_scram(Digest digest, bool plus) {
  if (digest == Digest::sha256)
    return plus ? Stage::auth_scram_sha_256_plus : Stage::auth_scram_sha_256;
  return plus ? Stage::auth_scram_sha_1_plus : Stage::auth_scram_sha_1;
}

class ScramClient final : public Client {
 public:
  ScramClient(Digest digest, bool plus, Credentials credentials, const Context& context)
      : digest_(digest),
        credentials_(std::move(credentials)),
        stage_(stage_of_scram(digest, plus)),
        nonce_(make_nonce(context)) {
    const auto& binding = context.binding;
    // "y": the client supports channel binding and the server did not offer it (RFC 5802 section
    // 6).
    const bool could = binding.is_there() && !context.binding_is_offered;
    gs2_ = plus ? "p=" + std::string(binding_name(binding)) : could ? "y" : "n";
    gs2_ += ',';
    const auto& as = credentials_.authorize_as;
    if (!as.empty()) gs2_ += "a=" + encode_saslname(as);
    gs2_ += ',';
    if (plus) binding_ = binding.exporter.empty() ? binding.end_point : binding.exporter;
  }

  std::optional<Answer> initial() override {
    first_ = "n=" + encode_saslname(prepare(credentials_.user).value_or(credentials_.user)) +
             ",r=" + nonce_;
    return Answer{gs2_ + first_, stage_, true};
  }

  std::optional<Answer> respond(std::string_view challenge) override {
    switch (step_++) {
      case 0:
        return answer_first(challenge);
      case 1:
        return answer_final(challenge);
      default:
        return std::nullopt;
    }
  }

  [[nodiscard]] std::string doubt() const override {
    if (verified_) return {};
    return "the server did not prove that it knows the password: it may not be the right server";
  }

 private:
  std::optional<Answer> answer_first(std::string_view text) {
    auto rest = text;
    const auto nonce = take(rest, 'r');
    const auto salt = take(rest, 's');
    const auto count = take(rest, 'i');
    const auto iterations = count ? parse_number(*count) : std::nullopt;
    const auto salt_bytes = salt ? base64_decode(*salt) : std::nullopt;
    // The nonce must be the client's own with more appended: else it is of another exchange.
    if (!nonce || !nonce->starts_with(nonce_) || nonce->size() == nonce_.size() ||
        !is_nonce(*nonce) || !salt_bytes || salt_bytes->empty() || !iterations ||
        *iterations == 0 || *iterations > most_iterations)
      return std::nullopt;
    const auto password = prepare(credentials_.password.reveal());
    if (!password) return std::nullopt;
    const auto salted =
        crypto::pbkdf2(digest_, *password, *salt_bytes, static_cast<std::uint32_t>(*iterations));
    const auto client_key = crypto::hmac(digest_, salted, "Client Key");
    std::string final = "c=" + base64_encode(gs2_ + binding_) + ",r=" + std::string(*nonce);
    const auto message = first_ + ',' + std::string(text) + ',' + final;
    const auto signature = crypto::hmac(digest_, crypto::digest(digest_, client_key), message);
    final += ",p=" + base64_encode(exclusive_or(client_key, signature));
    expected_ = crypto::hmac(digest_, crypto::hmac(digest_, salted, "Server Key"), message);
    return Answer{std::move(final), stage_, true};
  }

  std::optional<Answer> answer_final(std::string_view text) {
    const auto signature = take(text, 'v');
    const auto bytes = signature ? base64_decode(*signature) : std::nullopt;
    // Before the proof `expected_` is empty, and an empty signature would match it.
    verified_ = bytes && !expected_.empty() && crypto::equal_in_constant_time(*bytes, expected_);
    if (!verified_) return std::nullopt;
    return Answer{"", stage_, false};
  }

  Digest digest_;
  Credentials credentials_;
  Stage stage_;
  std::string nonce_;
  std::string gs2_;
  std::string binding_;
  std::string first_;
  std::string expected_;
  int step_ = 0;
  bool verified_ = false;
};

}  // namespace

ScramKeys ScramKeys::derive(Digest digest, std::string_view password, std::string salt,
                            std::uint32_t iterations) {
  // A password that SASLprep refuses fits no user: `Users::set` refuses it too.
  const auto salted =
      crypto::pbkdf2(digest, prepare(password).value_or(std::string(password)), salt, iterations);
  return {iterations, std::move(salt),
          crypto::digest(digest, crypto::hmac(digest, salted, "Client Key")),
          crypto::hmac(digest, salted, "Server Key")};
}

std::string encode_saslname(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == ',')
      out += "=2C";
    else if (c == '=')
      out += "=3D";
    else
      out += c;
  }
  return out;
}

std::optional<std::string> decode_saslname(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (text.front() != '=') {
      out += text.front();
      text.remove_prefix(1);
      continue;
    }
    if (!text.starts_with("=2C") && !text.starts_with("=3D")) return std::nullopt;
    out += text[2] == 'C' ? ',' : '=';
    text.remove_prefix(3);
  }
  if (out.empty() || !is_utf8(out) || out.find('\0') != std::string::npos) return std::nullopt;
  return out;
}

std::unique_ptr<Server> make_scram_server(Digest digest, bool plus, const Context& context) {
  return std::make_unique<ScramServer>(digest, plus, context);
}
std::unique_ptr<Client> make_scram_client(Digest digest, bool plus, const Credentials& credentials,
                                          const Context& context) {
  return std::make_unique<ScramClient>(digest, plus, credentials, context);
}

}  // namespace postroad::sasl
