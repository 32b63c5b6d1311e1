// Scans a segment; see scan.hpp. After a valid header with a damaged payload, the next record is
// expected after the payload, not in it. Only a damaged header starts a search byte by byte.
#include "spool/journal/scan.hpp"

#include <algorithm>
#include <array>

#include "spool/journal/crc32c.hpp"
#include "spool/journal/wire.hpp"

namespace postroad::spool {

namespace {

constexpr std::size_t window_size = 256 * 1024;
constexpr std::size_t disk_block = 4096;

/// A part of the file in memory, moved as needed.
class Window final {
 public:
  Window(const File& file, std::uint64_t limit) : file_(file), limit_(limit) {}

  /// The bytes at `offset`; fewer than `size` at the limit or in a block that the disk cannot read.
  std::string_view at(std::uint64_t offset, std::size_t size) {
    const auto want =
        static_cast<std::size_t>(std::min<std::uint64_t>(size, limit_ - std::min(offset, limit_)));
    if (offset < start_ || offset + want > start_ + have_) fill(offset, want);
    const auto skip = static_cast<std::size_t>(offset - start_);
    return std::string_view(buffer_).substr(0, have_).substr(skip, want);
  }

 private:
  void fill(std::uint64_t offset, std::size_t want) {
    const auto most = static_cast<std::size_t>(
        std::min<std::uint64_t>(std::max(want, window_size), limit_ - std::min(offset, limit_)));
    if (buffer_.size() < most) buffer_.resize(most);
    auto got = file_.read({buffer_.data(), most}, offset);
    // An unreadable block must not hide the readable blocks next to it.
    if (!got) got = file_.read({buffer_.data(), std::min(want, disk_block)}, offset);
    start_ = offset;
    have_ = got ? *got : 0;
  }

  const File& file_;
  std::uint64_t limit_;
  std::string buffer_;
  std::uint64_t start_ = 0;
  std::size_t have_ = 0;
};

class Walk final {
 public:
  Walk(const Segment& segment, std::uint64_t limit, const RecordVisitor& visit)
      : segment_(segment), limit_(limit), visit_(visit), window_(*segment.file, limit) {
    put(mark_.data(), segment.salt.mark());
  }

  Scan run() {
    std::uint64_t offset = head_page_size;
    scan_.end = static_cast<std::uint32_t>(std::min<std::uint64_t>(offset, limit_));
    while (offset < limit_) {
      const auto header = header_at(offset);
      if (!header) {
        offset = find_header(offset + 1);
        continue;
      }
      if (!take(offset, *header)) damaged_ = damaged_ ? damaged_ : header;
      offset += record_header_size + header->length;
    }
    scan_.tail = static_cast<std::uint32_t>(limit_ - scan_.end);
    return std::move(scan_);
  }

 private:
  std::optional<RecordHeader> header_at(std::uint64_t offset) {
    const auto header = decode_record_header(window_.at(offset, record_header_size), segment_.salt,
                                             segment_.number);
    if (header && offset + record_header_size + header->length <= limit_) return header;
    return std::nullopt;
  }

  bool take(std::uint64_t offset, const RecordHeader& header) {
    const auto bytes = window_.at(offset, record_header_size + header.length);
    if (bytes.size() != record_header_size + header.length) return false;
    const auto payload = bytes.substr(record_header_size);
    if (crc32c(segment_.salt.payload_seed(), payload) != header.payload_crc) return false;
    const auto at = static_cast<std::uint32_t>(offset);
    if (at != scan_.end) scan_.damage.push_back({scan_.end, at - scan_.end, damaged_});
    damaged_.reset();
    scan_.end = static_cast<std::uint32_t>(at + bytes.size());
    visit_(header, {segment_.number, at, header.length}, payload);
    return true;
  }

  /// The next valid header at or after `offset`, or the limit.
  std::uint64_t find_header(std::uint64_t offset) {
    const std::string_view mark(mark_.data(), mark_.size());
    while (offset + record_header_size <= limit_) {
      const auto bytes = window_.at(offset, window_size);
      if (bytes.size() < mark.size()) {
        offset += disk_block;
        continue;
      }
      const auto found = bytes.find(mark);
      if (found == std::string_view::npos) {
        offset += bytes.size() - mark.size() + 1;
      } else if (header_at(offset + found)) {
        return offset + found;
      } else {
        offset += found + 1;
      }
    }
    return limit_;
  }

  const Segment& segment_;
  std::uint64_t limit_;
  const RecordVisitor& visit_;
  Window window_;
  std::array<char, 4> mark_{};
  std::optional<RecordHeader> damaged_;
  Scan scan_;
};

}  // namespace

Scan scan_segment(const Segment& segment, std::uint64_t limit, const RecordVisitor& visit) {
  return Walk(segment, limit, visit).run();
}

std::optional<Footer> read_footer(const Segment& segment, std::uint64_t limit) {
  constexpr auto least = head_page_size + record_header_size + footer_tail_size;
  if (limit < least) return std::nullopt;
  std::array<char, footer_tail_size> tail{};
  const auto got = segment.file->read(tail, limit - tail.size());
  if (!got || *got != tail.size()) return std::nullopt;
  const auto length = decode_footer_tail({tail.data(), tail.size()});
  if (!length || *length > limit - head_page_size - record_header_size) return std::nullopt;
  const auto offset = static_cast<std::uint32_t>(limit - *length - record_header_size);
  const auto record = read_record(segment, {segment.number, offset, *length});
  if (!record || record->header.kind != Kind::footer) return std::nullopt;
  auto entries = decode_footer(record->payload());
  if (!entries) return std::nullopt;
  for (const auto& entry : *entries) {
    if (entry.offset + record_header_size + std::uint64_t{entry.length} > offset)
      return std::nullopt;
  }
  return Footer{std::move(*entries), record->header.sequence};
}

std::optional<FooterEntry> footer_entry(const RecordHeader& header, const Location& at,
                                        std::string_view payload) {
  FooterEntry entry;
  entry.id = header.id;
  entry.offset = at.offset;
  entry.length = at.length;
  entry.part = header.part;
  entry.kind = header.kind;
  entry.flags = header.flags;
  if (header.kind != Kind::commit) return entry;
  const auto front = decode_commit_front(payload);
  if (!front) return std::nullopt;
  entry.size = front->size;
  entry.recipients = front->recipients;
  return entry;
}

std::optional<FooterEntry> joined_in(const FooterEntry& commit, std::string_view payload) {
  if (commit.kind != Kind::commit || (commit.flags & flag_joined) == 0) return std::nullopt;
  const auto joined = decode_joined(payload);
  if (!joined) return std::nullopt;
  return joined_entry(commit, joined->id);
}

}  // namespace postroad::spool
