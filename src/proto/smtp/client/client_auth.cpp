// AUTH of the client machine (RFC 4954): which mechanism, and its exchange in base64.
#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "proto/sasl/prepare.hpp"
#include "proto/smtp/client/client_machine.hpp"

namespace postroad::smtp {

namespace {

// RFC 4954 section 4: a longer initial response does not fit the command line; it waits for the
// 334.
constexpr std::size_t max_initial_response = 500;

// The server does not have the mechanism, or not for this user or connection (RFC 4954 section 6):
// the password was not checked, and another mechanism may work.
bool is_mechanism_unavailable(int code) { return code == 504 || code == 534 || code == 538; }

// Why no mechanism can carry this login; empty: one can.
std::string wrong_with(const ClientOptions& options) {
  const auto& login = *options.login;
  const auto has_nul = [](std::string_view text) { return text.find('\0') != text.npos; };
  if (has_nul(login.user) || has_nul(login.authorize_as) || has_nul(login.password.reveal()))
    return "NUL in the user name or the password";
  if (login.token.reveal().find_first_of(std::string_view("\0\x01\r\n", 4)) != std::string::npos)
    return "a control character in the token";
  if (login.user.find('\x01') != std::string::npos && !login.token.empty())
    return "a control character in the user name";
  if (login.certificate) return {};
  const auto& secret = login.token.empty() ? login.password : login.token;
  if (!login.user.empty() && !secret.empty()) return {};
  const bool has_user = !login.user.empty();
  const auto& option = has_user ? options.name_of_password : options.name_of_user;
  std::string why = has_user ? "the password is empty" : "the user name is empty";
  if (has_user && !secret.origin().empty()) why += " (" + secret.origin() + ")";
  return option.empty() ? why : why + "; set " + option;
}

// The remedy where the password is not sent without TLS; empty: the program names no option.
std::string remedy_without_tls(const ClientOptions& options) {
  std::string remedy;
  if (!options.name_of_password_in_clear.empty())
    remedy = "; " + options.name_of_password_in_clear + " permits it";
  if (!options.name_of_user.empty() && !options.name_of_password.empty())
    remedy += "; use TLS, or remove " + options.name_of_user + " and " + options.name_of_password;
  return remedy;
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
    const auto& refused = login_.refused;
    const bool allowed = (options_.mechanism.empty() || iequals(options_.mechanism, name)) &&
                         std::find(refused.begin(), refused.end(), name) == refused.end();
    if (allowed && capabilities_.offers_auth(name) &&
        sasl::may_use(name, *options_.login, sasl_context(name)))
      return std::string(name);
  }
  return {};
}

// Why no mechanism was chosen.
std::string ClientMachine::without_mechanism() const {
  std::string offered;
  for (const auto& name : capabilities_.auth) offered += (offered.empty() ? "" : " ") + name;
  if (offered.empty())
    return "the server does not offer AUTH" + std::string(tls_ ? "" : " (without TLS)");
  auto why = "no common mechanism; the server offers " + printable(offered, 200);
  const auto& password = options_.login->password;
  const auto& refused = login_.refused;
  const bool offers_scram = std::any_of(
      capabilities_.auth.begin(), capabilities_.auth.end(), [&](const std::string& name) {
        return name.starts_with("SCRAM") &&
               (options_.mechanism.empty() || iequals(options_.mechanism, name)) &&
               std::find(refused.begin(), refused.end(), name) == refused.end();
      });
  if (offers_scram && !password.empty() && !sasl::prepare(password.reveal()))
    why +=
        "; SCRAM is not possible with this password: " + std::string(sasl::reason_not_prepared()) +
        "; change the password";
  return why;
}

void ClientMachine::start_auth() {
  if (!tls_ && !options_.allow_password_in_clear) {
    auto error = make_error(Fault::auth, Stage::auth,
                            "the password is not sent without TLS, and this connection has none" +
                                remedy_without_tls(options_));
    // A server that cannot start TLS now may be able to later.
    if (last_reply_.is_temporary_failure()) error.reply_code = last_reply_.code;
    return broke(std::move(error));
  }
  if (auto wrong = wrong_with(options_); !wrong.empty())
    return broke(make_error(Fault::input, Stage::auth, std::move(wrong)));
  login_.refused.clear();
  const auto mechanism = choose_mechanism();
  if (!mechanism.empty()) return begin_mechanism(mechanism);
  broke(make_error(Fault::auth, Stage::auth, without_mechanism()));
}

void ClientMachine::begin_mechanism(const std::string& mechanism) {
  login_.mechanism = mechanism;
  login_.sasl = sasl::make_client(mechanism, *options_.login, sasl_context(mechanism));
  login_.challenges = 0;
  login_.held_initial = login_.sasl->initial();
  std::string line = "AUTH " + mechanism;
  login_.stage = stage_of(line);
  if (login_.held_initial) {
    const auto encoded = base64_encode(login_.held_initial->response);
    if (line.size() + 1 + encoded.size() <= max_initial_response) {
      line += ' ' + (encoded.empty() ? "=" : encoded);
      login_.held_initial.reset();
    }
  }
  queue_.put(line, {Exchange::auth, 0, login_.stage}, true);
}

void ClientMachine::on_auth_reply(const Reply& reply) {
  if (login_.sasl == nullptr) {
    return broke(make_error(
        Fault::protocol, login_.stage,
        "unexpected challenge (334), cancelled; the server replied " + reply.one_line()));
  }
  if (reply.code == 334) return answer_challenge(reply.text);
  if (reply.code == 235) {
    const auto doubt = login_.sasl->doubt();
    if (!doubt.empty()) return broke(make_error(Fault::auth, login_.stage, doubt));
    login_.sasl.reset();
    if (stops_after(Stage::auth)) return;
    return end();
  }
  if (is_mechanism_unavailable(reply.code)) {
    login_.refused.push_back(login_.mechanism);
    if (const auto next = choose_mechanism(); !next.empty()) return begin_mechanism(next);
  }
  auto refusal = reply;
  if (!login_.sasl->failure().empty()) refusal.text += ": " + login_.sasl->failure();
  refused(refusal, login_.stage);
}

void ClientMachine::answer_challenge(const std::string& text) {
  const auto challenge = base64_decode(text);
  std::optional<sasl::Client::Answer> answer;
  if (login_.held_initial) {
    answer = std::exchange(login_.held_initial, std::nullopt);
  } else if (challenge && ++login_.challenges <= options_.limits.challenges) {
    answer = login_.sasl->respond(*challenge);
  } else if (!challenge && login_.sasl->takes_plain_prompts() &&
             ++login_.challenges <= options_.limits.challenges) {
    answer = login_.sasl->respond(text);
  }
  if (!answer) {
    login_.sasl.reset();
    return queue_.put("*", {Exchange::auth, 0, login_.stage});
  }
  login_.stage = answer->stage;
  queue_.put(base64_encode(answer->response), {Exchange::auth, 0, answer->stage}, answer->secret);
}

}  // namespace postroad::smtp
