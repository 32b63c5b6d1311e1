// A MessageSource made of segments: text as it is, and octets of memory, of a file or of a stream,
// as they are or as base64. Not here: what the segments say (entity_writer.cpp, compose.cpp).
#pragma once

#include <postroad/message_source.hpp>
#include <postroad/mime_part.hpp>

#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace postroad::mail {

enum class SegmentForm : std::uint8_t { plain, base64 };

class SegmentSource final : public MessageSource {
 public:
  /// Text that goes out as it is.
  void add_text(std::string text);
  /// The same before all others.
  void prepend_text(std::string text);
  /// A part of shared octets that goes out as it is.
  void add_shared(std::shared_ptr<const std::string> octets, std::size_t begin, std::size_t length);
  void add_octets(std::shared_ptr<const std::string> octets, SegmentForm form);
  /// A file with the size it has now. Error: Fault::io with the path.
  Result<void> add_file(const std::string& path, SegmentForm form);
  /// Error: what opening gave.
  Result<void> add_stream(StreamOpener open, std::optional<std::uint64_t> size, SegmentForm form);
  void set_8bit(bool is_8bit, bool utf8) noexcept;
  void set_binary(bool is_binary) noexcept { is_binary_ = is_binary; }

  Result<std::string_view> next() override;
  bool rewind() override;
  [[nodiscard]] std::optional<std::uint64_t> size() const override {
    return is_size_known_ ? std::optional(size_) : std::nullopt;
  }
  [[nodiscard]] bool is_8bit() const override { return is_8bit_; }
  [[nodiscard]] bool is_binary() const override { return is_binary_; }
  [[nodiscard]] bool needs_utf8() const override { return needs_utf8_; }

 private:
  struct Segment {
    SegmentForm form = SegmentForm::plain;
    std::shared_ptr<const std::string> octets;  // null for a file or a stream
    std::string_view whole;                     // what of `octets` is this segment
    std::string_view left;                      // of `whole`
    std::string path;
    std::unique_ptr<std::ifstream> file;
    std::uint64_t size = 0;  // of the file or stream
    std::uint64_t rest = 0;  // of it
    StreamOpener open;
    OctetStream stream;
    bool is_sized = true;
    std::string carry;  // of a stream: octets short of a line of base64
    bool over = false;
  };
  Result<std::string_view> next_of_file(Segment& segment);
  Result<std::string_view> next_of_stream(Segment& segment);
  std::string_view next_of_memory(Segment& segment);
  void count(std::uint64_t octets, SegmentForm form) noexcept;

  std::vector<Segment> segments_;
  std::size_t current_ = 0;
  std::string input_;   // read from a file
  std::string output_;  // what the last call gave
  std::uint64_t size_ = 0;
  bool is_size_known_ = true;
  bool is_8bit_ = false;
  bool is_binary_ = false;
  bool needs_utf8_ = false;
};

}  // namespace postroad::mail
