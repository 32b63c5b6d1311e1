// The parameters of MAIL and RCPT as tables, both ways. Row4 and Row5 are rows of
// tests/transcripts/guards.md: a value that breaks out of its line, and one that does so once a
// code point is narrowed to a byte.
#include "proto/smtp/mail_parameters.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "base/text.hpp"

namespace postroad::smtp {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using Return = MailOptions::Return;
using Else = DeliverBy::Else;

Parameter parameter_of(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos) return {text, std::nullopt};
  return {text.substr(0, equals), text.substr(equals + 1)};
}

// The result of reading parameters: "unknown", "wrong: …" or the options written again.
template <class Options>
std::string read(std::string_view words, Options& options,
                 const Offered& offered = Offered::all()) {
  for (const auto word : split(words, ' ')) {
    const auto taken = take_parameter(parameter_of(word), offered, options);
    if (!taken.known) return "unknown";
    if (!taken.error.empty()) return "wrong: " + taken.error;
  }
  return {};
}

std::string mail(std::string_view words, const Offered& offered = Offered::all()) {
  MailOptions options;
  if (auto why = read(words, options, offered); !why.empty()) return why;
  EXPECT_EQ(wrong_with(options), "") << words << ": what is taken can be said again";
  std::string line;
  append_parameters(options, line);
  return line;
}

std::string rcpt(std::string_view words, bool utf8 = false) {
  RecipientOptions options;
  if (auto why = read(words, options); !why.empty()) return why;
  EXPECT_EQ(wrong_with(options), "") << words << ": what is taken can be said again";
  std::string line;
  append_parameters(options, utf8, line);
  return line;
}

TEST(MailParameters, BothWays) {
  for (const auto& [given, again] : std::initializer_list<std::pair<std::string, std::string>>{
           {"RET=FULL", " RET=FULL"},
           {"ret=hdrs", " RET=HDRS"},
           {"ENVID=QQ314159", " ENVID=QQ314159"},
           {"ENVID=a+2Bb+3Dc+20d", " ENVID=a+2Bb+3Dc+20d"},
           {"ENVID=+41", " ENVID=A"},
           {"ENVID=" + std::string(100, 'x'), " ENVID=" + std::string(100, 'x')},
           {"BY=60;R", " BY=60;R"},
           {"by=60;rt", " BY=60;RT"},
           {"BY=-120;N", " BY=-120;N"},
           {"BY=0;NT", " BY=0;NT"},
           {"BY=999999999;R", " BY=999999999;R"},
           {"HOLDFOR=86400", " HOLDFOR=86400"},
           {"HOLDUNTIL=2026-11-28T09:00:00Z", " HOLDUNTIL=2026-11-28T09:00:00Z"},
           {"HOLDUNTIL=2026-11-28t09:00:00z", " HOLDUNTIL=2026-11-28T09:00:00Z"},
           {"HOLDUNTIL=2016-12-31T23:59:60Z", " HOLDUNTIL=2017-01-01T00:00:00Z"},
           {"MT-PRIORITY=0", " MT-PRIORITY=0"},
           {"mt-priority=-9", " MT-PRIORITY=-9"},
           {"MT-PRIORITY=9", " MT-PRIORITY=9"},
           {"REQUIRETLS", " REQUIRETLS"},
           {"AUTH=<>", " AUTH=<>"},
           {"AUTH=e+3Dmc2@example.com", " AUTH=e+3Dmc2@example.com"},
           {"RET=HDRS ENVID=x BY=5;N HOLDFOR=1 MT-PRIORITY=3 REQUIRETLS AUTH=a@b.example",
            " RET=HDRS ENVID=x BY=5;N HOLDFOR=1 MT-PRIORITY=3 REQUIRETLS AUTH=a@b.example"}}) {
    EXPECT_EQ(mail(given), again) << given;
    EXPECT_EQ(mail(again.substr(1)), again) << "again: " << again;
  }
}

