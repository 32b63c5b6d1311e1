// PLAIN (RFC 4616) and LOGIN, both ends.
#include "base/text.hpp"
#include "proto/sasl/makers.hpp"

namespace postroad::sasl {

namespace {

// message = [authzid] NUL authcid NUL passwd RFC 4616 §2
class PlainServer final : public Server {
 public:
  Step step(std::optional<std::string_view> response) override {
    Step step;
    if (!response) {
      step.challenge = "";
      return step;
    }
    const auto parts = split(*response, '\0');
    if (parts.size() != 3 || parts[1].empty() || parts[2].empty() || !is_utf8(*response)) {
      step.error = "PLAIN wants [authorize-id] NUL user NUL password, in base64";
      return step;
    }
    step.credentials = Credentials{.user = std::string(parts[1]),
                                   .authorize_as = std::string(parts[0]),
                                   .password = Secret(std::string(parts[2]))};
    return step;
  }
};

// Not a standard: draft-murchison-sasl-login. Two prompts, whose words clients disagree on.
class LoginServer final : public Server {
 public:
  Step step(std::optional<std::string_view> response) override {
    Step step;
    if (!response) {
      step.challenge = "Username:";
    } else if (response->empty() || !is_utf8(*response) ||
               response->find('\0') != std::string_view::npos) {
      step.error = user_.empty() ? "LOGIN wants a user name" : "LOGIN wants a password";
    } else if (user_.empty()) {
      user_ = *response;
      step.challenge = "Password:";
    } else {
      step.credentials = Credentials{.user = user_, .password = Secret(std::string(*response))};
    }
    return step;
  }

 private:
  std::string user_;
};

class PlainClient final : public Client {
 public:
  explicit PlainClient(Credentials credentials) : credentials_(std::move(credentials)) {}
  std::optional<Step> initial() override {
    std::string message = credentials_.authorize_as;
    message += '\0';
    message += credentials_.user;
    message += '\0';
    message += credentials_.password.reveal();
    return Step{std::move(message), "AUTH PLAIN", true};
  }
  std::optional<Step> respond(std::string_view) override { return std::nullopt; }

 private:
  Credentials credentials_;
};

// The order decides and not the prompt's words, which are in odd case or another language on real
// servers.
class LoginClient final : public Client {
 public:
  explicit LoginClient(Credentials credentials) : credentials_(std::move(credentials)) {}
  std::optional<Step> initial() override { return std::nullopt; }
  std::optional<Step> respond(std::string_view) override {
    switch (step_++) {
      case 0:
        return Step{credentials_.user, "USERNAME", true};
      case 1:
        return Step{std::string(credentials_.password.reveal()), "PASSWORD", true};
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
