// CRAM-MD5 (RFC 2195): HMAC-MD5 over a challenge. Old, and only for users that have a key for it: a
// stolen key is enough to log in with CRAM-MD5.
#include "base/text.hpp"
#include "crypto/hmac_md5.hpp"
#include "proto/sasl/makers.hpp"

namespace postroad::sasl {

namespace {

constexpr std::size_t digest_size = 32;  // in hex

class CramServer final : public Server {
 public:
  explicit CramServer(const Context& context) : challenge_(make_challenge(context)) {}
  Move step(std::optional<std::string_view> response) override {
    Move move;
    if (!asked_) {  // the mechanism has no initial response: it is ignored
      asked_ = true;
      if (response) {
        move.error = "CRAM-MD5 has no initial response";
      } else {
        move.challenge = challenge_;
      }
      return move;
    }
    const auto text = response.value_or(std::string_view{});
    const auto blank = text.rfind(' ');
    if (blank == std::string_view::npos || blank == 0 || text.size() - blank - 1 != digest_size ||
        !is_utf8(text) || text.find('\0') != std::string_view::npos) {
      move.error = "CRAM-MD5 needs the user, a space and 32 hex digits";
      return move;
    }
    user_ = text.substr(0, blank);
    digest_ = lower(text.substr(blank + 1));
    move.wants_keys_of = user_;
    return move;
  }
  Move take_keys(const Keys& keys) override {
    const auto expected = crypto::hmac_md5(keys.cram_md5, challenge_);
    const bool equal = crypto::equal_in_constant_time(expected, digest_);
    Move move;
    move.credentials = Credentials{.user = user_, .proven = equal && keys.is_known};
    return move;
  }

 private:
  static std::string make_challenge(const Context& context) {
    const auto nonce =
        context.nonce.empty() ? crypto::hex(crypto::random_bytes(16)) : context.nonce;
    return '<' + nonce + '@' + (context.host.empty() ? "localhost" : context.host) + '>';
  }

  std::string challenge_;
  bool asked_ = false;
  std::string user_;
  std::string digest_;
};

class CramClient final : public Client {
 public:
  explicit CramClient(Credentials credentials) : credentials_(std::move(credentials)) {}
  std::optional<Answer> initial() override { return std::nullopt; }
  std::optional<Answer> respond(std::string_view challenge) override {
    if (std::exchange(answered_, true)) return std::nullopt;
    const auto key = crypto::hmac_md5_key(credentials_.password.reveal());
    return Answer{credentials_.user + ' ' + crypto::hmac_md5(key, challenge), Stage::auth_cram_md5,
                  true};
  }

 private:
  Credentials credentials_;
  bool answered_ = false;
};

}  // namespace

std::unique_ptr<Server> make_cram_md5_server(const Context& context) {
  return std::make_unique<CramServer>(context);
}
std::unique_ptr<Client> make_cram_md5_client(const Credentials& credentials, const Context&) {
  return std::make_unique<CramClient>(credentials);
}

}  // namespace postroad::sasl
