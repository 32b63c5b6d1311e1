// EXTERNAL (RFC 4422 appendix A): the client's certificate names the user.
#include "base/text.hpp"
#include "proto/sasl/makers.hpp"

namespace postroad::sasl {

namespace {

class ExternalServer final : public Server {
 public:
  explicit ExternalServer(std::string peer) : peer_(std::move(peer)) {}
  Move step(std::optional<std::string_view> response) override {
    Move move;
    if (!response) {
      move.challenge = "";
    } else if (!is_utf8(*response) || response->find('\0') != std::string_view::npos) {
      move.error = "EXTERNAL needs an authorization identity in UTF-8, or nothing";
    } else {
      move.credentials =
          Credentials{.user = peer_, .authorize_as = std::string(*response), .proven = true};
    }
    return move;
  }

 private:
  std::string peer_;
};

class ExternalClient final : public Client {
 public:
  explicit ExternalClient(std::string name) : name_(std::move(name)) {}
  std::optional<Answer> initial() override { return Answer{name_, Stage::auth_external, false}; }
  std::optional<Answer> respond(std::string_view) override { return std::nullopt; }

 private:
  std::string name_;
};

}  // namespace

std::unique_ptr<Server> make_external_server(const Context& context) {
  return std::make_unique<ExternalServer>(context.peer_name);
}
std::unique_ptr<Client> make_external_client(const Credentials& credentials, const Context&) {
  return std::make_unique<ExternalClient>(credentials.authorize_as);
}

}  // namespace postroad::sasl
