// A MessageSource made of segments: text, and bytes from memory, a file or a stream, written
// unchanged or as base64. Not here: the content of the segments (entity_writer.cpp, compose.cpp).
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

/// How a segment is written.
enum class SegmentForm : std::uint8_t { plain, base64 };

/// Segments in the order of their addition. One thread at a time.
class SegmentSource final : public MessageSource {
 public:
  /// Appends text, written unchanged.
  void add_text(std::string text);
  /// Inserts text before all other segments.
  void prepend_text(std::string text);
  /// Appends `length` shared bytes from `begin`, written unchanged.
  void add_shared(std::shared_ptr<const std::string> bytes, std::size_t begin, std::size_t length);
  void add_bytes(std::shared_ptr<const std::string> bytes, SegmentForm form);
  /// Appends a file with its present size. Error: Fault::io with the path.
  Result<void> add_file(const std::string& path, SegmentForm form);
  /// Appends a stream and opens it. `size` in bytes, if known. Error: that of `open`.
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
    std::shared_ptr<const std::string> bytes;  // null for a file or a stream
    std::string_view whole;                    // the view of `bytes` that is this segment
    std::string_view left;                     // the unread rest of `whole`
    std::string path;
    std::unique_ptr<std::ifstream> file;
    std::uint64_t size = 0;  // of the file or stream, in bytes
    std::uint64_t rest = 0;  // unread bytes of it
    StreamOpener open;
    ByteStream stream;
    bool is_sized = true;
    std::string carry;  // bytes of a stream that do not fill a base64 line yet
    bool over = false;
  };
  Result<std::string_view> next_of_file(Segment& segment);
  Result<std::string_view> next_of_stream(Segment& segment);
  std::string_view next_of_memory(Segment& segment);
  void count(std::uint64_t bytes, SegmentForm form) noexcept;

  std::vector<Segment> segments_;
  std::size_t current_ = 0;
  std::string input_;   // bytes read from a file
  std::string output_;  // the chunk that next() returned
  std::uint64_t size_ = 0;
  bool is_size_known_ = true;
  bool is_8bit_ = false;
  bool is_binary_ = false;
  bool needs_utf8_ = false;
};

}  // namespace postroad::mail