TEST(MailParameters, Meaning) {
  MailOptions options;
  ASSERT_EQ(read("RET=FULL ENVID=a+20b BY=-7;NT HOLDUNTIL=1970-01-01T00:01:40Z MT-PRIORITY=-3 "
                 "REQUIRETLS AUTH=+3C+3E",
                 options),
            "");
  EXPECT_EQ(options.return_content, Return::full);
  EXPECT_EQ(options.envelope_id, "a b");
  EXPECT_EQ(options.deliver_by, (DeliverBy{-7s, Else::notify, true}));
  EXPECT_EQ(options.hold_until, std::chrono::sys_seconds(100s));
  EXPECT_EQ(options.priority, -3);
  EXPECT_TRUE(options.require_tls);
  EXPECT_EQ(options.submitter, "<>");
}

const std::string wrong_mail_parameters[] = {
    "RET"s,
    "RET="s,
    "RET=BODY"s,
    "RET=FULL,HDRS"s,
    "ENVID"s,
    "ENVID="s,
    "ENVID=a+2"s,
    "ENVID=a+2x"s,
    "ENVID=a+3d"s,
    "ENVID=\xc3\xa9"s,
    "ENVID=+0D+0A"s,
    "ENVID=+00"s,
    "ENVID=+7F"s,
    "ENVID=+FF"s,
    "ENVID=a=b"s,
    "ENVID=" + std::string(101, 'x'),
    "BY"s,
    "BY="s,
    "BY=60"s,
    "BY=60;"s,
    "BY=;R"s,
    "BY=60;X"s,
    "BY=60;RTT"s,
    "BY=60;T"s,
    "BY=0;R"s,
    "BY=-1;R"s,
    "BY=1000000000;R"s,
    "BY=-1000000000;N"s,
    "BY=6 0;R"s,
    "BY=0x10;R"s,
    "BY=99999999999999999999;N"s,
    "BY=-;N"s,
    "BY=+5;R"s,
    "BY=1.5;R"s,
    "BY=60;R;T"s,
    "HOLDFOR"s,
    "HOLDFOR="s,
    "HOLDFOR=0"s,
    "HOLDFOR=-1"s,
    "HOLDFOR=1s"s,
    "HOLDFOR=1000000000"s,
    "HOLDFOR=99999999999999999999"s,
    "HOLDUNTIL"s,
    "HOLDUNTIL="s,
    "HOLDUNTIL=tomorrow"s,
    "HOLDUNTIL=2026-11-28"s,
    "HOLDUNTIL=2026-11-28T09:00:00"s,
    "HOLDUNTIL=2026-11-28T09:00:00+01:00"s,
    "HOLDUNTIL=2026-11-28 09:00:00Z"s,
    "HOLDUNTIL=2026-02-30T09:00:00Z"s,
    "HOLDUNTIL=2026-13-01T09:00:00Z"s,
    "HOLDUNTIL=2026-00-01T09:00:00Z"s,
    "HOLDUNTIL=2026-11-28T24:00:00Z"s,
    "HOLDUNTIL=2026-11-28T09:60:00Z"s,
    "HOLDUNTIL=2026-11-28T09:00:61Z"s,
    "HOLDUNTIL=2026-11-28T09:00:00ZZ"s,
    "HOLDUNTIL=2026-11-28T09:00:0\xb2Z"s,
    "HOLDFOR=5 HOLDUNTIL=2026-11-28T09:00:00Z"s,
    "HOLDUNTIL=2026-11-28T09:00:00Z HOLDFOR=5"s,
    "HOLDFOR=5 HOLDFOR=6"s,
    "MT-PRIORITY"s,
    "MT-PRIORITY="s,
    "MT-PRIORITY=10"s,
    "MT-PRIORITY=-10"s,
    "MT-PRIORITY=+1"s,
    "MT-PRIORITY=high"s,
    "MT-PRIORITY=1.0"s,
    "MT-PRIORITY=001"s,
    "REQUIRETLS="s,
    "REQUIRETLS=yes"s,
    "AUTH=+0D+0A"s,
    "AUTH=+00"s,
    "AUTH=a+"s,
    "AUTH=\xc3\xa9@b.example"s,
};

TEST(MailParameters, WrongValues) {
  for (const auto& wrong : wrong_mail_parameters) {
    EXPECT_TRUE(mail(wrong).starts_with("wrong: ")) << wrong << ": " << mail(wrong);
  }
}

