// `postroad talk`: a session by hand with line editing. What you type goes to the server as it is;
// STARTTLS then does the handshake, AUTH and a mechanism without more ask for user and
// password and do the rest, and a verb that is none gets a hint.
#include <editline/readline.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>

#include "base/text.hpp"
#include "cli/exit.hpp"
#include "cli/flags/server_flags.hpp"
#include "cli/terminal.hpp"
#include "client/url.hpp"
#include "net/connect.hpp"
#include "net/stream.hpp"
#include "observe/sinks.hpp"
#include "proto/sasl/mechanism.hpp"
#include "proto/smtp/capabilities.hpp"
#include "proto/smtp/command.hpp"
#include "proto/smtp/reply.hpp"

namespace postroad::cli {

namespace asio = boost::asio;

config::Command TalkVerb::declare() {
  config::Command command{.name = "talk", .summary = "a session with a server, typed by hand"};
  command.description =
      "Lines go to the server as typed. STARTTLS does the handshake, AUTH and a mechanism alone "
      "ask "
      "for user and password and do the exchange. After a 354 lines are the message, with leading "
      "dots doubled, until a lone dot.";
  command.arguments = {
      {.name = "HOST", .doc = "host, host:port or URL.", .target = &host, .required = false}};
  server.add_to(command.flags);
  command.examples = {{"postroad talk 127.0.0.1:2525", "to the server on this machine"}};
  return command;
}

namespace {

class Talk final {
 public:
  Talk(const ServerFlags& flags, client::Url url)
      : flags_(flags),
        url_(std::move(url)),
        print_(trace_printer(observe::wants_colour(STDERR_FILENO))) {}
  int run();

 private:
  template <class T>
  T wait(asio::awaitable<T> call) {
    std::optional<T> result;
    asio::co_spawn(context_, std::move(call), [&](std::exception_ptr, T value) {
      result.emplace(std::move(value));
      context_.stop();
    });
    context_.restart();
    context_.run();
    return std::move(*result);
  }
  [[nodiscard]] net::Time deadline() const { return proto::Clock::now() + flags_.timeout; }
  asio::awaitable<Result<void>> dial();
  std::optional<std::string> ask();
  Result<void> say(std::string_view line, std::string_view shown);
  Result<Reply> hear();
  Result<Reply> exchange(std::string_view line, std::string_view shown);
  Result<void> secure();
  Result<void> login(const std::string& mechanism);
  Result<void> message();
  Result<bool> turn(const std::string& line);
  void hint(std::string_view line) const;

