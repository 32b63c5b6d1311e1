// A file descriptor with an owner, and what is done with descriptors in several layers. Not here:
// sockets, which Asio owns.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

namespace postroad {

/// Closes the descriptor at its end. After an open that failed it holds none, and errno
/// says why.
class Descriptor final {
 public:
  explicit Descriptor(int number = -1) noexcept : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  /// -1: it holds none.
  [[nodiscard]] int get() const noexcept { return number_; }
  explicit operator bool() const noexcept { return number_ >= 0; }

 private:
  int number_;
};

/// Writes all bytes, also where the system takes a part of them. False: errno says why.
[[nodiscard]] inline bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

/// Appends everything up to the end of the file. False: errno says why, and `bytes` has a part: a
/// read that fails is not the end.
[[nodiscard]] inline bool read_to_end(int descriptor, std::string& bytes) {
  char part[65536];
  for (;;) {
    const auto count = ::read(descriptor, part, sizeof part);
    if (count == 0) return true;
    if (count > 0)
      bytes.append(part, static_cast<std::size_t>(count));
    else if (errno != EINTR)
      return false;
  }
}

/// Puts a file with this content in the place of `path`, whole or not at all, on disk when it
/// returns: by a draft beside it, `path` with a tilde. False: errno says why.
[[nodiscard]] inline bool replace_file(const std::string& path, std::string_view content) {
  const auto draft = path + "~";
  const Descriptor file(
      ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file || !write_all(file.get(), content) || ::fsync(file.get()) != 0) return false;
  if (std::rename(draft.c_str(), path.c_str()) != 0) return false;
  const auto end = path.rfind('/');
  const auto folder = end == std::string::npos ? std::string(".") : path.substr(0, end + 1);
  const Descriptor parent(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return parent && ::fsync(parent.get()) == 0;
}

/// Asio opens sockets that a child process inherits; a program that outlives the server would hold
/// its ports. False: not a descriptor.
[[nodiscard]] inline bool close_on_exec(int descriptor) {
  const int flags = ::fcntl(descriptor, F_GETFD);
  return flags >= 0 && ::fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC) == 0;
}

}  // namespace postroad
