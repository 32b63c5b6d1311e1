// Passwords from files: what is said of a file that has none.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <postroad/secret.hpp>

namespace postroad {
namespace {

TEST(Secret, AFileHasThePasswordInItsFirstLine) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("secret-" + std::to_string(getpid()));
  std::filesystem::create_directory(folder);
  const auto path = (folder / "password").string();
  std::ofstream(path) << "se cret\r\nother\n";
  const auto secret = Secret::from_file(path);
  ASSERT_TRUE(secret);
  EXPECT_EQ(secret->reveal(), "se cret");

  for (const auto* content : {"", "\n", "\r\n"}) {
    std::ofstream(path, std::ios::trunc) << content;
    const auto empty = Secret::from_file(path);
    ASSERT_FALSE(empty);
    EXPECT_EQ(empty.error().fault, Fault::data);
    EXPECT_EQ(empty.error().text(),
              path + ": the password file is empty; its first line is the password");
  }
  std::filesystem::remove(path);
  const auto missing = Secret::from_file(path);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().fault, Fault::io);
  EXPECT_NE(missing.error().detail.find("No such file or directory"), std::string::npos);
  const auto is_folder = Secret::from_file(folder.string());
  ASSERT_FALSE(is_folder);
  EXPECT_NE(is_folder.error().detail.find("Is a directory"), std::string::npos);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace postroad
