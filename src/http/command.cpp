// A process by posix_spawn, its input over a socket, its end by a pidfd; see command.hpp.
#include "http/command.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <chrono>
#include <memory>
#include <mutex>
#include <string_view>
#include <system_error>

#include "net/as_values.hpp"

namespace postroad::http {

namespace asio = boost::asio;

namespace {

using net::as_values;

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

Error not_started(const std::string& program, int reason) {
  return fail(Fault::io, program, "cannot be started: " + std::generic_category().message(reason));
}

// Both lists end with a null pointer.
Result<pid_t> spawn(const std::vector<char*>& arguments, const std::vector<char*>& environment,
                    int input) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
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
  pid_t child = 0;
  const int failed = ::posix_spawn(&child, arguments.front(), &actions, &attributes,
                                   arguments.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (failed != 0) return not_started(arguments.front(), failed);
  return child;
}

// Time for a killed process to end. It needs less than a millisecond, unless the kernel holds it,
// for example because of a file system that does not respond.
constexpr std::chrono::milliseconds time_to_die{500};

// Processes that could not be waited for: they run as another user, so that the server may not kill
// them, or the kernel still held them.
class Unreaped final {
 public:
  void add(pid_t process) noexcept {
    try {
      const std::lock_guard lock(mutex_);
      processes_.push_back(process);
    } catch (...) {
      // No memory: a zombie stays until the server ends.
    }
  }
  void reap() {
    const std::lock_guard lock(mutex_);
    std::erase_if(processes_, [](pid_t one) { return ::waitpid(one, nullptr, WNOHANG) != 0; });
  }

 private:
  std::mutex mutex_;
  std::vector<pid_t> processes_;
};

Unreaped& unreaped() {
  static Unreaped all;
  return all;
}

// One process. Its destructor kills it, and waits for its end at most `time_to_die`.
class Process final : public std::enable_shared_from_this<Process> {
 public:
  explicit Process(const asio::any_io_executor& executor)
      : input(executor), end(executor), timer_(executor) {}
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();

  // Error: it was not started, or its end cannot be waited for.
  Result<void> start(std::vector<std::string>& command);
  // A process that does not end when it is killed is not waited for: `end` is closed.
  void kill_at(proto::Time deadline) {
    at(deadline, [](Process& process) {
      process.kill();
      process.at(proto::Clock::now() + time_to_die, [](Process& killed) {
        boost::system::error_code ignored;
        killed.end.close(ignored);
      });
    });
  }
  // Never blocks.
  [[nodiscard]] bool has_ended();
  // Requires that it has ended.
  [[nodiscard]] Result<int> exit_code() const;
  [[nodiscard]] Error late() const;

  asio::local::stream_protocol::socket input;
  asio::posix::stream_descriptor end;  // readable once the process has ended

 private:
  template <class Act>
  void at(proto::Time time, Act act) {
    timer_.expires_at(time);
    timer_.async_wait([self = weak_from_this(), act](const boost::system::error_code& cancelled) {
      if (const auto process = self.lock(); process && !cancelled) act(*process);
    });
  }
  void kill();

  asio::steady_timer timer_;
  pid_t pid_ = 0;              // 0: not started, or reaped
  proto::Time dies_by_{};      // the process was killed, and ends by then
  std::optional<int> status_;  // as of waitpid
  std::string program_;
};

Process::~Process() {
  kill();
  if (has_ended()) return;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(dies_by_ - proto::Clock::now());
  pollfd ended{end.is_open() ? end.native_handle() : -1, POLLIN, 0};
  if (left.count() > 0 && ended.fd >= 0) (void)::poll(&ended, 1, static_cast<int>(left.count()));
  if (!has_ended()) unreaped().add(pid_);
}

// The process group too: a script waits for its programs, and they for a service. The program may
// have left the group, so it is also killed alone. Both are done only while it is not reaped: the
// number could belong to another process then. The input is closed, because a program that left the
// group may hold its other end.
void Process::kill() {
  if (pid_ != 0) {
    ::kill(-pid_, SIGKILL);
    const bool is_killed = ::kill(pid_, SIGKILL) == 0;
    if (is_killed && dies_by_ == proto::Time{}) dies_by_ = proto::Clock::now() + time_to_die;
  }
  boost::system::error_code ignored;
  input.close(ignored);
}

Result<void> Process::start(std::vector<std::string>& command) {
  program_ = command.front();
  std::vector<char*> arguments;
  for (auto& word : command) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const auto environment = environment_of_command();
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return not_started(program_, errno);
  boost::system::error_code error;
  input.assign(asio::local::stream_protocol(), ends[0], error);
  if (error) {
    ::close(ends[0]);
    ::close(ends[1]);
    return not_started(program_, error.value());
  }
  const auto started = spawn(arguments, environment, ends[1]);
  ::close(ends[1]);
  if (!started) return started.error();
  pid_ = *started;
  const auto handle = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  if (handle >= 0) {
    end.assign(handle, error);
    if (!error) return {};
    ::close(handle);
  }
  const auto reason = handle < 0 ? std::generic_category().message(errno) : error.message();
  return fail(Fault::io, program_, "its end cannot be waited for: " + reason);
}

bool Process::has_ended() {
  if (pid_ == 0) return true;
  int status = 0;
  pid_t waited = 0;
  do {
    waited = ::waitpid(pid_, &status, WNOHANG);
  } while (waited < 0 && errno == EINTR);
  if (waited == 0) return false;
  if (waited == pid_) status_ = status;
  pid_ = 0;
  return true;
}

Result<int> Process::exit_code() const {
  if (!status_)
    return fail(Fault::io, program_, "the kernel discarded its exit code: SIGCHLD is ignored");
  if (WIFEXITED(*status_)) return WEXITSTATUS(*status_);
  return fail(Fault::io, program_, "ended by signal " + std::to_string(WTERMSIG(*status_)));
}

Error Process::late() const {
  return fail(Fault::timeout, program_,
              pid_ == 0 ? "did not end before the deadline and was killed"
                        : "did not end before the deadline, and cannot be killed");
}

}  // namespace

asio::awaitable<Result<int>> run_command(std::vector<std::string> command, std::string input,
                                         proto::Time deadline) {
  unreaped().reap();
  const auto process = std::make_shared<Process>(co_await asio::this_coro::executor);
  if (const auto started = process->start(command); !started) co_return started.error();
  process->kill_at(deadline);
  // A program need not read its input: an error is none of the command's.
  (void)co_await asio::async_write(process->input, asio::buffer(input), as_values);
  boost::system::error_code ignored;
  process->input.close(ignored);
  while (!process->has_ended()) {
    const auto [cancelled] =
        co_await process->end.async_wait(asio::posix::stream_descriptor::wait_read, as_values);
    if (cancelled) co_return process->late();
  }
  // The kill and the program's own end may cross.
  if (proto::Clock::now() >= deadline) co_return process->late();
  co_return process->exit_code();
}

}  // namespace postroad::http
