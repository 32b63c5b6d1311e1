// The journal's folder on a real disk. The C library's fsync() is replaced here, as no test can
// break a disk.
#include "spool/disk/posix_disk.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>

namespace {
std::atomic<ino_t> refused{0};  // the folder that cannot be synced; 0: all can
}  // namespace

extern "C" [[gnu::visibility("default")]] int fsync(int file) {
  struct stat facts {};
  if (::fstat(file, &facts) == 0 && facts.st_ino == refused) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_fsync, file));
}

namespace postroad::spool {
namespace {

namespace fs = std::filesystem;

// The process that created the folder may have died before it synced the name: each start does.
TEST(PosixDisk, AStartThatCannotSyncTheFolderAboveIsRefused) {
  std::string name = (fs::temp_directory_path() / "postroad-disk-XXXXXX").string();
  const fs::path above = ::mkdtemp(name.data());
  struct stat facts {};
  ASSERT_EQ(::stat(above.c_str(), &facts), 0);
  for (const auto* start : {"the first", "a later one"}) {
    refused = facts.st_ino;
    const auto opened = open_posix_disk((above / "queue").string());
    refused = 0;
    ASSERT_FALSE(opened) << start;
    EXPECT_EQ(opened.error().fault, Fault::io) << start;
    EXPECT_NE(opened.error().text().find("its directory entry cannot be synced"), std::string::npos)
        << opened.error().text();
  }
  EXPECT_TRUE(open_posix_disk((above / "queue").string()));
  fs::remove_all(above);
}

}  // namespace
}  // namespace postroad::spool