// A parameter that was not offered is unknown, whatever its value.
TEST(MailParameters, OnlyWhatIsOffered) {
  const std::pair<std::string, bool Offered::*> rows[] = {
      {"RET=FULL", &Offered::dsn},
      {"ENVID=x", &Offered::dsn},
      {"BY=60;R", &Offered::deliver_by},
      {"HOLDFOR=5", &Offered::future_release},
      {"HOLDUNTIL=2026-11-28T09:00:00Z", &Offered::future_release},
      {"MT-PRIORITY=3", &Offered::mt_priority},
      {"REQUIRETLS", &Offered::require_tls},
      {"AUTH=<>", &Offered::auth}};
  for (const auto& [words, family] : rows) {
    auto all_but_one = Offered::all();
    all_but_one.*family = false;
    EXPECT_EQ(mail(words, all_but_one), "unknown") << words;
    Offered one;
    one.*family = true;
    EXPECT_EQ(mail(words, one), ' ' + words);
    EXPECT_EQ(rcpt(words), "unknown") << words << ": it is MAIL's";
  }
  for (const auto* words : {"SIZE=5", "BODY=8BITMIME", "SMTPUTF8", "NOTIFY=NEVER", "X=y", "", "="})
    EXPECT_EQ(mail(words), "unknown") << words;
  RecipientOptions options;
  EXPECT_FALSE(take_parameter({"NOTIFY", "NEVER"}, {}, options).known);
  EXPECT_FALSE(take_parameter({"ORCPT", "rfc822;a@b.example"}, {}, options).known);
}

TEST(RecipientParameters, BothWays) {
  for (const auto& [given, again] : std::initializer_list<std::pair<std::string, std::string>>{
           {"NOTIFY=NEVER", " NOTIFY=NEVER"},
           {"notify=success", " NOTIFY=SUCCESS"},
           {"NOTIFY=DELAY,FAILURE,SUCCESS", " NOTIFY=SUCCESS,FAILURE,DELAY"},
           {"NOTIFY=FAILURE,FAILURE", " NOTIFY=FAILURE"},
           {"ORCPT=rfc822;ben@y.example", " ORCPT=rfc822;ben@y.example"},
           {"ORCPT=RFC822;a+2Bb@y.example", " ORCPT=rfc822;a+2Bb@y.example"},
           {"ORCPT=rfc822;+22a+20b+22@y.example", " ORCPT=rfc822;\"a+20b\"@y.example"},
           {"ORCPT=x400;/C=de", "wrong: "},
           {"ORCPT=x400;/C+3Dde", " ORCPT=x400;/C+3Dde"},
           {"ORCPT=X-my_type.2;x", " ORCPT=x-my_type.2;x"},
           {"ORCPT=rfc822;a;b", " ORCPT=rfc822;a;b"},
           {"NOTIFY=NEVER ORCPT=rfc822;a@b.example", " NOTIFY=NEVER ORCPT=rfc822;a@b.example"}}) {
    EXPECT_TRUE(rcpt(given).starts_with(again)) << given << ": " << rcpt(given);
    if (!again.starts_with(' ')) continue;
    EXPECT_EQ(rcpt(given), again);
    EXPECT_EQ(rcpt(again.substr(1)), again) << "again: " << again;
  }
}

// RFC 6533 section 3: unencoded with SMTPUTF8, else as \x{HEX}.
TEST(RecipientParameters, Utf8AddressesInBothForms) {
  for (const auto& [given, ascii, utf8] :
       std::initializer_list<std::tuple<std::string, std::string, std::string>>{
           {"utf-8;j\xc3\xbcrg@y.example", "j\\x{FC}rg@y.example", "j\xc3\xbcrg@y.example"},
           {"utf-8;j\\x{FC}rg@y.example", "j\\x{FC}rg@y.example", "j\xc3\xbcrg@y.example"},
           {"UTF-8;\\x{90F5}\\x{5C40}@y.example", "\\x{90F5}\\x{5C40}@y.example",
            "\xe9\x83\xb5\xe5\xb1\x80@y.example"},
           {"utf-8;\\x{1F4EE}@y.example", "\\x{1F4EE}@y.example", "\xf0\x9f\x93\xae@y.example"},
           {"utf-8;\\x{10FFFF}", "\\x{10FFFF}", "\xf4\x8f\xbf\xbf"},
           {"utf-8;a\\x{2B}b\\x{3D}c\\x{5C}d", "a\\x{2B}b\\x{3D}c\\x{5C}d",
            "a\\x{2B}b\\x{3D}c\\x{5C}d"},
           {"utf-8;a\\x{20}b", "a\\x{20}b", "a\\x{20}b"},
           {"utf-8;a\\x{80}b", "a\\x{80}b", "a\\x{80}b"}}) {  // a C1 control is always encoded
    EXPECT_EQ(rcpt("ORCPT=" + given), " ORCPT=utf-8;" + ascii) << given;
    EXPECT_EQ(rcpt("ORCPT=" + given, true), " ORCPT=utf-8;" + utf8) << given;
    EXPECT_EQ(rcpt("ORCPT=utf-8;" + utf8), " ORCPT=utf-8;" + ascii) << given;
  }
}

