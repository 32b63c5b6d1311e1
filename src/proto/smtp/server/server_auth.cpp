// AUTH of the server machine (RFC 4954): the lines of the exchange in base64. The mechanisms are in
// proto/sasl.
#include <algorithm>

#include "base/text.hpp"
#include "proto/smtp/server/server_machine.hpp"

namespace postroad::smtp {

// `name`: the mechanism, to know whether its -PLUS is offered too.
sasl::Context ServerMachine::sasl_context(std::string_view name) const {
  sasl::Context context;
  context.host = options_.hostname;
  context.nonce = options_.nonce;
  if (!tls_) return context;
  context.binding = tls_->binding;
  context.peer_name = tls_->peer_name;
  const auto& offered = options_.mechanisms;
  context.binding_is_offered =
      context.binding.is_there() &&
      std::find(offered.begin(), offered.end(), std::string(name) + "-PLUS") != offered.end();
  return context;
}

bool ServerMachine::offers_mechanism(std::string_view name) const {
  const auto& offered = options_.mechanisms;
  return std::find(offered.begin(), offered.end(), name) != offered.end() &&
         sasl::may_offer(name, sasl_context(name));
}

void ServerMachine::on_auth(const CommandLine& command) {
  if (!options_.auth || !hello_.is_esmtp) return refuse({502, {5, 5, 1}, "AUTH is not offered"});
  if (!login_.empty()) return refuse({503, {5, 5, 1}, "already authenticated"});
  if (!tls_ && !options_.allow_auth_in_clear) {
    return refuse({538, {5, 7, 11}, "Encryption required for authentication: send STARTTLS first"});
  }
  const auto name = upper(command.argument.substr(0, command.argument.find(' ')));
  const auto initial = trim(command.argument.substr(name.size()));
  if (!offers_mechanism(name))
    return refuse({504, {5, 5, 4}, "mechanism not supported: " + printable(name, 40)});
  auth_ = std::make_unique<Authentication>();
  auth_->mechanism = name;
  auth_->sasl = sasl::make_server(name, sasl_context(name));
  mode_ = Mode::auth;
  if (initial.empty()) return continue_auth(std::nullopt);
  on_auth_line(initial == "=" ? std::string_view{} : initial);
}

void ServerMachine::on_auth_line(std::string_view line) {
  // The mechanism's last message was sent; the client's response to it changes nothing.
  if (auth_->verdict) {
    const auto verdict = std::move(auth_->verdict);
    return end_auth(line == "*" ? Reply{501, {5, 7, 0}, "authentication cancelled"} : *verdict);
  }
  if (line == "*") return end_auth({501, {5, 7, 0}, "authentication cancelled"});
  const auto response = base64_decode(line);
  if (!response) return end_auth({501, {5, 5, 2}, "response is not base64"});
  continue_auth(*response);
}

void ServerMachine::continue_auth(std::optional<std::string_view> response) {
  follow_auth(auth_->sasl->step(response));
}

void ServerMachine::follow_auth(sasl::Server::Move move) {
  if (move.challenge) return reply(334, {}, base64_encode(*move.challenge));
  if (move.wants_keys_of) {
    auth_->user = std::move(*move.wants_keys_of);
    return ask(AskKeys{auth_->user, auth_->mechanism});
  }
  if (!move.credentials) return end_auth({501, {5, 5, 2}, std::move(move.error)});
  auth_->credentials = std::move(*move.credentials);
  auth_->on_success = std::move(move.on_success);
  auth_->on_failure = std::move(move.on_failure);
  ask(AskAuth{auth_->credentials, auth_->mechanism});
}

void ServerMachine::answered_keys(const sasl::Keys& keys) {
  question_.reset();
  follow_auth(auth_->sasl->take_keys(keys));
}

void ServerMachine::end_auth(const Reply& answer) {
  mode_ = Mode::commands;
  waits_.is_waiting = false;
  const auto exchange = std::move(auth_);
  if (answer.is_success()) {
    login_ = exchange->credentials.user;
    return reply(answer);
  }
  const Reply refusal =
      answer.code != 0 ? answer : Reply{454, {4, 7, 0}, "temporary authentication failure"};
  refuse(refusal);
  if (mode_ == Mode::closing || ++counts_.auth_failures < options_.limits.auth_attempts) return;
  reply(421, {4, 7, 0}, options_.hostname + " too many failed authentications, closing connection");
  close(Ending::too_many_errors);
}

}  // namespace postroad::smtp