  const ServerFlags& flags_;
  client::Url url_;
  std::function<void(std::string_view, std::string_view)> print_;
  asio::io_context context_{1};
  std::optional<net::Stream> stream_;
  smtp::ReplyParser parser_;
  smtp::Capabilities capabilities_;
  sasl::ChannelBinding binding_;
  bool is_secure_ = false;  // TLS is up
  std::string input_;
};

asio::awaitable<Result<void>> Talk::dial() {
  auto socket = co_await net::connect(url_.host, url_.port, deadline());
  if (!socket) co_return socket.error();
  stream_.emplace(std::move(*socket));
  co_return Result<void>();
}

std::optional<std::string> Talk::ask() {
  if (!is_terminal(STDIN_FILENO)) {
    std::string line;
    if (!std::getline(std::cin, line)) return std::nullopt;
    return line;
  }
  const std::unique_ptr<char, decltype(&std::free)> line(readline("> "), std::free);
  if (!line) return std::nullopt;
  if (*line != '\0' && !istarts_with(line.get(), "AUTH")) add_history(line.get());
  return std::string(line.get());
}

Result<void> Talk::say(std::string_view line, std::string_view shown) {
  print_("->", shown);
  std::string octets = std::string(line) + "\r\n";
  for (std::string_view rest = octets; !rest.empty();) {
    const auto count = wait(stream_->write(rest, deadline()));
    if (!count) return count.error();
    rest.remove_prefix(*count);
  }
  return {};
}

Result<Reply> Talk::hear() {
  for (;;) {
    std::string_view rest = input_;
    auto reply = parser_.parse(rest);
    input_ = rest;
    if (!reply) return reply.error();
    if (*reply) {
      std::string lines;
      smtp::format(**reply, lines);
      for (const auto line : split(lines, '\n')) {
        if (!line.empty()) print_("<-", printable(line.substr(0, line.size() - 1)));
      }
      return **reply;
    }
    char buffer[4096];
    const auto count = wait(stream_->read(buffer, deadline()));
    if (!count) return count.error();
    if (*count == 0) return fail(Fault::closed, url_.server(), "the server closed the connection");
    input_.assign(buffer, *count);
  }
}

Result<Reply> Talk::exchange(std::string_view line, std::string_view shown) {
  const auto said = say(line, shown);
  return said ? hear() : Result<Reply>(said.error());
}

Result<void> Talk::secure() {
  if (!input_.empty())
    return fail(
        Fault::protocol, url_.server(),
        "bytes follow the reply to STARTTLS before the handshake: they may be injected");
  const auto tls =
      net::TlsContext::client({.verify = !flags_.insecure, .ca_file = flags_.ca_file.value_or("")});
  if (!tls) return tls.error();
  const auto facts = wait(stream_->handshake_client(*tls, url_.host, deadline()));
  if (!facts) return facts.error();
  binding_ = facts->binding;
  is_secure_ = true;
  print_("--", "TLS " + facts->version + " " + facts->cipher + "; say EHLO again");
  return {};
}

Result<void> Talk::login(const std::string& mechanism) {
  if (!is_secure_ && !flags_.allow_password_in_clear)
    return fail(Fault::auth, url_.server(),
                "the password is not sent without TLS: say STARTTLS and EHLO first; "
                "--allow-password-in-clear would send it");
  auto flags = flags_;
  if (!flags.user) {
    std::cerr << "user: ";
    flags.user = ask().value_or("");
  }
  flags.server = url_.server();
  const auto login = login_of(flags);
  if (!login) return login.error();
  sasl::Context context;
  context.host = url_.host;
  context.port = url_.port;
  context.binding = binding_;
  context.binding_is_offered = capabilities_.offers_auth(mechanism + "-PLUS");
  sasl::Credentials credentials{.user = (*login)->user};
  const auto& secret = (*login)->token.empty() ? (*login)->password : (*login)->token;
  (mechanism.find("OAUTH") != std::string::npos ? credentials.token : credentials.password) =
      secret;
  auto machine = sasl::make_client(mechanism, credentials, context);
  auto step = machine->initial();
  const auto initial = step ? base64_encode(step->response) : std::string();
  auto reply = exchange("AUTH " + mechanism + (step ? ' ' + (initial.empty() ? "=" : initial) : ""),
                        "AUTH " + mechanism + (step ? " [hidden]" : ""));
  for (int i = 0; reply && reply->code == 334 && i < 8; ++i) {
    step = machine->respond(base64_decode(reply->text).value_or(""));
    reply = step ? exchange(base64_encode(step->response), "[hidden]") : exchange("*", "*");
  }
  if (!reply) return reply.error();
  const auto doubt = machine->doubt();
  if (reply->code == 235 && !doubt.empty()) return fail(Fault::auth, url_.server(), doubt);
  return {};
}

Result<void> Talk::message() {
  std::cerr << "(the message; a lone dot ends it)\n";
  for (;;) {
    const auto line = ask();
    const bool end = !line || *line == ".";
    const auto octets = end ? "." : line->starts_with('.') ? '.' + *line : *line;
    auto said = say(octets, octets);
    if (!said || end) return said;
  }
}

void Talk::hint(std::string_view line) const {
  const auto command = smtp::parse_command(line);
  if (command.row != nullptr) return;
  const auto meant = smtp::nearest_verb(command.verb);
  std::cerr << "hint: " << printable(command.verb, 40) << " is no SMTP command"
            << (meant.empty() ? "" : "; did you mean ") << meant << (meant.empty() ? "" : "?")
            << '\n';
}

Result<bool> Talk::turn(const std::string& line) {
  const auto words = split(trim(line), ' ');
  const auto verb = upper(words.front());
  const auto mechanism = words.size() == 2 ? upper(words[1]) : "";
  const auto& known = sasl::mechanisms();
  if (verb == "AUTH" && std::find(known.begin(), known.end(), mechanism) != known.end()) {
    const auto done = login(mechanism);
    return done ? Result<bool>(true) : Result<bool>(done.error());
  }
  hint(line);
  auto reply = exchange(line, verb == "AUTH" ? "AUTH [hidden]" : line);
  if (!reply) return reply.error();
  if (verb == "EHLO" && reply->is_success()) capabilities_ = smtp::parse_capabilities(*reply);
  if (verb == "STARTTLS" && reply->code == 220) {
    const auto secured = secure();
    if (!secured) return secured.error();
  }
  if (reply->code == 354) {
    const auto sent = message();
    if (!sent) return sent.error();
    reply = hear();
    if (!reply) return reply.error();
  }
  return verb != "QUIT" && reply->code != 421;
}

int Talk::run() {
  const auto stop = [&](Error error) {
    if (error.where.empty()) error.where = url_.server();
    complain("talk", error.text());
    return exit_of(error);
  };
  const auto connected = wait(dial());
  if (!connected) return stop(connected.error());
  print_("--", "connected to " + stream_->peer());
  if (url_.tls == Tls::implicit) {
    const auto secured = secure();
    if (!secured) return stop(secured.error());
  }
  const auto greeting = hear();
  if (!greeting) return stop(greeting.error());
  for (;;) {
    const auto line = ask();
    if (!line) return exit_ok;
    if (trim(*line).empty()) continue;
    const auto more = turn(*line);
    if (!more) return stop(more.error());
    if (!*more) return exit_ok;
  }
}

}  // namespace

int TalkVerb::run() {
  auto url = client::parse_url(host.empty() ? server.server : host);
  if (!url) {
    complain("talk", url.error().text());
    return exit_usage;
  }
  return Talk(server, std::move(*url)).run();
}

}  // namespace postroad::cli
