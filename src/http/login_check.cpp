// The command by posix_spawn, the service by a POST; see login_check.hpp.
#include "http/login_check.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <memory>
#include <system_error>

#include "base/text.hpp"
#include "http/post.hpp"
#include "observe/sinks.hpp"

extern char** environ;

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

// The environment may hold settings, such as the smarthost's password: the program must not see
// them.
std::vector<char*> environment_of_command() {
  std::vector<char*> kept;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with("POSTROAD_")) kept.push_back(*entry);
  }
  kept.push_back(nullptr);
  return kept;
}

// Waits until the process has ended, or kills its process group: a script waits for its programs,
// and they for a service. Its exit code; -1: none.
int wait_for(pid_t child, std::chrono::milliseconds patience) {
  const auto handle = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
  pollfd ended{handle, POLLIN, 0};
  if (handle < 0 || ::poll(&ended, 1, static_cast<int>(patience.count())) != 1)
    ::kill(-child, SIGKILL);
  if (handle >= 0) ::close(handle);
  int status = 0;
  pid_t waited = 0;
  do {
    waited = ::waitpid(child, &status, 0);
  } while (waited < 0 && errno == EINTR);
  // If SIGCHLD is ignored, the kernel discards the exit code: treat the login as unchecked.
  return waited == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

LoginVerdict ask_command(std::vector<std::string> command, const std::string& text,
                         std::chrono::milliseconds patience) {
  std::vector<char*> arguments;
  for (auto& word : command) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return LoginVerdict::not_now;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  // Asio's sockets stay open across exec: a program that outlives the server would hold its ports
  // and the clients' connections.
  posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  // The server ignores and blocks signals that a program expects in their default state.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  auto environment = environment_of_command();
  pid_t child = 0;
  const int failed = ::posix_spawn(&child, command.front().c_str(), &actions, &attributes,
                                   arguments.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  ::close(ends[1]);
  if (failed == 0) {
    // A question is smaller than a socket's buffer: a command that does not read blocks nothing.
    (void)::send(ends[0], text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  ::close(ends[0]);
  if (failed != 0) return LoginVerdict::not_now;
  const int code = wait_for(child, patience);
  return code == exit_right   ? LoginVerdict::right
         : code == exit_wrong ? LoginVerdict::wrong
                              : LoginVerdict::not_now;
}

LoginVerdict ask_service(const std::string& url, const std::string& text, proto::Time deadline) {
  const auto service = parse_service(url);
  if (!service) return LoginVerdict::not_now;
  boost::asio::io_context context(1);
  unsigned status = 0;
  boost::asio::co_spawn(context, post(*service, "application/json", text, deadline),
                        [&](const std::exception_ptr& thrown, const Result<unsigned>& answer) {
                          if (!thrown && answer) status = *answer;
                          context.stop();  // a late resolver is not waited for
                        });
  context.run();
  if (status >= 200 && status < 300) return LoginVerdict::right;
  return status == 401 || status == 403 ? LoginVerdict::wrong : LoginVerdict::not_now;
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

LoginVerdict LoginCheck::check(const sasl::Credentials& credentials, std::string_view client,
                               Time deadline) const {
  // A login that waited for a thread until now would only make the ones behind it late too.
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Time::clock::now());
  if (left.count() <= 0) return LoginVerdict::not_now;
  const auto text = question(credentials, client);
  return settings_.url.empty() ? ask_command(settings_.command, text, left)
                               : ask_service(settings_.url, text, deadline);
}

}  // namespace postroad::http
