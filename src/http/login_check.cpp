// The question, and what the answers mean; see login_check.hpp.
#include "http/login_check.hpp"

#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "base/text.hpp"
#include "http/command.hpp"
#include "http/post.hpp"
#include "observe/sinks.hpp"

namespace postroad::http {

namespace {

constexpr int exit_right = 0;
constexpr int exit_wrong = 1;

std::string question(const sasl::Credentials& credentials, std::string_view client) {
  const auto field = [](std::string_view name, std::string_view value) {
    return '"' + std::string(name) + "\":\"" + observe::escape_json(value) + '"';
  };
  const bool is_token = !credentials.token.empty();
  return '{' + field("user", credentials.user) + ',' +
         field(is_token ? "token" : "password",
               is_token ? credentials.token.reveal() : credentials.password.reveal()) +
         ',' + field("client", client) + "}\n";
}

LoginAnswer answer_of_exit(const std::string& program, const Result<int>& code) {
  if (!code) return {LoginVerdict::not_now, code.error().text()};
  if (*code == exit_right) return {LoginVerdict::right};
  if (*code == exit_wrong) return {LoginVerdict::wrong};
  return {LoginVerdict::not_now,
          program + ": exit code " + std::to_string(*code) + " is neither 0 (right) nor 1 (wrong)"};
}

LoginAnswer answer_of_status(const std::string& host, const Result<unsigned>& status) {
  if (!status) {
    auto error = status.error();
    if (error.where.empty()) error.where = host;
    return {LoginVerdict::not_now, error.text()};
  }
  if (*status >= 200 && *status < 300) return {LoginVerdict::right};
  if (*status == 401 || *status == 403) return {LoginVerdict::wrong};
  return {LoginVerdict::not_now,
          host + ": HTTP status " + std::to_string(*status) + " is neither 2yz nor 401 or 403"};
}

boost::asio::awaitable<LoginAnswer> ask(LoginCheckSettings settings,
                                        std::optional<net::TlsContext> tls, std::string text,
                                        proto::Time deadline) {
  // A login that waited for its turn until now would only make the ones behind it late too.
  if (proto::Clock::now() >= deadline)
    co_return LoginAnswer{LoginVerdict::not_now, std::string(no_turn)};
  if (settings.url.empty()) {
    const auto program = settings.command.front();
    const auto code = co_await run_command(std::move(settings.command), std::move(text), deadline);
    co_return answer_of_exit(program, code);
  }
  auto service = parse_service(settings.url);
  if (!service) co_return LoginAnswer{LoginVerdict::not_now, service.error().text()};
  service->tls_context = std::move(tls);
  const auto status = co_await post(*service, "application/json", text, deadline);
  co_return answer_of_status(service->host, status);
}

}  // namespace

std::optional<Error> LoginCheckSettings::invalid_reason() const {
  if (!command.empty() && !url.empty())
    return fail(Fault::input, "server.login_url", "either login_command or login_url, not both");
  if (!url.empty()) {
    if (const auto service = parse_service(url); !service)
      return fail(Fault::input, "server.login_url", service.error().text());
  }
  if (command.empty()) return std::nullopt;
  const auto& program = command.front();
  if (!program.starts_with('/'))
    return fail(
        Fault::input, "server.login_command",
        printable(program, 80) + ": not an absolute path; give the absolute path of the program");
  if (::access(program.c_str(), X_OK) != 0)
    return fail(
        Fault::input, "server.login_command",
        printable(program, 80) + " cannot be run: " + std::generic_category().message(errno));
  return std::nullopt;
}

bool LoginCheckSettings::needs_tls() const { return istarts_with(url, "https://"); }

boost::asio::awaitable<LoginAnswer> LoginCheck::check(const sasl::Credentials& credentials,
                                                      std::string_view client,
                                                      Time deadline) const {
  return ask(settings_, tls_, question(credentials, client), deadline);
}

}  // namespace postroad::http
