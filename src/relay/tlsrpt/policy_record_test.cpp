// Which records ask for reports, and where they go.
#include "relay/tlsrpt/policy_record.hpp"

#include <gtest/gtest.h>

namespace postroad::relay::tlsrpt {
namespace {

using Strings = std::vector<std::string>;

struct RecordCase {
  const char* name;
  Strings records;
  Strings uris;
};

class Records : public testing::TestWithParam<RecordCase> {};

TEST_P(Records, NameTheUris) { EXPECT_EQ(report_uris(GetParam().records).uris, GetParam().uris); }

INSTANTIATE_TEST_SUITE_P(
    PolicyRecord, Records,
    testing::Values(
        RecordCase{"mail", {"v=TLSRPTv1;rua=mailto:a@b.example"}, {"mailto:a@b.example"}},
        RecordCase{"blanks_and_a_last_semicolon",
                   {"v=TLSRPTv1 ; rua=mailto:a@b.example ;"},
                   {"mailto:a@b.example"}},
        RecordCase{"two_uris",
                   {"v=TLSRPTv1; rua=mailto:a@b.example , https://c.example/v1"},
                   {"mailto:a@b.example", "https://c.example/v1"}},
        RecordCase{"schemes_in_capitals",
                   {"v=TLSRPTv1; rua=MAILTO:a@b.example,HTTPS://c.example/V1"},
                   {"mailto:a@b.example", "https://c.example/V1"}},
        RecordCase{"extensions_are_passed_over",
                   {"v=TLSRPTv1; x=1; rua=mailto:a@b.example; y=2"},
                   {"mailto:a@b.example"}},
        RecordCase{"other_schemes", {"v=TLSRPTv1; rua=http://a.example/,ftp://b,mailto:"}, {}},
        RecordCase{
            "other_records_do_not_count",
            {"v=spf1 -all", "v=TLSRPTv1;rua=mailto:a@b.example", "v=TLSRPTv10;rua=mailto:c@d"},
            {"mailto:a@b.example"}},
        RecordCase{"two_records",
                   {"v=TLSRPTv1;rua=mailto:a@b.example", "v=TLSRPTv1;rua=mailto:c@d.example"},
                   {}},
        RecordCase{"another_version", {"v=TLSRPTv2;rua=mailto:a@b.example"}, {}},
        RecordCase{"the_version_in_small_letters", {"v=tlsrptv1;rua=mailto:a@b.example"}, {}},
        RecordCase{"the_version_is_not_first", {"rua=mailto:a@b.example;v=TLSRPTv1"}, {}},
        RecordCase{"no_rua", {"v=TLSRPTv1;"}, {}},
        RecordCase{"control_characters", {"v=TLSRPTv1;rua=mailto:a@b.example\r\nX: y"}, {}},
        RecordCase{"none", {}, {}}),
    [](const auto& one) { return one.param.name; });

TEST(PolicyRecord, HasALimitOfUris) {
  std::string record = "v=TLSRPTv1; rua=mailto:a0@b.example";
  for (int i = 1; i < 50; ++i) record += ",mailto:a" + std::to_string(i) + "@b.example";
  EXPECT_EQ(report_uris({record}).uris.size(), 5U);
}

TEST(PolicyRecord, AnAddressGetsOneReport) {
  EXPECT_EQ(
      report_uris({"v=TLSRPTv1; rua=mailto:a@b.example,mailto:a@B.example,mailto:a@b.example?x=1,"
                   "mailto:%61@b.example"})
          .uris.size(),
      1U);
}

TEST(PolicyRecord, SaysWhyARecordAsksForNothing) {
  EXPECT_EQ(report_uris({}).fault, "");
  EXPECT_EQ(report_uris({"v=TLSRPTv1; x=1"}).fault, "has no rua");
  EXPECT_EQ(report_uris({"v=TLSRPTv1; rua=ftp://x"}).fault,
            "names neither a mailto: nor an https: URI");
  EXPECT_EQ(report_uris({"v=TLSRPTv1; rua=mailto:a@b.example", "v=TLSRPTv1;"}).fault,
            "is there more than once");
}

TEST(AddressOf, ReadsMailtoUris) {
  EXPECT_EQ(address_of("mailto:a@b.example"), "a@b.example");
  EXPECT_EQ(address_of("mailto:a%2Bc@b.example"), "a+c@b.example");
  EXPECT_EQ(address_of("mailto:a@b.example?subject=x&bcc=d@e.example"), "a@b.example");
  for (const auto* wrong :
       {"mailto:a", "mailto:a@b.example,c@d.example", "mailto:a%0D%0A@b.example", "mailto:%",
        "https://b.example/", "mailto:postmaster"})
    EXPECT_FALSE(address_of(wrong)) << wrong;
}

}  // namespace
}  // namespace postroad::relay::tlsrpt
