// AUTH of the server machine (RFC 4954): the exchange's lines in base64, the mechanism's own steps
// in proto/sasl.
#include <algorithm>

#include "base/text.hpp"
#include "proto/smtp/server_machine.hpp"

namespace postroad::smtp {

void ServerMachine::on_auth(std::string_view argument) {
  if (!options_.auth || !esmtp_) return refuse({502, {5, 5, 1}, "AUTH is not offered here"});
  if (!login_.empty()) return refuse({503, {5, 5, 1}, "already authenticated"});
  if (!tls_ && !options_.allow_auth_in_clear) {
    return refuse({538, {5, 7, 11}, "Encryption required for authentication: send STARTTLS first"});
  }
  const auto name = upper(argument.substr(0, argument.find(' ')));
  const auto initial = trim(argument.substr(name.size()));
  sasl_ = sasl::make_server(name);
  if (!sasl_) return refuse({504, {5, 5, 4}, "mechanism not known: " + printable(name, 40)});
  mode_ = Mode::auth;
  if (initial.empty()) return continue_auth(std::nullopt);
  on_auth_line(initial == "=" ? std::string_view{} : initial);
}

void ServerMachine::on_auth_line(std::string_view line) {
  if (line == "*") return end_auth({501, {5, 7, 0}, "authentication cancelled"});
  const auto response = base64_decode(line);
  if (!response) return end_auth({501, {5, 5, 2}, "not base64"});
  continue_auth(*response);
}

void ServerMachine::continue_auth(std::optional<std::string_view> response) {
  // LOGIN takes the user name as an initial response from some clients: its first step then sees it
  // as the answer.
  auto step = sasl_->step(response);
  if (step.challenge) return reply(334, {}, base64_encode(*step.challenge));
  if (!step.credentials) return end_auth({501, {5, 5, 2}, std::move(step.error)});
  credentials_ = std::make_unique<sasl::Credentials>(std::move(*step.credentials));
  ask(AskAuth{*credentials_});
}

void ServerMachine::end_auth(const Reply& answer) {
  mode_ = Mode::commands;
  waiting_ = false;
  sasl_.reset();
  if (answer.is_success()) {
    login_ = credentials_->user;
    credentials_.reset();
    return reply(answer);
  }
  credentials_.reset();
  const Reply refusal =
      answer.code != 0 ? answer : Reply{454, {4, 7, 0}, "authentication cannot be checked now"};
  refuse(refusal);
  if (mode_ == Mode::closing || ++auth_failures_ < options_.limits.auth_attempts) return;
  reply(421, {4, 7, 0}, options_.hostname + " closes: too many failed authentications");
  close(Ending::too_many_errors);
}

}  // namespace postroad::smtp
