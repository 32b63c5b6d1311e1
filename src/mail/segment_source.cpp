// Pulling segments; see segment_source.hpp.
#include "mail/segment_source.hpp"

#include <algorithm>
#include <filesystem>

#include "mail/transfer.hpp"

namespace postroad::mail {

namespace {

constexpr std::size_t plain_chunk = 64 * 1024;
constexpr std::size_t base64_chunk = base64_line_octets * 512;  // whole lines, about 40 KiB encoded

Error unreadable(const std::string& path, std::string why) {
  return fail(Fault::io, path, std::move(why));
}

}  // namespace

void SegmentSource::add_text(std::string text) {
  const auto length = text.size();
  add_shared(std::make_shared<const std::string>(std::move(text)), 0, length);
}

void SegmentSource::add_shared(std::shared_ptr<const std::string> octets, std::size_t begin,
                               std::size_t length) {
  Segment segment;
  segment.left = segment.whole = std::string_view(*octets).substr(begin, length);
  segment.octets = std::move(octets);
  size_ += segment.left.size();
  segments_.push_back(std::move(segment));
}

void SegmentSource::add_base64(std::shared_ptr<const std::string> octets) {
  Segment segment;
  segment.left = segment.whole = *octets;
  segment.octets = std::move(octets);
  segment.base64 = true;
  size_ += base64_lines_size(segment.left.size());
  segments_.push_back(std::move(segment));
}

Result<void> SegmentSource::add_file(const std::string& path) {
  Segment segment;
  std::error_code error;
  segment.path = path;
  segment.base64 = true;
  segment.file_size = segment.file_left = std::filesystem::file_size(path, error);
  if (error) return unreadable(path, "the attached file cannot be read: " + error.message());
  segment.file = std::make_unique<std::ifstream>(path, std::ios::binary);
  if (!segment.file->is_open()) return unreadable(path, "the attached file cannot be opened");
  size_ += base64_lines_size(segment.file_left);
  segments_.push_back(std::move(segment));
  return {};
}

void SegmentSource::set_8bit(bool is_8bit, bool utf8) noexcept {
  is_8bit_ = is_8bit;
  needs_utf8_ = utf8;
}

std::string_view SegmentSource::next_of_memory(Segment& segment) {
  const auto chunk = segment.left.substr(0, segment.base64 ? base64_chunk : plain_chunk);
  segment.left.remove_prefix(chunk.size());
  if (!segment.base64) return chunk;
  output_.clear();
  append_base64_lines(chunk, output_);
  return output_;
}

Result<std::string_view> SegmentSource::next_of_file(Segment& segment) {
  input_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(segment.file_left, base64_chunk)));
  segment.file->read(input_.data(), static_cast<std::streamsize>(input_.size()));
  if (static_cast<std::size_t>(segment.file->gcount()) != input_.size()) {
    return unreadable(segment.path, "the attached file could not be read to its end; it was " +
                                        std::to_string(segment.file_left) +
                                        " octets longer when sending began");
  }
  segment.file_left -= input_.size();
  output_.clear();
  append_base64_lines(input_, output_);
  return std::string_view(output_);
}

bool SegmentSource::rewind() {
  for (auto& segment : segments_) {
    segment.left = segment.whole;
    segment.file_left = segment.file_size;
    if (segment.path.empty()) continue;
    segment.file = std::make_unique<std::ifstream>(segment.path, std::ios::binary);
    if (!segment.file->is_open()) return false;
  }
  current_ = 0;
  return true;
}

Result<std::string_view> SegmentSource::next() {
  for (; current_ < segments_.size(); ++current_) {
    auto& segment = segments_[current_];
    if (segment.file && segment.file_left > 0) return next_of_file(segment);
    if (!segment.left.empty()) return next_of_memory(segment);
    segment.file.reset();
  }
  return std::string_view();
}

}  // namespace postroad::mail
