// For the tests of the transports: a folder that is removed, shell scripts in it that stand for
// sendmail, and a source of chunks.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <postroad/transport.hpp>
#include <string>
#include <utility>
#include <vector>

namespace postroad {

namespace fs = std::filesystem;

// The given chunks, and then perhaps an error.
class Chunks final : public MessageSource {
 public:
  explicit Chunks(std::vector<std::string> chunks, bool breaks = false)
      : chunks_(std::move(chunks)), breaks_(breaks) {}
  Result<std::string_view> next() override {
    if (at_ < chunks_.size()) return std::string_view(chunks_[at_++]);
    if (breaks_) return fail(Fault::io, "attachment", "cannot be read");
    return std::string_view();
  }

 private:
  std::vector<std::string> chunks_;
  std::size_t at_ = 0;
  bool breaks_;
};

class TransportTest : public ::testing::Test {
 protected:
  TransportTest() {
    auto name = (fs::temp_directory_path() / "postroad-transport-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~TransportTest() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return folder_ + '/' + name; }
  std::string read(const std::string& name) const {
    std::ifstream file(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // A shell script; $0 is its path, so that it can write into its folder.
  std::string command(const std::string& lines) {
    const auto where = path("sendmail");
    std::ofstream(where) << "#!/bin/sh\nhere=" << folder_ << '\n' << lines << '\n';
    ::chmod(where.c_str(), 0755);
    return where;
  }
  Result<SendReport> hand_over(const std::string& lines, std::vector<std::string> chunks = {"hi"},
                               bool breaks = false) {
    SendmailTransport transport({command(lines)});
    Chunks source(std::move(chunks), breaks);
    return transport.send(envelope_, source);
  }
  std::vector<std::string> left() const {
    std::vector<std::string> names;
    if (!fs::exists(path("box"))) return names;
    for (const auto& entry : fs::directory_iterator(path("box")))
      names.push_back(entry.path().filename().string());
    return names;
  }

  std::string folder_;
  Envelope envelope_{{"a", "x.example"}, {{"b", "y.example"}, {"c", "y.example"}}};
};

}  // namespace postroad