TEST(RecipientParameters, WrongValues) {
  for (const auto& wrong : {
           "NOTIFY"s,
           "NOTIFY="s,
           "NOTIFY=ALWAYS"s,
           "NOTIFY=NEVER,FAILURE"s,
           "NOTIFY=FAILURE,NEVER"s,
           "NOTIFY=,"s,
           "NOTIFY=SUCCESS,"s,
           "NOTIFY=SUCCESS;DELAY"s,
           "ORCPT"s,
           "ORCPT="s,
           "ORCPT=ben@y.example"s,
           "ORCPT=;ben@y.example"s,
           "ORCPT=rfc822;"s,
           "ORCPT=r f;x"s,
           "ORCPT=rfc(822;x"s,
           "ORCPT=rfc822;a+"s,
           "ORCPT=rfc822;a+3d"s,
           "ORCPT=rfc822;a=b"s,
           "ORCPT=rfc822;\xc3\xa9"s,
           "ORCPT=rfc822;+0D+0ARSET"s,
           "ORCPT=rfc822;+00"s,
           "ORCPT=rfc822;+7F"s,
           "ORCPT=rfc822;+FF+FE"s,
           "ORCPT=utf-8;"s,
           "ORCPT=utf-8;a=b"s,
           "ORCPT=utf-8;a+40"s,
           "ORCPT=utf-8;\xff"s,
           "ORCPT=utf-8;\\"s,
           "ORCPT=utf-8;\\x"s,
           "ORCPT=utf-8;\\x{"s,
           "ORCPT=utf-8;\\x{}"s,
           "ORCPT=utf-8;\\x{4}"s,
           "ORCPT=utf-8;\\x{41"s,
           "ORCPT=utf-8;\\x{0000041}"s,
           "ORCPT=utf-8;\\x{-41}"s,
           "ORCPT=utf-8;\\x{ 41}"s,
           "ORCPT=utf-8;\\x{4G}"s,
           "ORCPT=utf-8;\\X{41}"s,
           "ORCPT=utf-8;\\y{41}"s,
           "ORCPT=utf-8;\\x{D800}"s,
           "ORCPT=utf-8;\\x{DFFF}"s,
           "ORCPT=utf-8;\\x{110000}"s,
           "ORCPT=utf-8;\\x{0D}\\x{0A}"s,
           "ORCPT=utf-8;\\x{00}"s,
           "ORCPT=utf-8;\\x{7F}"s,
           "ORCPT=rfc822;" + std::string(494, 'x'),
       }) {
    RecipientOptions options;
    EXPECT_TRUE(read(wrong, options).starts_with("wrong: ")) << wrong;
  }
}

// A server must be able to relay what it accepts, with everything beside it.
TEST(RecipientParameters, TheLongestAcceptedValueCanBeWritten) {
  const auto all = "NOTIFY=SUCCESS,FAILURE,DELAY "s;
  EXPECT_EQ(rcpt(all + "ORCPT=rfc822;" + std::string(493, 'x')),
            " " + all + "ORCPT=rfc822;" + std::string(493, 'x'));
  std::string address;
  for (int i = 0; i < 247; ++i) address += "\xc3\xa9";
  EXPECT_EQ(rcpt("ORCPT=utf-8;" + address, true), " ORCPT=utf-8;" + address);
  // A C1 control is longer when it is written.
  address.clear();
  for (int i = 0; i < 247; ++i) address += "\xc2\x80";
  EXPECT_TRUE(rcpt("ORCPT=utf-8;" + address).starts_with("wrong: "));
}

