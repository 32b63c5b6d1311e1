// The encoding on disk: checksums against their published values, round trips, and refusal of every
// truncation and of everything that the encoders do not write.
#include <gtest/gtest.h>

#include "spool/journal/crc32c.hpp"
#include "spool/journal/envelope_codec.hpp"
#include "spool/journal/record.hpp"
#include "spool/journal/segment.hpp"
#include "spool/journal/wire.hpp"
#include "spool/testing/workload.hpp"

namespace postroad::spool {
namespace {

TEST(Crc32c, MatchesThePublishedValues) {
  // RFC 3720 appendix B.4, and the check value of the catalogue.
  const std::pair<std::string, std::uint32_t> table[] = {
      {"123456789", 0xe3069283},
      {std::string(32, '\0'), 0x8a9136aa},
      {std::string(32, '\xff'), 0x62a8ab43},
      {"", 0},
  };
  for (const auto& [bytes, value] : table) {
    EXPECT_EQ(crc32c(0, bytes), value);
    EXPECT_EQ(crc32c_by_table(0, bytes), value);
  }
}

TEST(Crc32c, BothImplementationsAgreeAndExtend) {
  const auto bytes = workload::bytes(5, 300);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    const auto front = std::string_view(bytes).substr(0, cut);
    const auto back = std::string_view(bytes).substr(cut);
    EXPECT_EQ(crc32c(7, front), crc32c_by_table(7, front));
    EXPECT_EQ(crc32c(crc32c(7, front), back), crc32c(7, bytes));
  }
}

TEST(Crc32c, BothImplementationsAgreeOnLongRuns) {
  const auto bytes = workload::bytes(6, 20'000);
  for (const std::size_t size : {3071U, 3072U, 3073U, 6144U, 9000U, 12'345U, 20'000U}) {
    const auto run = std::string_view(bytes).substr(0, size);
    EXPECT_EQ(crc32c(7, run), crc32c_by_table(7, run)) << size;
  }
}

TEST(EnvelopeCodec, RoundTripsAndRefusesEveryTruncation) {
  auto envelope = workload::envelope(3, 2);
  auto& one = envelope.recipients[1];
  one.address = "x@y";
  one.original = "list@y";
  one.state = State::unknown;
  one.attempts = 4;
  one.next_attempt = -7;
  one.note = "connection lost";
  envelope.login = "someone";
  std::string bytes;
  encode(bytes, envelope);
  EXPECT_EQ(decode_envelope(bytes), envelope);
  // Without the optional list it is what older versions wrote.
  auto before = envelope;
  before.recipients[1].original.clear();
  std::string short_bytes;
  encode(short_bytes, before);
  EXPECT_EQ(decode_envelope(short_bytes), before);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    const auto decoded = decode_envelope(std::string_view(bytes).substr(0, cut));
    EXPECT_EQ(decoded.has_value(), cut == short_bytes.size()) << cut;
  }
  EXPECT_FALSE(decode_envelope(bytes + 'x'));
}

// Each refused form differs from what the encoder writes in a way that a lenient decoder accepts.
TEST(EnvelopeCodec, AcceptsOnlyWhatTheEncoderWrites) {
  auto envelope = workload::envelope(3, 2);
  std::string plain;
  encode(plain, envelope);
  const auto list = [](std::vector<std::pair<std::uint32_t, std::string>> texts) {
    std::string out;
    Encoder to(out);
    to.number(static_cast<std::uint32_t>(texts.size()));
    for (const auto& [recipient, text] : texts) to.number(recipient).text(text);
    return out;
  };
  const auto none = list({});
  const struct {
    const char* name;
    std::string extras;
    bool accepted;
  } table[] = {
      {"no optional list", "", true},
      {"originals", list({{0, "a@b"}, {1, "c@d"}}), true},
      {"parameters only", none + list({{1, " NOTIFY=NEVER"}}), true},
      {"originals and parameters", list({{1, "c@d"}}) + list({{0, " NOTIFY=NEVER"}}), true},
      {"an empty last list", none, false},
      {"two empty lists", none + none, false},
      {"an empty list after a full one", list({{0, "a@b"}}) + none, false},
      {"an empty text", list({{0, ""}}), false},
      {"a recipient twice", list({{0, "a@b"}, {0, "a@b"}}), false},
      {"recipients out of order", list({{1, "c@d"}, {0, "a@b"}}), false},
      {"a recipient that does not exist", list({{2, "c@d"}}), false},
      {"a third list", none + list({{1, "x"}}) + none, false},
  };
  for (const auto& form : table) {
    const auto bytes = plain + form.extras;
    const auto decoded = decode_envelope(bytes);
    ASSERT_EQ(decoded.has_value(), form.accepted) << form.name;
    if (!decoded) continue;
    std::string again;
    encode(again, *decoded);
    EXPECT_EQ(again, bytes) << form.name;
  }
}

TEST(CommitPayload, RefusesPartsThatContradictEachOther) {
  const auto envelope = workload::envelope(3, 2);
  const auto good = commit_payload_front(envelope, 4) + "text";
  const auto decoded = decode_commit_payload(good);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->envelope, envelope);
  EXPECT_EQ(decoded->rest, "text");
  const auto with = [&](std::uint64_t size, std::uint32_t length, std::uint32_t recipients) {
    auto bytes = good;
    encode(bytes.data(), CommitFront{size, length, recipients});
    return decode_commit_payload(bytes).has_value();
  };
  const auto length = decoded->front.envelope;
  EXPECT_TRUE(with(4, length, 2));
  EXPECT_TRUE(with(9000, length, 2)) << "chunks may come before";
  EXPECT_FALSE(with(3, length, 2)) << "the message is smaller than its last record";
  EXPECT_FALSE(with(4, length, 3)) << "another number of recipients";
  EXPECT_FALSE(with(4, length + 1, 2));
  EXPECT_FALSE(with(4, length - 1, 2));
}

