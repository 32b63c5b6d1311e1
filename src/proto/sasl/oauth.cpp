// OAUTHBEARER (RFC 7628) and XOAUTH2 (Google's and Microsoft's variant): a bearer token in place of
// the password. The server reports a failure as a challenge with JSON, which the client answers
// before it gets the 535.
//
//   XOAUTH2      "user=" user %x01 "auth=Bearer " token %x01 %x01
//   OAUTHBEARER  gs2-header %x01 *( key "=" value %x01 ) %x01        ; gs2-header: "n,a=" user ","
#include "base/text.hpp"
#include "proto/sasl/makers.hpp"
#include "proto/sasl/names.hpp"

namespace postroad::sasl {

namespace {

constexpr std::string_view bearer = "Bearer ";
constexpr std::string_view invalid_token =
    R"({"status":"invalid_token","schemes":"bearer","scope":""})";

// The value of one key in the parts between %x01.
std::string_view value_of(std::string_view text, std::string_view key) {
  for (const auto part : split(text, '\x01')) {
    if (part.size() > key.size() && part.starts_with(key) && part[key.size()] == '=')
      return part.substr(key.size() + 1);
  }
  return {};
}

class OauthServer final : public Server {
 public:
  explicit OauthServer(bool is_standard) : is_standard_(is_standard) {}
  Move step(std::optional<std::string_view> response) override {
    Move move;
    if (!response) {
      move.challenge = "";
      return move;
    }
    const auto user = is_standard_ ? user_of_gs2(*response)
                                   : std::optional<std::string>(value_of(*response, "user"));
    const auto auth = value_of(*response, "auth");
    if (!user || user->empty() || !is_utf8(*response) ||
        response->find('\0') != std::string_view::npos || !istarts_with(auth, bearer) ||
        auth.size() == bearer.size() || !response->ends_with("\x01\x01")) {
      move.error = is_standard_ ? "OAUTHBEARER needs the form of RFC 7628 with a user"
                                : "XOAUTH2 needs user=… and auth=Bearer …, each followed by ^A";
      return move;
    }
    move.credentials =
        Credentials{.user = *user, .token = Secret(std::string(auth.substr(bearer.size())))};
    move.on_failure = invalid_token;
    return move;
  }

 private:
  // "n,a=user,": bearer tokens have no channel binding.
  static std::optional<std::string> user_of_gs2(std::string_view text) {
    const auto parts = split(text.substr(0, text.find('\x01')), ',');
    if (parts.size() != 3 || (parts[0] != "n" && parts[0] != "y") || !parts[1].starts_with("a=") ||
        !parts[2].empty())
      return std::nullopt;
    return decode_saslname(parts[1].substr(2));
  }

  bool is_standard_;
};

class OauthClient final : public Client {
 public:
  OauthClient(bool is_standard, Credentials credentials, Context context)
      : is_standard_(is_standard),
        credentials_(std::move(credentials)),
        context_(std::move(context)) {}
  std::optional<Answer> initial() override {
    std::string message;
    if (is_standard_) {
      message = "n,a=" + encode_saslname(credentials_.user) + ",\x01";
      message += "host=" + context_.host + '\x01';
      message += "port=" + std::to_string(context_.port) + '\x01';
    } else {
      message = "user=" + credentials_.user + '\x01';
    }
    message += "auth=Bearer ";
    message += credentials_.token.reveal();
    message += "\x01\x01";
    return Answer{std::move(message), stage(), true};
  }
  std::optional<Answer> respond(std::string_view challenge) override {
    if (!failure_.empty()) return std::nullopt;
    failure_ = challenge.empty() ? "the token was refused" : std::string(challenge);
    return Answer{is_standard_ ? "\x01" : "", stage(), false};
  }
  [[nodiscard]] std::string failure() const override { return failure_; }

 private:
  [[nodiscard]] Stage stage() const {
    return is_standard_ ? Stage::auth_oauthbearer : Stage::auth_xoauth2;
  }
  bool is_standard_;
  Credentials credentials_;
  Context context_;
  std::string failure_;
};

}  // namespace

std::unique_ptr<Server> make_xoauth2_server(const Context&) {
  return std::make_unique<OauthServer>(false);
}
std::unique_ptr<Client> make_xoauth2_client(const Credentials& credentials,
                                            const Context& context) {
  return std::make_unique<OauthClient>(false, credentials, context);
}
std::unique_ptr<Server> make_oauthbearer_server(const Context&) {
  return std::make_unique<OauthServer>(true);
}
std::unique_ptr<Client> make_oauthbearer_client(const Credentials& credentials,
                                                const Context& context) {
  return std::make_unique<OauthClient>(true, credentials, context);
}

}  // namespace postroad::sasl