TEST(MailParameters, ValuesThatCannotBeWritten) {
  const auto wrong = [](auto change) {
    MailOptions options;
    change(options);
    return !wrong_with(options).empty();
  };
  EXPECT_FALSE(wrong([](auto&) {}));
  EXPECT_TRUE(wrong([](auto& o) { o.envelope_id = std::string(101, 'x'); }));
  EXPECT_TRUE(wrong([](auto& o) { o.envelope_id = std::string(34, '+'); }));  // 102 as xtext
  EXPECT_TRUE(wrong([](auto& o) { o.envelope_id = "\xc3\xa9"; }));
  EXPECT_TRUE(wrong([](auto& o) { o.hold_for = -1s; }));
  EXPECT_TRUE(wrong([](auto& o) { o.hold_for = 1'000'000'000s; }));
  EXPECT_TRUE(wrong([](auto& o) {
    o.hold_for = 1s;
    o.hold_until = std::chrono::sys_seconds(1s);
  }));
  // The date-time has no form beyond the year 9999.
  EXPECT_TRUE(wrong([](auto& o) { o.hold_until = std::chrono::sys_seconds(253'402'300'800s); }));
  EXPECT_TRUE(wrong([](auto& o) { o.hold_until = std::chrono::sys_seconds::min(); }));
  EXPECT_TRUE(wrong([](auto& o) { o.hold_until = std::chrono::sys_seconds::max(); }));
  EXPECT_FALSE(wrong([](auto& o) { o.hold_until = std::chrono::sys_seconds(253'402'300'799s); }));
  for (const int priority :
       {-10, 10, std::numeric_limits<int>::min(), std::numeric_limits<int>::max()})
    EXPECT_TRUE(wrong([&](auto& o) { o.priority = priority; })) << priority;
  for (const auto within :
       {0s, -1s, 1'000'000'000s, std::chrono::seconds::min(), std::chrono::seconds::max()})
    EXPECT_TRUE(wrong([&](auto& o) { o.deliver_by = DeliverBy{within}; })) << within.count();
  for (const auto within : {-1'000'000'000s, 1'000'000'000s, std::chrono::seconds::min()})
    EXPECT_TRUE(wrong([&](auto& o) { o.deliver_by = DeliverBy{within, Else::notify}; }));
  EXPECT_FALSE(wrong([](auto& o) { o.deliver_by = DeliverBy{-1s, Else::notify}; }));
  EXPECT_TRUE(wrong([](auto& o) { o.submitter = ""; })) << "no submitter is <>";
}

TEST(RecipientParameters, ValuesThatCannotBeWritten) {
  const auto wrong = [](std::string type, std::string original) {
    return !wrong_with(RecipientOptions{{}, std::move(type), std::move(original)}).empty();
  };
  EXPECT_FALSE(wrong("", ""));
  EXPECT_FALSE(wrong("rfc822", "a@b.example"));
  EXPECT_TRUE(wrong("rfc822", "")) << "there is no form for it";
  EXPECT_TRUE(wrong("", "a@b.example")) << "it would be dropped in silence";
  EXPECT_TRUE(wrong("rfc 822", "a@b.example"));
  EXPECT_TRUE(wrong("rfc822;x", "a@b.example"));
  EXPECT_TRUE(wrong("rfc822", "\xff"));
  EXPECT_TRUE(wrong("rfc822", std::string(494, 'x')));
  EXPECT_TRUE(wrong("rfc822", std::string(200, '+')));
}

TEST(DateTime, BothWays) {
  for (const auto* text :
       {"0000-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z",
        "2024-02-29T12:34:56Z", "2026-11-28T09:00:00Z", "9999-12-31T23:59:59Z"}) {
    const auto time = parse_date_time(text);
    ASSERT_TRUE(time) << text;
    EXPECT_EQ(format_date_time(*time), text);
  }
  for (const auto* text :
       {"", "2023-02-29T12:34:56Z", "10000-01-01T00:00:00Z", "-001-01-01T00:00:00Z"})
    EXPECT_FALSE(parse_date_time(text)) << text;
}

}  // namespace
}  // namespace postroad::smtp