TEST(EnvelopeCodec, AFlippedByteCausesNoReadOutsideTheInput) {
  std::string bytes;
  encode(bytes, workload::envelope(3, 2));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 0xff);
    (void)decode_envelope(changed);
    (void)decode_outcomes(changed);
  }
}

TEST(OutcomeCodec, RoundTripsAndRefusesUnknownStates) {
  const std::vector<OutcomeRecord> outcomes{{0, State::delivered, 1, 0, "250 ok"},
                                            {7, State::pending, 3, 1700000000000, ""}};
  std::string bytes;
  encode(bytes, outcomes);
  const auto back = decode_outcomes(bytes);
  ASSERT_TRUE(back);
  ASSERT_EQ(back->size(), 2U);
  EXPECT_EQ((*back)[1].recipient, 7U);
  EXPECT_EQ((*back)[1].next_attempt, 1700000000000);
  bytes[8] = 9;  // an undeclared state
  EXPECT_FALSE(decode_outcomes(bytes));
}

TEST(OutcomeCodec, KeepsTheLastAttemptAndWhatWasReported) {
  for (const auto* host : {"", "mx.example:25"}) {
    for (const std::int64_t last : {std::int64_t{0}, std::int64_t{1700000000001}}) {
      for (const bool is_reported : {false, true}) {
        OutcomeRecord one{1, State::refused, 2, 3, "550 no"};
        one.host = host;
        one.last_attempt = last;
        one.is_reported = is_reported;
        one.is_delay_reported = !is_reported;
        one.is_held = is_reported;
        std::string bytes;
        encode(bytes, {one});
        const auto back = decode_outcomes(bytes);
        ASSERT_TRUE(back);
        Envelope envelope = workload::envelope(1, 2);
        apply(envelope, back->front());
        const auto& recipient = envelope.recipients[1];
        EXPECT_EQ(recipient.host, host);
        EXPECT_EQ(recipient.last_attempt, last);
        EXPECT_EQ(recipient.is_reported, is_reported);
        EXPECT_EQ(recipient.is_delay_reported, !is_reported);
        EXPECT_EQ(recipient.is_held, is_reported);
        std::string again;
        encode(again, {outcome_of(envelope, 1)});
        EXPECT_EQ(again, bytes);
      }
    }
  }
  std::string empty_attempt;
  encode(empty_attempt, {OutcomeRecord{0, State::pending, 1, 0, ""}});
  empty_attempt[8] |= 0x40;
  EXPECT_FALSE(decode_outcomes(empty_attempt + std::string(4 + 8, '\0')))
      << "the encoder leaves out an empty attempt";
}

TEST(JoinedOutcomes, EndAPayload) {
  std::string payload = "the commit";
  append_joined(payload, 77, "outcomes");
  const auto joined = decode_joined(payload);
  ASSERT_TRUE(joined);
  EXPECT_EQ(joined->id, 77U);
  EXPECT_EQ(joined->outcomes, "outcomes");
  EXPECT_EQ(payload.substr(0, payload.size() - joined->size_on_disk), "the commit");
  EXPECT_FALSE(decode_joined("short"));
  EXPECT_FALSE(decode_joined(std::string(8, '\0') + "\xff\xff\xff\x7f"));
}

TEST(RecordHeader, IsKeyedBySaltAndSegment) {
  const RecordHeader header{12, 3, 99, Kind::commit, flag_copy, 4, 0xabcd};
  const Salt salt{0x123456789abcdef0};
  const auto bytes = encode(header, salt, 5);
  const std::string_view text(bytes.data(), bytes.size());
  EXPECT_EQ(decode_record_header(text, salt, 5), header);
  EXPECT_FALSE(decode_record_header(text, salt, 6));
  EXPECT_FALSE(decode_record_header(text, Salt{salt.value + (1ULL << 40)}, 5));
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed(text);
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(decode_record_header(changed, salt, 5)) << i;
    EXPECT_FALSE(decode_record_header(text.substr(0, i), salt, 5)) << i;
  }
}

