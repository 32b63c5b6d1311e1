// The journal's folder on a real disk.
#include "spool/disk/posix_disk.hpp"

#include <gtest/gtest.h>

#include "spool/testing/failing_fsync.hpp"

namespace postroad::spool {
namespace {

namespace fs = std::filesystem;

// The process that created the folder may have died before it synced the name: each start does.
TEST(PosixDisk, AStartThatCannotSyncTheFolderAboveIsRefused) {
  std::string name = (fs::temp_directory_path() / "postroad-disk-XXXXXX").string();
  const fs::path above = ::mkdtemp(name.data());
  for (const auto* start : {"the first", "a later one"}) {
    const FailingSync broken(above);
    const auto opened = open_posix_disk((above / "queue").string());
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
