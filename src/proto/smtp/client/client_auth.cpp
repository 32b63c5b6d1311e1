// AUTH of the client machine (RFC 4954): which mechanism, and its exchange in base64.
#include <utility>

#include "base/text.hpp"
#include "proto/smtp/client/client_machine.hpp"

namespace postroad::smtp {

namespace {

constexpr std::size_t max_initial_response =
    500;  // RFC 4954 §4: what does not fit a command line waits for the 334

// What no mechanism could carry.
std::string wrong_with(const sasl::Credentials& login) {
  const auto has_nul = [](std::string_view text) { return text.find('\0') != text.npos; };
  if (has_nul(login.user) || has_nul(login.authorize_as) || has_nul(login.password.reveal()))
    return "a NUL in the user name or the password";
  if (login.token.reveal().find_first_of(std::string_view("\0\x01\r\n", 4)) != std::string::npos)
    return "a control character in the token";
  if (login.user.find('\x01') != std::string::npos && !login.token.empty())
    return "a control character in the user name";
  if (login.certificate) return {};
  const auto& secret = login.token.empty() ? login.password : login.token;
  if (!login.user.empty() && !secret.empty()) return {};
  return "the user name or the password is empty" +
         (secret.origin().empty() ? std::string() : " (" + secret.origin() + ")");
}

}  // namespace

sasl::Context ClientMachine::sasl_context(std::string_view mechanism) const {
  sasl::Context context;
  context.host = options_.host;
  context.port = options_.port;
  context.nonce = options_.nonce;
  if (tls_) context.binding = tls_->binding;
  context.binding_is_offered = capabilities_.offers_auth(std::string(mechanism) + "-PLUS");
  return context;
}

std::string ClientMachine::choose_mechanism() const {
  for (const auto name : sasl::mechanisms()) {
    const bool allowed = options_.mechanism.empty() || iequals(options_.mechanism, name);
    if (allowed && capabilities_.offers_auth(name) &&
        sasl::may_use(name, *options_.login, sasl_context(name)))
      return std::string(name);
  }
  return {};
}

void ClientMachine::start_auth() {
  const auto& login = *options_.login;
  if (!tls_ && !options_.allow_password_in_clear) {
    return broke(make_error(Fault::auth, Stage::auth,
                            "the password is not sent without TLS, and there is none here; "
                            "allow_password_in_clear would send it"));
  }
  if (auto wrong = wrong_with(login); !wrong.empty())
    return broke(make_error(Fault::input, Stage::auth, std::move(wrong)));
  const auto mechanism = choose_mechanism();
  if (mechanism.empty()) {
    std::string offered;
    for (const auto& name : capabilities_.auth) offered += (offered.empty() ? "" : " ") + name;
    return broke(make_error(
        Fault::auth, Stage::auth,
        offered.empty()
            ? "the server does not offer AUTH" + std::string(tls_ ? "" : " (without TLS)")
            : "no mechanism in common; the server offers " + printable(offered, 200)));
  }
  sasl_ = sasl::make_client(mechanism, login, sasl_context(mechanism));
  challenges_ = 0;
  held_initial_ = sasl_->initial();
  std::string line = "AUTH " + mechanism;
  auth_stage_ = stage_of(line);
  if (held_initial_) {
    const auto encoded = base64_encode(held_initial_->response);
    if (line.size() + 1 + encoded.size() <= max_initial_response) {
      line += ' ' + (encoded.empty() ? "=" : encoded);
      held_initial_.reset();
    }
  }
  put(line, {Exchange::auth, 0, auth_stage_}, true);
}

void ClientMachine::on_auth_reply(const Reply& reply) {
  if (reply.code == 235) {
    const auto doubt = sasl_->doubt();
    if (!doubt.empty()) return broke(make_error(Fault::auth, auth_stage_, doubt));
    sasl_.reset();
    if (stops_after(Stage::auth)) return;
    return end();
  }
  if (reply.code != 334) {
    auto refusal = reply;
    if (!sasl_->failure().empty()) refusal.text += ": " + sasl_->failure();
    return refused(refusal, auth_stage_);
  }
  const auto challenge = base64_decode(reply.text);
  std::optional<sasl::Client::Answer> answer;
  if (held_initial_) {
    answer = std::exchange(held_initial_, std::nullopt);
  } else if (challenge && ++challenges_ <= options_.challenges) {
    answer = sasl_->respond(*challenge);
  } else if (!challenge && sasl_->takes_plain_prompts() && ++challenges_ <= options_.challenges) {
    answer = sasl_->respond(reply.text);
  }
  if (!answer) {
    sasl_.reset();
    return put("*", {Exchange::auth, 0, auth_stage_});
  }
  auth_stage_ = answer->stage;
  put(base64_encode(answer->response), {Exchange::auth, 0, answer->stage}, answer->secret);
}

}  // namespace postroad::smtp