TEST(RecordHeader, AcceptsOnlyWhatTheEncoderWrites) {
  const Salt salt{0x123456789abcdef0};
  const auto bytes = encode(RecordHeader{12, 3, 99, Kind::commit, 0, 4, 0xabcd}, salt, 5);
  const auto with = [&](std::size_t at, std::uint8_t number) {
    auto changed = bytes;
    put(changed.data() + at, number);
    constexpr auto crc_at = record_header_size - 4;
    put(changed.data() + crc_at, crc32c(salt.header_seed(5), {changed.data(), crc_at}));
    return decode_record_header({changed.data(), changed.size()}, salt, 5).has_value();
  };
  EXPECT_TRUE(with(24, 3));
  EXPECT_FALSE(with(24, 0)) << "no such kind";
  EXPECT_FALSE(with(24, 6)) << "no such kind";
  EXPECT_FALSE(with(26, 1)) << "bytes 26 and 27 are zero";
  EXPECT_FALSE(with(27, 1)) << "bytes 26 and 27 are zero";
}

TEST(SegmentHead, SurvivesTheLossOfEitherCopy) {
  const SegmentHead head{7, {0xfeed}, 1234567, 89, {{3, 4096}, {5, 70000}}};
  const auto page = encode(head);
  ASSERT_EQ(page.size(), head_page_size);
  for (std::size_t i = 0; i < page.size(); ++i) {
    auto changed = page;
    changed[i] = static_cast<char>(changed[i] ^ 0x10);
    EXPECT_EQ(decode_segment_head(changed), head) << i;
  }
  EXPECT_FALSE(decode_segment_head(std::string(head_page_size, '\0')));
  EXPECT_FALSE(decode_segment_head(page.substr(0, 100)));
}

TEST(SegmentHead, AcceptsOnlyWhatTheEncoderWrites) {
  constexpr std::size_t copy = head_page_size / 2;
  const auto page = encode(SegmentHead{7, {0xfeed}, 1234567, 89, {{3, 4096}}});
  const auto with = [&](std::size_t at, std::uint32_t number) {
    auto head = page.substr(0, copy);
    put(head.data() + at, number);
    put(head.data() + copy - 4, crc32c(0, std::string_view(head).substr(0, copy - 4)));
    return decode_segment_head(head + head);
  };
  EXPECT_TRUE(with(12, 8)) << "another segment number";
  EXPECT_FALSE(with(12, 0)) << "segment numbers begin at 1";
  EXPECT_FALSE(with(40, 0)) << "what follows the last entry is zero";
  EXPECT_FALSE(with(copy - 8, 1)) << "what follows the last entry is zero";
  ASSERT_TRUE(with(8, format_version + 1));
  EXPECT_EQ(with(8, format_version + 1)->number, 0U) << "a newer format is told apart from damage";
}

TEST(SegmentHead, HoldsTheMaximumNumberOfShortSegments) {
  SegmentHead head{7, {1}, 2, 3, {}};
  for (std::uint32_t i = 0; i < SegmentHead::max_short; ++i) head.cut.push_back({i + 1, 4096 + i});
  const auto page = encode(head);
  EXPECT_EQ(page.size(), head_page_size);
  EXPECT_EQ(decode_segment_head(page), head);
}

TEST(FooterCodec, RoundTrips) {
  const std::vector<FooterEntry> entries{{1, 2, 3, 4, 5, 6, Kind::commit, flag_copy},
                                         {7, 8, 9, 10, 11, 12, Kind::remove, 0}};
  const auto bytes = encode(entries);
  EXPECT_EQ(decode_footer(bytes), entries);
  EXPECT_EQ(decode_footer_tail(std::string_view(bytes).substr(bytes.size() - footer_tail_size)),
            bytes.size());
  EXPECT_FALSE(decode_footer(std::string_view(bytes).substr(1)));
}

TEST(FooterCodec, AcceptsOnlyWhatTheEncoderWrites) {
  const auto good = encode({FooterEntry{1, 2, 3, 4, 5, 6, Kind::commit, flag_copy}});
  // Entry: 34 bytes of values, 6 zeros; tail: own length, "FOOT".
  for (std::size_t at = 34; at < good.size(); ++at) {
    auto changed = good;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    EXPECT_FALSE(decode_footer(changed)) << at;
  }
  EXPECT_FALSE(decode_footer(good + good)) << "the tail gives another length";
  EXPECT_FALSE(decode_footer_tail("FOOT"));
}

TEST(SegmentName, RoundTripsAndOtherNamesAreRefused) {
  EXPECT_EQ(segment_name(7), "0000000000000007.seg");
  EXPECT_EQ(parse_segment_name("0000000000000007.seg"), 7U);
  for (const auto* wrong :
       {"7.seg", "0000000000000000.seg", "000000000000000x.seg", "0000000000000007.tmp",
        "9999999999999999.seg", "+000000000000007.seg", "damaged-1-4096", "lock", ""}) {
    EXPECT_FALSE(parse_segment_name(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace postroad::spool
