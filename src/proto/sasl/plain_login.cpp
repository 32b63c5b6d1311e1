// PLAIN (RFC 4616) and LOGIN, both ends.
#include "base/text.hpp"
#include "proto/sasl/makers.hpp"

namespace postroad::sasl {

namespace {

// message = [authzid] NUL authcid NUL passwd       RFC 4616 section 2
class PlainServer final : public Server {
 public:
  Move step(std::optional<std::string_view> response) override {
    Move move;
    if (!response) {
      move.challenge = "";
      return move;
    }
    const auto parts = split(*response, '\0');
    if (parts.size() != 3 || parts[1].empty() || parts[2].empty() || !is_utf8(*response)) {
      move.error = "PLAIN needs [authorize-id] NUL user NUL password, in base64";
      return move;
    }
    move.credentials = Credentials{.user = std::string(parts[1]),
                                   .authorize_as = std::string(parts[0]),
                                   .password = Secret(std::string(parts[2]))};
    return move;
  }
};

// LOGIN (draft-murchison-sasl-login) has two prompts, whose text differs between servers.
class LoginServer final : public Server {
 public:
  Move step(std::optional<std::string_view> response) override {
    Move move;
    if (!response) {
      move.challenge = "Username:";
    } else if (response->empty() || !is_utf8(*response) ||
               response->find('\0') != std::string_view::npos) {
      move.error = user_.empty() ? "LOGIN needs a user name" : "LOGIN needs a password";
    } else if (user_.empty()) {
      user_ = *response;
      move.challenge = "Password:";
    } else {
      move.credentials = Credentials{.user = user_, .password = Secret(std::string(*response))};
    }
    return move;
  }

 private:
  std::string user_;
};

class PlainClient final : public Client {
 public:
  explicit PlainClient(Credentials credentials) : credentials_(std::move(credentials)) {}
  std::optional<Answer> initial() override {
    std::string message = credentials_.authorize_as;
    message += '\0';
    message += credentials_.user;
    message += '\0';
    message += credentials_.password.reveal();
    return Answer{std::move(message), Stage::auth_plain, true};
  }
  std::optional<Answer> respond(std::string_view) override { return std::nullopt; }

 private:
  Credentials credentials_;
};

// The order of the prompts decides: their text is in any case or language on real servers.
class LoginClient final : public Client {
 public:
  explicit LoginClient(Credentials credentials) : credentials_(std::move(credentials)) {}
  std::optional<Answer> initial() override { return std::nullopt; }
  std::optional<Answer> respond(std::string_view) override {
    switch (step_++) {
      case 0:
        return Answer{credentials_.user, Stage::username, true};
      case 1:
        return Answer{std::string(credentials_.password.reveal()), Stage::password, true};
      default:
        return std::nullopt;
    }
  }

  [[nodiscard]] bool takes_plain_prompts() const override { return true; }

 private:
  Credentials credentials_;
  int step_ = 0;
};

}  // namespace

std::unique_ptr<Server> make_plain_server(const Context&) {
  return std::make_unique<PlainServer>();
}
std::unique_ptr<Client> make_plain_client(const Credentials& credentials, const Context&) {
  return std::make_unique<PlainClient>(credentials);
}
std::unique_ptr<Server> make_login_server(const Context&) {
  return std::make_unique<LoginServer>();
}
std::unique_ptr<Client> make_login_client(const Credentials& credentials, const Context&) {
  return std::make_unique<LoginClient>(credentials);
}

}  // namespace postroad::sasl
