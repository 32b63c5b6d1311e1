// Descriptors: who closes them, and writing to the end.
#include "base/descriptor.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <thread>

namespace postroad {
namespace {

bool is_open(int descriptor) { return ::fcntl(descriptor, F_GETFD) >= 0; }

TEST(Descriptor, IsClosedOnceByItsLastOwner) {
  int number = -1;
  {
    Descriptor first(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    ASSERT_TRUE(first);
    number = first.get();
    Descriptor second(std::move(first));
    EXPECT_EQ(second.get(), number);
    Descriptor third;
    EXPECT_FALSE(third);
    third = std::move(second);
    EXPECT_EQ(third.get(), number);
    EXPECT_TRUE(is_open(number));
  }
  EXPECT_FALSE(is_open(number));
}

TEST(Descriptor, HoldsNoneWhereTheFileIsMissing) {
  const Descriptor none(::open("/nowhere/file", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(errno, ENOENT);
  EXPECT_FALSE(none);
  EXPECT_EQ(none.get(), -1);
}

TEST(Descriptor, WritesMoreThanThePipeTakesAtOnce) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const Descriptor reader(ends[0]);
  Descriptor writer(ends[1]);
  const std::string bytes(1'000'000, 'x');
  std::string got;
  std::thread reading([&] { EXPECT_TRUE(read_to_end(reader.get(), got)); });
  EXPECT_TRUE(write_all(writer.get(), bytes));
  { const Descriptor closed(std::move(writer)); }
  reading.join();
  EXPECT_EQ(got, bytes);
}

TEST(Descriptor, ReadsToTheEndOrTellsWhyNot) {
  const Descriptor none(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  std::string bytes = "kept";
  EXPECT_TRUE(read_to_end(none.get(), bytes));
  EXPECT_EQ(bytes, "kept");
  const Descriptor folder(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  EXPECT_FALSE(read_to_end(folder.get(), bytes));
  EXPECT_EQ(errno, EISDIR);
}

TEST(Descriptor, AFailedWriteTellsWhy) {
  const Descriptor full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(full);
  EXPECT_FALSE(write_all(full.get(), "x"));
  EXPECT_EQ(errno, ENOSPC);
  EXPECT_TRUE(write_all(full.get(), ""));
}

TEST(Descriptor, IsKeptFromChildren) {
  const Descriptor file(::open("/dev/null", O_RDONLY));
  EXPECT_EQ(::fcntl(file.get(), F_GETFD), 0);
  EXPECT_TRUE(close_on_exec(file.get()));
  EXPECT_EQ(::fcntl(file.get(), F_GETFD), FD_CLOEXEC);
  EXPECT_FALSE(close_on_exec(-1));
}

}  // namespace
}  // namespace postroad
