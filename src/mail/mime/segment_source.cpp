// Reading and encoding segments chunk by chunk; see segment_source.hpp.
#include "mail/mime/segment_source.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "mail/mime/transfer.hpp"

namespace postroad::mail {

namespace {

constexpr std::size_t plain_chunk = 64 * 1024;
constexpr std::size_t base64_chunk = base64_line_bytes * 512;  // whole lines, about 40 KiB encoded

Error unreadable(const std::string& path, std::string why) {
  return fail(Fault::io, path, std::move(why));
}

}  // namespace

void SegmentSource::count(std::uint64_t bytes, SegmentForm form) noexcept {
  size_ += form == SegmentForm::base64 ? base64_lines_size(bytes) : bytes;
}

void SegmentSource::add_text(std::string text) {
  const auto length = text.size();
  add_shared(std::make_shared<const std::string>(std::move(text)), 0, length);
}

void SegmentSource::prepend_text(std::string text) {
  add_text(std::move(text));
  std::rotate(segments_.begin(), segments_.end() - 1, segments_.end());
}

void SegmentSource::add_shared(std::shared_ptr<const std::string> bytes, std::size_t begin,
                               std::size_t length) {
  Segment segment;
  segment.left = segment.whole = std::string_view(*bytes).substr(begin, length);
  segment.bytes = std::move(bytes);
  count(segment.left.size(), SegmentForm::plain);
  segments_.push_back(std::move(segment));
}

void SegmentSource::add_bytes(std::shared_ptr<const std::string> bytes, SegmentForm form) {
  Segment segment;
  segment.form = form;
  segment.left = segment.whole = *bytes;
  segment.bytes = std::move(bytes);
  count(segment.left.size(), form);
  segments_.push_back(std::move(segment));
}

Result<void> SegmentSource::add_file(const std::string& path, SegmentForm form) {
  Segment segment;
  std::error_code error;
  segment.path = path;
  segment.form = form;
  segment.size = segment.rest = std::filesystem::file_size(path, error);
  if (error) return unreadable(path, "the attached file cannot be read: " + error.message());
  segment.file = std::make_unique<std::ifstream>(path, std::ios::binary);
  if (!segment.file->is_open()) return unreadable(path, "the attached file cannot be opened");
  count(segment.size, form);
  segments_.push_back(std::move(segment));
  return {};
}

Result<void> SegmentSource::add_stream(StreamOpener open, std::optional<std::uint64_t> size,
                                       SegmentForm form) {
  Segment segment;
  segment.form = form;
  auto stream = open();
  if (!stream) return stream.error();
  segment.stream = std::move(*stream);
  segment.open = std::move(open);
  segment.is_sized = size.has_value();
  segment.size = segment.rest = size.value_or(0);
  is_size_known_ = is_size_known_ && size;
  count(segment.size, form);
  segments_.push_back(std::move(segment));
  return {};
}

void SegmentSource::set_8bit(bool is_8bit, bool utf8) noexcept {
  is_8bit_ = is_8bit;
  needs_utf8_ = utf8;
}

std::string_view SegmentSource::next_of_memory(Segment& segment) {
  const bool encodes = segment.form == SegmentForm::base64;
  const auto chunk = segment.left.substr(0, encodes ? base64_chunk : plain_chunk);
  segment.left.remove_prefix(chunk.size());
  if (!encodes) return chunk;
  output_.clear();
  append_base64_lines(chunk, output_);
  return output_;
}

Result<std::string_view> SegmentSource::next_of_file(Segment& segment) {
  input_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(segment.rest, base64_chunk)));
  segment.file->read(input_.data(), static_cast<std::streamsize>(input_.size()));
  if (static_cast<std::size_t>(segment.file->gcount()) != input_.size()) {
    return unreadable(segment.path, "the attached file could not be read to its end: it had " +
                                        std::to_string(segment.size) + " bytes when sending began");
  }
  segment.rest -= input_.size();
  if (segment.form == SegmentForm::plain) return std::string_view(input_);
  output_.clear();
  append_base64_lines(input_, output_);
  return std::string_view(output_);
}

Result<std::string_view> SegmentSource::next_of_stream(Segment& segment) {
  output_.clear();
  while (output_.empty() && !segment.over) {
    const auto chunk = segment.stream();
    if (!chunk) return chunk.error();
    segment.over = chunk->empty();
    const bool mismatch = segment.over ? segment.rest > 0 : chunk->size() > segment.rest;
    if (segment.is_sized && mismatch)
      return unreadable("attached stream", "its size differs from the announced " +
                                               std::to_string(segment.size) + " bytes");
    segment.rest -= segment.is_sized ? chunk->size() : 0;
    if (segment.form == SegmentForm::plain) {
      output_ = *chunk;
      continue;
    }
    segment.carry += *chunk;
    const auto whole = segment.over ? segment.carry.size()
                                    : segment.carry.size() / base64_line_bytes * base64_line_bytes;
    append_base64_lines(std::string_view(segment.carry).substr(0, whole), output_);
    segment.carry.erase(0, whole);
  }
  return std::string_view(output_);
}

bool SegmentSource::rewind() {
  for (auto& segment : segments_) {
    segment.left = segment.whole;
    segment.rest = segment.size;
    segment.over = false;
    segment.carry.clear();
    if (!segment.path.empty()) {
      segment.file = std::make_unique<std::ifstream>(segment.path, std::ios::binary);
      if (!segment.file->is_open()) return false;
    }
    if (segment.open) {
      auto stream = segment.open();
      if (!stream) return false;
      segment.stream = std::move(*stream);
    }
  }
  current_ = 0;
  return true;
}

Result<std::string_view> SegmentSource::next() {
  for (; current_ < segments_.size(); ++current_) {
    auto& segment = segments_[current_];
    if (segment.file && segment.rest > 0) return next_of_file(segment);
    if (!segment.left.empty()) return next_of_memory(segment);
    segment.file.reset();
    if (!segment.stream) continue;
    auto chunk = next_of_stream(segment);
    if (!chunk || !chunk->empty()) return chunk;
    segment.stream = nullptr;
  }
  return std::string_view();
}

}  // namespace postroad::mail
