// See standard_output.hpp.
#include "cli/standard_output.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>
#include <system_error>

#include "cli/exit.hpp"
#include "cli/terminal.hpp"

namespace postroad::cli {

namespace {

// Opened for the wrong direction, so that its use fails as that of a closed descriptor does.
void occupy(int descriptor) {
  if (::fcntl(descriptor, F_GETFD) >= 0 || errno != EBADF) return;
  const int opened = ::open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  if (opened >= 0 && opened != descriptor) {
    ::dup2(opened, descriptor);
    ::close(opened);
  }
}

}  // namespace

StandardOutput::StandardOutput() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) occupy(descriptor);
  setp(buffer_.data(), buffer_.data() + buffer_.size());
  before_ = std::cout.rdbuf(this);
}

StandardOutput::~StandardOutput() {
  write_pending();
  std::cout.rdbuf(before_);
}

bool StandardOutput::write_pending() {
  const char* from = pbase();
  while (error_ == 0 && from < pptr()) {
    const auto n = ::write(STDOUT_FILENO, from, static_cast<std::size_t>(pptr() - from));
    if (n >= 0) {
      from += n;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      // A pipe that its other end made non-blocking, and reads slowly.
      pollfd ready{STDOUT_FILENO, POLLOUT, 0};
      if (::poll(&ready, 1, -1) < 0 && errno != EINTR) error_ = errno;
    } else if (errno != EINTR) {
      error_ = errno;
    }
  }
  setp(buffer_.data(), buffer_.data() + buffer_.size());
  return error_ == 0;
}

StandardOutput::int_type StandardOutput::overflow(int_type c) {
  if (!write_pending()) return traits_type::eof();
  if (!traits_type::eq_int_type(c, traits_type::eof())) sputc(traits_type::to_char_type(c));
  return traits_type::not_eof(c);
}

int StandardOutput::sync() { return write_pending() ? 0 : -1; }

int StandardOutput::finish(int code) {
  if (write_pending()) return code;
  complain("", "standard output cannot be written: " + std::generic_category().message(error_) +
                   "; the output is incomplete");
  return code == exit_ok ? exit_io : code;
}

}  // namespace postroad::cli
