// `postroad talk`: a session by hand with line editing. Lines go to the server as typed; STARTTLS
// does the handshake, AUTH with a mechanism alone (or alone, with --auth) does the whole exchange,
// and an unknown verb gets a hint. The connection is the client's own, with its proxy, pins and
// certificates; what is said on it is talk_machine.hpp, under the one driver.
#include <editline/readline.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>

#include "base/text.hpp"
#include "cli/exit.hpp"
#include "cli/flags/server_flags.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs/talk_machine.hpp"
#include "client/connection.hpp"
#include "client/url.hpp"
#include "net/drive.hpp"
#include "observe/sinks.hpp"
#include "proto/smtp/server/command.hpp"

namespace postroad::cli {

namespace asio = boost::asio;

config::Command TalkVerb::declare() {
  config::Command command{.name = "talk", .summary = "type an SMTP session by hand"};
  command.description =
      "Sends lines to the server as typed and shows its replies. STARTTLS does the handshake. AUTH "
      "with a mechanism alone asks for user and password and does the exchange; with --auth so "
      "does AUTH alone. EHLO alone is "
      "completed with the name of --helo, or the local IP address. After a 354 reply the lines "
      "are the message; leading dots are doubled, and a line with a single dot ends it."
      "\n\n"
      "Where standard input is not a terminal, AUTH needs --user with --password-file or "
      "--password-env: user and password are not read from the lines. AUTH without them ends the "
      "session."
      "\n\n"
      "With --helo or --plain-helo the session starts with that command, and with --require-tls "
      "with EHLO and STARTTLS. Replies of the server do not change the exit code.";
  command.arguments = {{.name = "HOST",
                        .doc = "host, host:port or URL, in place of --server.",
                        .target = &host,
                        .required = false}};
  server.add_to(command.flags, true);
  command.examples = {{"postroad talk 127.0.0.1:2525", "with the server on this machine"}};
  command.exit_codes = {
      {exit_ok, "the session was ended by QUIT, by the end of input, or by a 421 reply"},
      {exit_usage,
       "wrong command line, wrong value of a flag, or AUTH without a login where standard input is "
       "not a terminal"},
      {exit_data, "the input ended inside a message"},
      {exit_no_input, "a file cannot be read"},
      {exit_no_host, "the host name has no address"},
      {exit_io, "the session cannot be printed on standard error"},
      {exit_temporary, "the server cannot be reached, or the connection was lost"},
      {exit_protocol, "the server violated the protocol"},
      {exit_no_permission, "TLS failed, or the server did not prove that it knows the password"}};
  command.run = [this] { return run(); };
  return command;
}

namespace {

// Asks the user, and does the client's side of the handshake.
class Talk final {
 public:
  Talk(const ServerFlags& flags, ClientOptions options)
      : flags_(flags),
        trace_(trace_printer(observe::wants_colour(STDERR_FILENO))),
        connection_(flags.server, std::nullopt, std::move(options)) {}
  int run();

  // For the driver.
  bool answer_now(TalkMachine& machine);
  asio::awaitable<void> answer(TalkMachine&) const { co_return; }
  asio::awaitable<Result<proto::TlsFacts>> handshake(net::Stream&, net::Time deadline) {
    return connection_.handshake(deadline);
  }

 private:
  asio::awaitable<Result<void>> converse();
  [[nodiscard]] TalkOptions machine_options();
  static std::optional<std::string> ask(bool keep = true);
  /// False: the reason was printed, and the user is asked again.
  bool take_command(TalkMachine& machine, const std::string& line);
  /// nullopt: the line is sent as typed.
  std::optional<bool> take_auth(TalkMachine& machine, std::string_view argument);
  /// Prints why AUTH is not sent, or ends the session where the next lines may be a login.
  bool refuse_auth(TalkMachine& machine, std::string_view mechanism, Error why);
  [[nodiscard]] bool has_user() const { return flags_.user || !connection_.url().user.empty(); }
  [[nodiscard]] bool needs_prompt(std::string_view mechanism) const;
  Result<void> login(TalkMachine& machine, const std::string& mechanism);
  Result<sasl::Credentials> credentials_for(const std::string& mechanism);
  static void hint(std::string_view line);

