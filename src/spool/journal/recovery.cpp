// Recovery at the start; see recovery.hpp. Two passes: the heads first, because a newer head gives
// the valid length of older segments, then the records from the oldest segment to the newest.
#include "spool/journal/recovery.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "spool/journal/replay.hpp"
#include "spool/journal/scan.hpp"

namespace postroad::spool {

namespace {

class Recovery final {
 public:
  explicit Recovery(Disk& disk) : disk_(disk), replay_(out_.index) {}

  Result<Recovered> run() {
    if (auto opened = open_segments(); !opened) return opened.error();
    const auto& segments = out_.index.segments();
    for (const auto& [number, segment] : segments) {
      if (auto good = load(*segment, number == segments.rbegin()->first); !good)
        return good.error();
    }
    for (const auto id : replay_.incomplete()) {
      report(fmt::format(
          "message {} has lost a part: it stays in the list and is not sent; ask its sender to "
          "send it again",
          QueueId{id}.text()));
    }
    out_.last_id = std::max(out_.last_id, replay_.last_id());
    return std::move(out_);
  }

 private:
  Result<void> open_segments() {
    const auto names = disk_.list();
    if (!names) return names.error();
    for (const auto& name : *names) {
      const auto number = parse_segment_name(name);
      if (!number) continue;
      if (auto opened = open_segment(name, *number); !opened) return opened;
    }
    for (const auto& [number, segment] : out_.index.segments()) {
      if (segment->salt == Salt{} && out_.salt) segment->salt = *out_.salt;
    }
    std::erase_if(out_.cut, [&](const ShortSegment& cut) {
      return out_.index.segment(cut.number) == nullptr;
    });
    return {};
  }

  Result<void> open_segment(const std::string& name, std::uint32_t number) {
    out_.last_segment = std::max(out_.last_segment, number);
    auto file = disk_.open(name);
    if (!file) {
      report(fmt::format("{} cannot be opened, its messages are missing: {}", name,
                         file.error().text()));
      return {};
    }
    auto segment = std::make_shared<Segment>();
    segment->number = number;
    segment->file = std::move(*file);
    const auto size = segment->file->size();
    segment->length = size ? std::min<std::uint64_t>(*size, UINT32_MAX) : 0;
    std::string page(head_page_size, '\0');
    const auto got = segment->file->read(page, 0);
    page.resize(got ? *got : 0);
    if (auto taken = take_head(*segment, page); !taken) return taken;
    out_.index.add_segment(std::move(segment));
    return {};
  }

  Result<void> take_head(Segment& segment, std::string_view page) {
    const auto head = decode_segment_head(page);
    if (!head)
      return {};  // torn while it was created, or damaged: its records are scanned for anyway
    if (head->number == 0) {
      return fail(Fault::unsupported, segment_name(segment.number),
                  "written by a newer version of Postroad: use that version or a later one");
    }
    segment.salt = head->salt;
    if (segment.number == out_.last_segment || !out_.salt) out_.salt = head->salt;
    out_.last_id = std::max(out_.last_id, head->id_floor);
    out_.next_sequence = std::max(out_.next_sequence, head->sequence);
    for (const auto& cut : head->cut) add_cut(cut);
    return {};
  }

  void add_cut(const ShortSegment& cut) {
    const auto same = std::find_if(out_.cut.begin(), out_.cut.end(),
                                   [&](const auto& other) { return other.number == cut.number; });
    if (same == out_.cut.end()) {
      out_.cut.push_back(cut);
    } else {
      same->length = std::min(same->length, cut.length);
    }
  }

  Result<void> load(Segment& segment, bool last) {
    auto limit = segment.length;
    bool known_end = false;
    for (const auto& cut : out_.cut) {
      if (cut.number != segment.number) continue;
      limit = std::min<std::uint64_t>(limit, cut.length);
      known_end = true;
    }
    // A process may have died between its write and its sync: sync before the contents are trusted.
    if (last) {
      if (auto synced = segment.file->sync(); !synced) return synced;
    }
    if (!known_end && load_footer(segment, limit)) return {};
    load_scan(segment, limit, last);
    return {};
  }

  bool load_footer(const Segment& segment, std::uint64_t limit) {
    const auto footer = read_footer(segment, limit);
    if (!footer) return false;
    for (const auto& entry : footer->entries) replay_.apply(segment.number, entry);
    out_.next_sequence = std::max(out_.next_sequence, footer->sequence + 1);
    return true;
  }

  void load_scan(const Segment& segment, std::uint64_t limit, bool last) {
    const auto scan =
        scan_segment(segment, limit,
                     [&](const RecordHeader& header, const Location& at, std::string_view payload) {
                       out_.next_sequence = std::max(out_.next_sequence, header.sequence + 1);
                       const auto entry = footer_entry(header, at, payload);
                       if (!entry) return;
                       replay_.apply(at.segment, *entry);
                       if (const auto joined = joined_in(*entry, payload))
                         replay_.apply(at.segment, *joined);
                     });
    for (const auto& damage : scan.damage) save(segment, damage);
    if (last) {
      if (scan.end < segment.length) cut(segment, scan);
    } else if (scan.tail > 0) {
      save(segment, {scan.end, scan.tail, {}});
    }
  }

  void cut(const Segment& segment, const Scan& scan) {
    add_cut({segment.number, scan.end});
    if (scan.tail == 0) return;
    report(
        fmt::format("{}: the last {} bytes were incomplete when the machine or the program "
                    "stopped; they are cut "
                    "off; no 250 was sent for them",
                    segment_name(segment.number), scan.tail));
  }

  void save(const Segment& segment, const Damage& damage) {
    ++out_.damaged;
    const auto saved = save_damaged(disk_, segment, damage.offset, damage.length);
    report(fmt::format(
        "{}: {} bytes at {} are damaged{}; {}", segment_name(segment.number), damage.length,
        damage.offset, owner(damage),
        saved ? "a copy is in " + *saved : "no copy could be made: " + saved.error().text()));
  }

  static std::string owner(const Damage& damage) {
    if (!damage.header) return "";
    const auto id = QueueId{damage.header->id}.text();
    switch (damage.header->kind) {
      case Kind::commit:
        return ", with message " + id;
      case Kind::chunk:
        return ", a part of message " + id;
      case Kind::outcome:
        return ", an outcome of message " + id + ", which may be sent again";
      case Kind::remove:
        return ", the removal of message " + id;
      case Kind::footer:
        return ", the segment's footer";
    }
    return "";
  }

  void report(std::string sentence) { out_.findings.push_back(std::move(sentence)); }

  Disk& disk_;
  Recovered out_;
  Replay replay_;
};

}  // namespace

Result<Recovered> recover(Disk& disk) { return Recovery(disk).run(); }

Result<std::string> save_damaged(Disk& disk, const Segment& segment, std::uint32_t offset,
                                 std::uint32_t length) {
  auto name = fmt::format("damaged-{}-{}", segment.number, offset);
  auto file = disk.create(name);
  if (!file) {
    if (disk.open(name)) return name;
    return file.error();
  }
  std::string bytes(length, '\0');
  // Bytes that the disk cannot read are zero in the copy.
  if (!segment.file->read(bytes, offset)) bytes.assign(length, '\0');
  const std::string_view part = bytes;
  auto saved = (*file)->write({&part, 1}, 0);
  if (saved) saved = (*file)->sync();
  if (saved) saved = disk.sync_folder();
  if (saved) return name;
  (void)disk.remove(name);
  return saved.error();
}

}  // namespace postroad::spool
