// Encoding of records and head pages; see record.hpp.
#include "spool/journal/record.hpp"

#include "spool/journal/crc32c.hpp"
#include "spool/journal/wire.hpp"

namespace postroad::spool {

namespace {

constexpr std::string_view magic = "PRSPOOL\n";
constexpr std::uint32_t footer_word = 0x544f4f46;  // "FOOT"
constexpr std::size_t head_copy_size = head_page_size / 2;
constexpr std::size_t crc_at = record_header_size - 4;

bool is_kind(std::uint8_t number) {
  return number >= static_cast<std::uint8_t>(Kind::chunk) &&
         number <= static_cast<std::uint8_t>(Kind::footer);
}

bool is_zero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

std::optional<SegmentHead> decode_head_copy(std::string_view copy) {
  if (copy.size() < head_copy_size || copy.substr(0, magic.size()) != magic) return std::nullopt;
  const auto crc = get<std::uint32_t>(copy.data() + head_copy_size - 4);
  if (crc != crc32c(0, copy.substr(0, head_copy_size - 4))) return std::nullopt;
  Decoder from(copy.substr(magic.size(), head_copy_size - magic.size() - 4));
  SegmentHead head;
  const auto version = from.number<std::uint32_t>();
  if (version < oldest_version || version > format_version) return head;
  head.number = from.number<std::uint32_t>();
  head.salt.value = from.number<std::uint64_t>();
  head.id_floor = from.number<std::uint64_t>();
  head.sequence = from.number<std::uint64_t>();
  const auto count = from.number<std::uint32_t>();
  if (count > SegmentHead::max_short) return std::nullopt;
  head.cut.resize(count);
  for (auto& cut : head.cut) {
    cut.number = from.number<std::uint32_t>();
    cut.length = from.number<std::uint32_t>();
  }
  // Segment numbers begin at 1; number 0 tells the caller of an unknown format version.
  if (!from.ok() || head.number == 0 || !is_zero(from.take(from.left()))) return std::nullopt;
  return head;
}

}  // namespace

std::uint32_t Salt::payload_seed() const noexcept {
  return static_cast<std::uint32_t>(value >> 32);
}

std::uint32_t Salt::header_seed(std::uint32_t segment) const noexcept {
  std::array<char, 12> bytes{};
  put(bytes.data(), value);
  put(bytes.data() + 8, segment);
  return crc32c(0, {bytes.data(), bytes.size()});
}

RecordHeaderBytes encode(const RecordHeader& header, Salt salt, std::uint32_t segment) {
  RecordHeaderBytes out{};
  put(out.data(), salt.mark());
  put(out.data() + 4, header.length);
  put(out.data() + 8, header.sequence);
  put(out.data() + 16, header.id);
  put(out.data() + 24, static_cast<std::uint8_t>(header.kind));
  put(out.data() + 25, header.flags);
  put(out.data() + 28, header.part);
  put(out.data() + 32, header.payload_crc);
  put(out.data() + crc_at, crc32c(salt.header_seed(segment), {out.data(), crc_at}));
  return out;
}

std::optional<RecordHeader> decode_record_header(std::string_view bytes, Salt salt,
                                                 std::uint32_t segment) {
  const char* at = bytes.data();
  if (bytes.size() < record_header_size || get<std::uint32_t>(at) != salt.mark())
    return std::nullopt;
  if (get<std::uint32_t>(at + crc_at) !=
      crc32c(salt.header_seed(segment), bytes.substr(0, crc_at))) {
    return std::nullopt;
  }
  const auto kind = get<std::uint8_t>(at + 24);
  if (!is_kind(kind) || get<std::uint16_t>(at + 26) != 0) return std::nullopt;
  RecordHeader header;
  header.length = get<std::uint32_t>(at + 4);
  header.sequence = get<std::uint64_t>(at + 8);
  header.id = get<std::uint64_t>(at + 16);
  header.kind = static_cast<Kind>(kind);
  header.flags = get<std::uint8_t>(at + 25);
  header.part = get<std::uint32_t>(at + 28);
  header.payload_crc = get<std::uint32_t>(at + 32);
  return header;
}

void encode(char* at, const CommitFront& front) noexcept {
  put(at, front.size);
  put(at + 8, front.envelope);
  put(at + 12, front.recipients);
}

std::optional<CommitFront> decode_commit_front(std::string_view payload) {
  if (payload.size() < CommitFront::size_on_disk) return std::nullopt;
  CommitFront front;
  front.size = get<std::uint64_t>(payload.data());
  front.envelope = get<std::uint32_t>(payload.data() + 8);
  front.recipients = get<std::uint32_t>(payload.data() + 12);
  if (front.envelope > payload.size() - CommitFront::size_on_disk) return std::nullopt;
  return front;
}

void append_joined(std::string& payload, std::uint64_t id, std::string_view outcomes) {
  payload += outcomes;
  Encoder(payload).number(id).number(static_cast<std::uint32_t>(outcomes.size()));
}

std::optional<JoinedOutcomes> decode_joined(std::string_view payload) {
  constexpr std::size_t tail = 8 + 4;  // id and length
  if (payload.size() < tail) return std::nullopt;
  Decoder from(payload.substr(payload.size() - tail));
  JoinedOutcomes joined;
  joined.id = from.number<std::uint64_t>();
  const std::size_t length = from.number<std::uint32_t>();
  if (length > payload.size() - tail) return std::nullopt;
  joined.size_on_disk = length + tail;
  joined.outcomes = payload.substr(payload.size() - joined.size_on_disk, length);
  return joined;
}

std::string encode(const SegmentHead& head) {
  std::string copy(magic);
  Encoder to(copy);
  to.number(format_version)
      .number(head.number)
      .number(head.salt.value)
      .number(head.id_floor)
      .number(head.sequence)
      .number(static_cast<std::uint32_t>(head.cut.size()));
  for (const auto& cut : head.cut) to.number(cut.number).number(cut.length);
  copy.resize(head_copy_size - 4);
  to.number(crc32c(0, copy));
  return copy + copy;
}

std::optional<SegmentHead> decode_segment_head(std::string_view page) {
  if (auto head = decode_head_copy(page.substr(0, head_copy_size))) return head;
  if (page.size() < head_page_size) return std::nullopt;
  return decode_head_copy(page.substr(head_copy_size, head_copy_size));
}

FooterEntry joined_entry(const FooterEntry& commit, std::uint64_t other) {
  FooterEntry entry;
  entry.id = other;
  entry.offset = commit.offset;
  entry.length = commit.length;
  entry.kind = Kind::outcome;
  entry.flags = flag_joined;
  return entry;
}

std::string encode(const std::vector<FooterEntry>& entries) {
  std::string out;
  out.reserve(entries.size() * FooterEntry::size_on_disk + footer_tail_size);
  Encoder to(out);
  for (const auto& entry : entries) {
    to.number(entry.id)
        .number(entry.size)
        .number(entry.offset)
        .number(entry.length)
        .number(entry.part)
        .number(entry.recipients)
        .number(static_cast<std::uint8_t>(entry.kind))
        .number(entry.flags)
        .number(std::uint16_t{0})
        .number(std::uint32_t{0});
  }
  const auto length = static_cast<std::uint32_t>(out.size() + footer_tail_size);
  to.number(length).number(footer_word);
  return out;
}

std::optional<std::vector<FooterEntry>> decode_footer(std::string_view payload) {
  if (payload.size() < footer_tail_size) return std::nullopt;
  const auto body = payload.substr(0, payload.size() - footer_tail_size);
  if (decode_footer_tail(payload.substr(body.size())) != payload.size()) return std::nullopt;
  if (body.size() % FooterEntry::size_on_disk != 0) return std::nullopt;
  std::vector<FooterEntry> entries(body.size() / FooterEntry::size_on_disk);
  Decoder from(body);
  for (auto& entry : entries) {
    entry.id = from.number<std::uint64_t>();
    entry.size = from.number<std::uint64_t>();
    entry.offset = from.number<std::uint32_t>();
    entry.length = from.number<std::uint32_t>();
    entry.part = from.number<std::uint32_t>();
    entry.recipients = from.number<std::uint32_t>();
    const auto kind = from.number<std::uint8_t>();
    entry.flags = from.number<std::uint8_t>();
    if (!is_kind(kind) || !is_zero(from.take(6))) return std::nullopt;
    entry.kind = static_cast<Kind>(kind);
  }
  return entries;
}

std::optional<std::uint32_t> decode_footer_tail(std::string_view bytes) {
  if (bytes.size() != footer_tail_size) return std::nullopt;
  if (get<std::uint32_t>(bytes.data() + 4) != footer_word) return std::nullopt;
  return get<std::uint32_t>(bytes.data());
}

}  // namespace postroad::spool