  const ServerFlags& flags_;
  net::SessionTrace trace_;
  asio::io_context context_{1};  // outlives the connection
  client::Connection connection_;
  net::BufferPool buffers_;
};

std::optional<std::string> Talk::ask(bool keep) {
  if (!is_terminal(STDIN_FILENO)) {
    std::string line;
    if (!std::getline(std::cin, line)) return std::nullopt;
    if (line.ends_with('\r')) line.pop_back();
    return line;
  }
  const std::unique_ptr<char, decltype(&std::free)> line(readline("> "), std::free);
  if (!line) return std::nullopt;
  if (keep && *line != '\0' && !istarts_with(line.get(), "AUTH")) add_history(line.get());
  return std::string(line.get());
}

bool Talk::answer_now(TalkMachine& machine) {
  if (machine.wants_body()) {
    const auto line = ask(false);
    if (!line)
      machine.abandon_body();
    else
      machine.say_body(*line == "." || !line->starts_with('.') ? *line : '.' + *line);
    return true;
  }
  for (;;) {
    const auto line = ask();
    if (!line) {
      machine.leave();
      return true;
    }
    if (!trim(*line).empty() && take_command(machine, *line)) return true;
  }
}

bool Talk::take_command(TalkMachine& machine, const std::string& line) {
  const auto command = smtp::parse_command(line);
  const auto verb = command.row != nullptr ? command.row->verb : smtp::Verb::unknown;
  if (verb == smtp::Verb::auth) {
    if (const auto taken = take_auth(machine, command.argument)) return *taken;
  }
  if (verb == smtp::Verb::starttls && flags_.no_tls) {
    complain("talk", "STARTTLS is not sent: --no-tls was given; start again without it");
    return false;
  }
  const bool says_hello =
      verb == smtp::Verb::ehlo || verb == smtp::Verb::helo || verb == smtp::Verb::lhlo;
  if (says_hello && command.argument.empty()) {
    machine.say(std::string(command.verb) + ' ' + flags_.helo.value_or(connection_.own_literal()),
                false);
    return true;
  }
  hint(line);
  if (verb == smtp::Verb::data) std::cerr << "(a line with a single dot ends the message)\n";
  machine.say(line, verb == smtp::Verb::auth);
  return true;
}

std::optional<bool> Talk::take_auth(TalkMachine& machine, std::string_view argument) {
  const auto typed = upper(trim(argument));
  const auto word = typed.substr(0, typed.find(' '));
  const auto& only = flags_.mechanism;
  if (only && !word.empty() && word != *only) {
    return refuse_auth(machine, word,
                       fail(Fault::auth, {},
                            "AUTH " + printable(word, 40) + " is not sent: --auth " + *only +
                                " was given; type AUTH alone, or start again without it"));
  }
  const auto mechanism = typed.empty() ? only.value_or("") : typed;
  const auto& known = sasl::mechanisms();
  if (std::find(known.begin(), known.end(), mechanism) == known.end()) return std::nullopt;
  const auto begun = login(machine, mechanism);
  return begun ? true : refuse_auth(machine, mechanism, begun.error());
}

// Whether the flags and the URL leave a part of the login to be asked for.
bool Talk::needs_prompt(std::string_view mechanism) const {
  const bool has_password = flags_.password_file || flags_.password_env ||
                            flags_.password_command || flags_.token_env || flags_.token_command ||
                            !connection_.url().password.empty();
  return mechanism != "EXTERNAL" && !(has_user() && has_password);
}

bool Talk::refuse_auth(TalkMachine& machine, std::string_view mechanism, Error why) {
  if (is_terminal(STDIN_FILENO) || !needs_prompt(mechanism)) {
    complain("talk", why.text());
    return false;
  }
  // The person expected a prompt: a line that answers it would be sent as a command.
  why.fault = Fault::input;
  why.detail += "; the session was ended, because the next lines may be a user and a password";
  machine.failed(why);
  return true;
}

namespace {

// Why the mechanism cannot carry this login; empty: it can.
std::string wrong_with(const std::string& mechanism, const sasl::Credentials& login,
                       const sasl::Context& context) {
  if (sasl::may_use(mechanism, login, context)) return {};
  if (!login.authorize_as.empty() && !sasl::can_authorize(mechanism))
    return "this mechanism cannot carry the name of --authorize-as; use one of SCRAM or PLAIN, or "
           "start again without the flag";
  if (mechanism == "EXTERNAL")
    return "the login is a client certificate; start again with --certificate";
  if (mechanism.ends_with("-PLUS") && !context.binding.is_there())
    return "it is bound to the TLS channel; use STARTTLS and EHLO first";
  return "it needs a password, and the flags give a token; use XOAUTH2 or OAUTHBEARER";
}

}  // namespace

// Asks for what no flag gives.
Result<sasl::Credentials> Talk::credentials_for(const std::string& mechanism) {
  if (mechanism == "EXTERNAL")
    return sasl::Credentials{.authorize_as = flags_.authorize_as.value_or(""),
                             .certificate = flags_.certificate.has_value()};
  auto flags = flags_;
  if (!has_user()) {
    std::cerr << "user: ";
    flags.user = ask(false).value_or("");
  }
  flags.mechanism = mechanism;
  auto login = login_of(flags);
  if (!login) return login.error();
  sasl::Credentials credentials;
  if (*login) {
    credentials.user = (*login)->user;
    credentials.authorize_as = (*login)->authorize_as;
    credentials.password = (*login)->password;
    credentials.token = (*login)->token;
  }
  return credentials;
}

Result<void> Talk::login(TalkMachine& machine, const std::string& mechanism) {
  if (!has_user() && mechanism != "EXTERNAL" && !is_terminal(STDIN_FILENO))
    return fail(Fault::input, "AUTH " + mechanism,
                "not sent: standard input is not a terminal, so that the user and the password "
                "cannot be asked for; use --user with --password-file or --password-env");
  if (!machine.is_secure() && !flags_.allow_password_in_clear)
    return fail(Fault::auth, "AUTH " + mechanism,
                "not sent: the connection has no TLS, and the password could be read in transit; "
                "use STARTTLS and EHLO first, or start again with --allow-password-in-clear");
  const auto credentials = credentials_for(mechanism);
  if (!credentials) return credentials.error();
  sasl::Context context;
  context.host = connection_.url().host;
  context.port = connection_.url().port;
  context.binding = machine.binding();
  context.binding_is_offered = machine.capabilities().offers_auth(mechanism + "-PLUS");
  if (const auto why = wrong_with(mechanism, *credentials, context); !why.empty())
    return fail(Fault::auth, "AUTH " + mechanism, "not sent: " + why);
  machine.start_auth(mechanism, sasl::make_client(mechanism, *credentials, context));
  return {};
}

void Talk::hint(std::string_view line) {
  const auto command = smtp::parse_command(line);
  if (command.row != nullptr) return;
  const auto meant = smtp::nearest_verb(command.verb);
  std::cerr << "hint: " << printable(command.verb, 40) << " is not an SMTP command"
            << (meant.empty() ? "" : "; did you mean ") << meant << (meant.empty() ? "" : "?")
            << '\n';
}

TalkOptions Talk::machine_options() {
  const bool tls_first = connection_.url().tls == Tls::implicit && !flags_.no_tls;
  TalkOptions options{.server = connection_.server(),
                      .timeout = flags_.timeout.value_or(default_timeout),
                      .implicit_tls = tls_first,
                      .lmtp = connection_.url().lmtp,
                      .require_tls = flags_.require_tls && !tls_first};
  if (flags_.helo || flags_.plain_helo || options.require_tls) {
    const auto* const verb = connection_.url().lmtp ? "LHLO "
                             : flags_.plain_helo    ? "HELO "
                                                    : "EHLO ";
    options.hello = verb + flags_.helo.value_or(connection_.own_literal());
  }
  return options;
}

asio::awaitable<Result<void>> Talk::converse() {
  const auto reached = co_await connection_.reach();
  if (!reached) co_return reached.error();
  TalkMachine machine(machine_options());
  if (!connection_.early().empty()) {
    trace_.received(connection_.early(), false);
    machine.received(connection_.early());
  }
  net::DriveOptions how;
  how.buffers = &buffers_;
  how.trace = &trace_;
  co_await net::drive(connection_.stream(), machine, *this, how);
  connection_.stream().close();
  if (machine.error()) co_return *machine.error();
  co_return Result<void>();
}

int Talk::run() {
  std::optional<Result<void>> ended;
  asio::co_spawn(
      context_, client::without_throwing(converse()),
      [&](const std::exception_ptr& thrown, Result<void> result) {
        ended.emplace(thrown ? Result<void>(client::error_of(thrown)) : std::move(result));
        context_.stop();
      });
  context_.run();
  if (*ended) return std::ferror(stderr) != 0 ? exit_io : exit_ok;
  auto error = ended->error();
  if (error.where.empty()) error.where = connection_.server();
  complain("talk", error.text());
  return exit_of(error);
}

}  // namespace

int TalkVerb::run() {
  if (!host.empty()) {
    if (!server.server_typed.empty()) {
      complain("talk", server.server_typed.back() + ", HOST: mutually exclusive; give only one");
      return exit_usage;
    }
    server.server = host;
    server.server_typed = {"HOST"};
  }
  const auto url = client::parse_url(server.server);
  if (const auto right = url ? check(server) : Result<void>(url.error()); !right) {
    complain("talk", right.error().text());
    return exit_of(right.error());
  }
  auto options = client_options(server);
  options.trace = trace_printer(observe::wants_colour(STDERR_FILENO));
  return Talk(server, std::move(options)).run();
}

}  // namespace postroad::cli
