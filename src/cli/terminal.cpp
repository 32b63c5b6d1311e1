// Terminal helpers; see terminal.hpp.
#include "cli/terminal.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>

#include "observe/sinks.hpp"

namespace postroad::cli {

bool is_terminal(int descriptor) { return isatty(descriptor) == 1; }

int terminal_width() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

Result<Secret> ask_password(const std::string& question) {
  const int terminal = ::open("/dev/tty", O_RDWR | O_CLOEXEC);
  if (terminal < 0)
    return fail(Fault::input, "password",
                "there is no terminal to ask for it; use --password-file, --password-env or "
                "--password-command");
  termios before{};
  tcgetattr(terminal, &before);
  termios silent = before;
  silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  tcsetattr(terminal, TCSAFLUSH, &silent);
  dprintf(terminal, "%s: ", question.c_str());
  std::string line;
  char c = 0;
  while (::read(terminal, &c, 1) == 1 && c != '\n') line += c;
  tcsetattr(terminal, TCSAFLUSH, &before);
  dprintf(terminal, "\n");
  ::close(terminal);
  return Secret(std::move(line));
}

void complain(std::string_view verb, std::string_view sentence) {
  const bool colour = observe::wants_colour(STDERR_FILENO);
  std::cerr << (colour ? "\x1b[31m" : "") << "postroad" << (verb.empty() ? "" : " ") << verb << ':'
            << (colour ? "\x1b[0m " : " ") << sentence << '\n';
}

namespace {

// To its end. A read that fails is no end: half a mail must not be taken for a whole one.
Result<std::string> read_standard_input() {
  std::string octets;
  char buffer[65536];
  for (;;) {
    const auto n = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (n == 0) return octets;
    if (n > 0) {
      octets.append(buffer, static_cast<std::size_t>(n));
    } else if (errno != EINTR) {
      return fail(Fault::io, "standard input",
                  std::string("cannot be read: ") + std::strerror(errno));
    }
  }
}

}  // namespace

Result<std::string> read_all(const std::string& path) {
  if (path == "-") return read_standard_input();
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(Fault::io, path, std::string("cannot be read: ") + std::strerror(errno));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace postroad::cli
