// Replaces the C library's fsync() in a test program, as no test can break a disk. Included by one
// file of the program.
#pragma once

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>

namespace postroad::spool {

/// While it lives, this file or folder cannot be synced.
class FailingSync final {
 public:
  explicit FailingSync(const std::filesystem::path& path) {
    struct stat facts {};
    if (::stat(path.c_str(), &facts) == 0) inode = facts.st_ino;
  }
  FailingSync(const FailingSync&) = delete;
  FailingSync& operator=(const FailingSync&) = delete;
  ~FailingSync() { inode = 0; }

  static inline std::atomic<ino_t> inode{0};  ///< of what cannot be synced; 0: all can
};

}  // namespace postroad::spool

extern "C" [[gnu::visibility("default")]] int fsync(int file) {
  struct stat facts {};
  if (::fstat(file, &facts) == 0 && facts.st_ino == postroad::spool::FailingSync::inode) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_fsync, file));
}
