// See terminal.hpp.
#include "cli/terminal.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "base/descriptor.hpp"
#include "base/text.hpp"
#include "observe/sinks.hpp"

namespace postroad::cli {

bool is_terminal(int descriptor) { return isatty(descriptor) == 1; }

int terminal_width() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

namespace {

std::string reason() { return std::strerror(errno); }

// A terminal without echo. Signals that end or stop the program wait until it has its echo again.
class SilentTerminal {
 public:
  explicit SilentTerminal(int terminal) : terminal_(terminal) {
    sigemptyset(&signals_);
    for (const int number : {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGTSTP})
      sigaddset(&signals_, number);
    waiting_ = ::signalfd(-1, &signals_, SFD_CLOEXEC | SFD_NONBLOCK);
    if (is_open()) begin();
  }
  ~SilentTerminal() {
    if (!is_open()) return;
    end();
    ::close(waiting_);
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;

  /// False: there is no descriptor for the signals (errno), and the terminal is as it was.
  [[nodiscard]] bool is_open() const { return waiting_ >= 0; }
  /// nullopt: the input ended. Requires is_open().
  std::optional<std::string> read_line() {
    std::string line;
    for (;;) {
      std::array<pollfd, 2> ready{{{terminal_, POLLIN, 0}, {waiting_, POLLIN, 0}}};
      if (::poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) return std::nullopt;
      if (ready[1].revents != 0) {
        end();  // the signal comes now; after a stop the program goes on here
        begin();
        continue;
      }
      char c = 0;
      const auto n = ready[0].revents == 0 ? -1 : ::read(terminal_, &c, 1);
      if (n == 0 || (n < 0 && ready[0].revents != 0 && errno != EINTR)) return std::nullopt;
      if (n > 0 && c == '\n') return line;
      if (n > 0) line += c;
    }
  }

 private:
  void begin() {
    pthread_sigmask(SIG_BLOCK, &signals_, &mask_before_);
    tcgetattr(terminal_, &before_);
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(terminal_, TCSADRAIN, &silent);
  }
  void end() {
    tcsetattr(terminal_, TCSADRAIN, &before_);
    pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
  }

  int terminal_;
  int waiting_ = -1;  // readable when one of the signals has come
  sigset_t signals_{};
  sigset_t mask_before_{};
  termios before_{};
};

}  // namespace

Result<Secret> ask_password(const std::string& question, std::string_view remedy) {
  const int terminal = ::open("/dev/tty", O_RDWR | O_CLOEXEC);
  if (terminal < 0)
    return fail(Fault::input, question,
                "there is no terminal for the prompt; use " + std::string(remedy));
  std::optional<std::string> line;
  {
    SilentTerminal silent(terminal);
    if (!silent.is_open()) {
      const auto why = reason();
      ::close(terminal);
      return fail(Fault::io, question,
                  "cannot be asked for: no descriptor for signals: " + why + "; use " +
                      std::string(remedy));
    }
    dprintf(terminal, "%s: ", question.c_str());
    line = silent.read_line();
  }
  dprintf(terminal, "\n");
  ::close(terminal);
  if (!line)
    return fail(Fault::data, question,
                "the input ended before a password was typed; use " + std::string(remedy));
  return Secret(std::move(*line));
}

void complain(std::string_view verb, std::string_view sentence) {
  const bool colour = observe::wants_colour(STDERR_FILENO);
  std::cerr << (colour ? "\x1b[31m" : "") << "postroad" << (verb.empty() ? "" : " ") << verb << ':'
            << (colour ? "\x1b[0m " : " ") << sentence << '\n';
}

Result<void> check_file(std::string_view flag, const std::optional<std::string>& path) {
  if (!path) return {};
  const auto place = std::string(flag) + ' ' + printable(*path, 200);
  struct stat facts {};
  if (::stat(path->c_str(), &facts) == 0 && S_ISDIR(facts.st_mode))
    return fail(Fault::not_found, place, "is a folder; name a file");
  if (::access(path->c_str(), R_OK) != 0)
    return fail(Fault::not_found, place,
                "cannot be read: " + reason() + "; name a file that exists and may be read");
  return {};
}

Result<std::string> read_all(const std::string& path) {
  const bool is_input = path == "-";
  const Descriptor file(is_input ? -1 : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string bytes;
  if ((is_input || file) && read_to_end(is_input ? STDIN_FILENO : file.get(), bytes)) return bytes;
  return fail(Fault::io, is_input ? "standard input" : path, "cannot be read: " + reason());
}

}  // namespace postroad::cli
