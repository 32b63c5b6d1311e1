// A data folder with Maildirs, for the tests of this layer.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace postroad::mailbox {

class WithMaildirs : public testing::Test {
 protected:
  WithMaildirs() {
    std::string form =
        (std::filesystem::temp_directory_path() / "postroad-mailbox-XXXXXX").string();
    data_ = ::mkdtemp(form.data());
  }
  ~WithMaildirs() override {
    std::error_code ignored;
    std::filesystem::remove_all(data_, ignored);
  }
  /// As the server delivers: written into tmp, then moved. `name` is the file's.
  void deliver(const std::string& mailbox, const std::string& name, const std::string& bytes,
               const std::string& part = "new") const {
    const auto box = data_ / "mail" / mailbox;
    for (const char* folder : {"tmp", "new", "cur"})
      std::filesystem::create_directories(box / folder);
    std::ofstream(box / "tmp" / name, std::ios::binary) << bytes;
    std::filesystem::rename(box / "tmp" / name, box / part / name);
  }

  std::filesystem::path data_;
};

inline std::string message(const std::string& subject) {
  return "From: Ann <ann@x.example>\r\nTo: ben@x.example\r\nSubject: " + subject +
         "\r\n\r\nhello\r\n";
}

}  // namespace postroad::mailbox
