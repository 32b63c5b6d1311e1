// A MessageSource made of segments: text as it is, and octets of memory or of a file as base64.
// Not here: what the segments say (compose.cpp).
#pragma once

#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <postroad/message_source.hpp>

namespace postroad::mail {

class SegmentSource final : public MessageSource {
 public:
  /// Text that goes out as it is.
  void add_text(std::string text);
  /// A part of shared octets that goes out as it is.
  void add_shared(std::shared_ptr<const std::string> octets, std::size_t begin, std::size_t length);
  /// Octets that go out as lines of base64.
  void add_base64(std::shared_ptr<const std::string> octets);
  /// A file that goes out as lines of base64, with the size it has now. Error: Fault::io with the
  /// path.
  Result<void> add_file(const std::string& path);
  void set_8bit(bool is_8bit, bool utf8) noexcept;

  Result<std::string_view> next() override;
  bool rewind() override;
  [[nodiscard]] std::optional<std::uint64_t> size() const override { return size_; }
  [[nodiscard]] bool is_8bit() const override { return is_8bit_; }
  [[nodiscard]] bool needs_utf8() const override { return needs_utf8_; }

 private:
  struct Segment {
    std::shared_ptr<const std::string> octets;  // null for a file
    std::string_view whole;                     // what of `octets` is this segment
    std::string_view left;                      // of `whole`
    bool base64 = false;
    std::string path;
    std::unique_ptr<std::ifstream> file;
    std::uint64_t file_size = 0;
    std::uint64_t file_left = 0;
  };
  Result<std::string_view> next_of_file(Segment& segment);
  std::string_view next_of_memory(Segment& segment);

  std::vector<Segment> segments_;
  std::size_t current_ = 0;
  std::string input_;   // read from a file
  std::string output_;  // what the last call gave
  std::uint64_t size_ = 0;
  bool is_8bit_ = false;
  bool needs_utf8_ = false;
};

}  // namespace postroad::mail
