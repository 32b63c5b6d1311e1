// The opening of a session, up to AUTH: greeting, EHLO, STARTTLS, XCLIENT; see client_machine.hpp.
#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "proto/smtp/client/client_error.hpp"
#include "proto/smtp/client/client_machine.hpp"
#include "proto/smtp/path.hpp"

namespace postroad::smtp {

void ClientMachine::open() {
  begin();
  const auto& name = options_.name;
  if (name.empty() ||
      std::any_of(name.begin(), name.end(), [](char c) { return is_control(c) || c == ' '; })) {
    return end(
        make_error(Fault::input, Stage::ehlo,
                   "the client's own name is empty, or contains a space or a control character"));
  }
  usable_ = true;
  stopped_.reset();
  xclient_said_ = false;
  messages_ = 0;
  queue_.bytes() = options_.preamble;
  if (options_.tls == Tls::implicit) {
    state_ = State::handshake;
    return;
  }
  await_greeting();
}

void ClientMachine::await_greeting() {
  queue_.expect({Exchange::greeting, 0, Stage::connect});
  queue_.mark_written();
}

// Whether nothing has come yet on a connection without TLS. LMTP has no port with implicit TLS.
bool ClientMachine::awaits_first_byte() const {
  return state_ == State::talking && !tls_ && !options_.lmtp && queue_.is_awaiting() &&
         queue_.front().exchange == Exchange::greeting && !parser_.is_inside();
}

void ClientMachine::hello() {
  if (options_.lmtp) return queue_.put("LHLO " + options_.name, {Exchange::ehlo, 0, Stage::lhlo});
  const bool plain = options_.plain_helo;
  queue_.put((plain ? "HELO " : "EHLO ") + options_.name,
             {plain ? Exchange::helo : Exchange::ehlo, 0, plain ? Stage::helo : Stage::ehlo});
}

void ClientMachine::on_hello_reply(Exchange exchange, const Reply& reply) {
  if (exchange == Exchange::ehlo && reply.is_permanent_failure() && !options_.lmtp) {
    capabilities_ = {};
    return queue_.put("HELO " + options_.name, {Exchange::helo, 0, Stage::helo});
  }
  if (!reply.is_success())
    return refused(reply, options_.lmtp                ? Stage::lhlo
                          : exchange == Exchange::ehlo ? Stage::ehlo
                                                       : Stage::helo);
  capabilities_ =
      exchange == Exchange::ehlo ? parse_capabilities(reply, options_.ignored) : Capabilities{};
  after_hello();
}

void ClientMachine::after_hello() {
  if (!tls_ && stops_after(Stage::ehlo)) return;
  const bool wanted = options_.tls == Tls::opportunistic || options_.tls == Tls::required;
  if (wanted && !tls_) {
    if (capabilities_.starttls)
      return queue_.put("STARTTLS", {Exchange::starttls, 0, Stage::starttls});
    if (options_.tls == Tls::required) {
      return broke(
          make_error(Fault::tls_required, Stage::starttls,
                     "TLS is required and the server does not offer it; nothing was sent"));
    }
  }
  if (stops_after(Stage::starttls)) return;
  log_in();
}

// After TLS is settled: XCLIENT, then AUTH.
void ClientMachine::log_in() {
  if (!options_.xclient.empty() && !std::exchange(xclient_said_, true)) return put_xclient();
  if (options_.login) return start_auth();
  if (stops_after(Stage::auth)) return;
  end();
}

void ClientMachine::put_xclient() {
  if (!capabilities_.xclient)
    return broke(make_error(Fault::unsupported, Stage::xclient,
                            "the server does not offer XCLIENT to this client"));
  std::string line = "XCLIENT";
  for (const auto& [name, value] : options_.xclient) {
    const bool is_name = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return is_alpha(c) || c == '_';
    });
    if (!is_name)
      return broke(
          make_error(Fault::input, Stage::xclient, "not an attribute: " + printable(name, 80)));
    const auto& taken = capabilities_.xclient_names;
    if (!taken.empty() && std::find(taken.begin(), taken.end(), upper(name)) == taken.end())
      return broke(make_error(Fault::unsupported, Stage::xclient,
                              "the server does not accept this attribute: " + printable(name, 80)));
    line += ' ' + upper(name) + '=' + encode_xtext(value);
  }
  queue_.put(line, {Exchange::xclient, 0, Stage::xclient});
}

void ClientMachine::on_starttls_reply(const Reply& reply) {
  if (reply.code == 220) {
    if (!input_.empty()) {
      return broke(make_error(
          Fault::protocol, Stage::starttls,
          "bytes follow the reply to STARTTLS before the handshake: they may be injected"));
    }
    state_ = State::handshake;
    waiting_ = false;
    return;
  }
  const bool is_refusal = reply.is_temporary_failure() || reply.is_permanent_failure();
  if (reply.code == 421 || !is_refusal) return refused(reply, Stage::starttls);
  if (options_.tls == Tls::required) {
    auto error = make_error(Fault::tls_required, Stage::starttls,
                            "TLS is required and was refused: " + reply.one_line());
    error.reply_code = reply.code;
    return broke(std::move(error));
  }
  log_in();
}

void ClientMachine::tls_up(proto::TlsFacts facts) {
  tls_ = std::move(facts);
  capabilities_ = {};  // what was offered without TLS is not trusted (RFC 3207 section 4.2)
  parser_ = ReplyParser(options_.limits.replies);
  state_ = State::talking;
  waiting_ = false;
  if (options_.tls == Tls::implicit) {
    await_greeting();
  } else {
    hello();
  }
}

}  // namespace postroad::smtp
