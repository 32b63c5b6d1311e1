// The envelope of an exported message as JSON and back; what is refused.
#include "daemon/exported_envelope.hpp"

#include <gtest/gtest.h>

namespace postroad::daemon {
namespace {

ExportedMessage sample() {
  ExportedMessage made{spool::QueueId::parse("1KQJ3V9HM0T").value(), 1234, {}};
  auto& envelope = made.envelope;
  envelope.reverse_path = "ann@here.example";
  envelope.arrived = 1'800'000'000'123;
  envelope.client = "[192.0.2.1]:4711";
  envelope.helo = "client.example";
  envelope.login = "ann";
  envelope.protocol = "ESMTPSA";
  envelope.options = {{"MAIL", " RET=HDRS ENVID=\"a\\b\""}, {"BODY", "8BITMIME"}};
  auto& first = envelope.recipients.emplace_back();
  first.address = "grün@there.example";
  first.original = "list@here.example";
  first.attempts = 3;
  first.next_attempt = 1'800'000'500'000;
  first.last_attempt = 1'800'000'400'000;
  first.note = "451 4.7.1 \"later\"";
  first.host = "mx.example [192.0.2.2]:25 none";
  first.is_delay_reported = true;
  first.is_held = true;
  first.parameters = " NOTIFY=FAILURE,DELAY";
  auto& second = envelope.recipients.emplace_back();
  second.address = "postmaster";
  second.state = spool::State::delivered;
  second.is_reported = true;
  return made;
}

TEST(ExportedEnvelope, IsReadAsItWasWritten) {
  const auto text = export_json(sample());
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  const auto read = parse_export(text);
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(read->id, sample().id);
  EXPECT_EQ(read->size, 1234U);
  EXPECT_EQ(read->envelope, sample().envelope);
}

// A session accepts them in HELO.
TEST(ExportedEnvelope, TextsOfOthersLoseTheirControlCharacters) {
  auto odd = sample();
  odd.envelope.helo = "a\tb";
  odd.envelope.recipients[0].note = "451 a\x1b[31m";
  const auto read = parse_export(export_json(odd));
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(read->envelope.helo, "a?b");
  EXPECT_EQ(read->envelope.recipients[0].note, "451 a?[31m");
}

TEST(ExportedEnvelope, MayHaveFieldsOfALaterVersion) {
  auto text = export_json(sample());
  text.insert(1, R"("later":[1,{"a":null}],)");
  EXPECT_TRUE(parse_export(text));
}

TEST(ExportedEnvelope, IsRefusedWithTheFieldThatIsWrong) {
  struct Case {
    std::string from, to, error;
  };
  for (const auto& one : std::vector<Case>{
           {R"("version":1)", R"("version":2)", "version: this program reads version 1"},
           {R"("version":1)", R"("version":"1")", "version: expected a number"},
           {R"("id":"1KQJ3V9HM0T")", R"("id":"not an id")", "id: not a queue id"},
           {R"("size":1234)", R"("size":-1)", "size: expected a number that is not negative"},
           {R"("size":1234)", R"("size":1e400)", "size: expected a number that is not negative"},
           {R"("size":1234,)", "", "size: is missing"},
           {"ann@here.example", "ann@", "sender: not an address"},
           {"ann@here.example", R"(ann@here.example\r\nRCPT TO:<x@y>)", "control character"},
           {"grün@there.example", "there.example", "recipients[0].address: not an address"},
           {R"("state":"pending")", R"("state":"lost")", "recipients[0].state: no such state"},
           {" NOTIFY=FAILURE,DELAY", " NOTIFY=SOMETIMES", "recipients[0].parameters"},
           {R"("attempts":3)", R"("attempts":4294967296)", "recipients[0].attempts"},
           {R"("held":true)", R"("held":1)", "recipients[0].held: expected true or false"},
           {R"("recipients":[)", R"("recipients":[null,)", "recipients[0]: expected an object"},
           {R"("options":[)", R"("options":[{}],"x":[)", "options.name: is missing"},
       }) {
    auto text = export_json(sample());
    const auto at = text.find(one.from);
    ASSERT_NE(at, std::string::npos) << one.from;
    text.replace(at, one.from.size(), one.to);
    const auto read = parse_export(text);
    ASSERT_FALSE(read) << one.to;
    EXPECT_EQ(read.error().fault, Fault::data);
    EXPECT_NE(read.error().text().find(one.error), std::string::npos) << read.error();
  }
}

TEST(ExportedEnvelope, IsRefusedWithoutAnObjectOrRecipients) {
  for (const auto* text : {"", "[]", "1", "{", "null", "{}"})
    EXPECT_FALSE(parse_export(text)) << text;
  auto lonely = sample();
  lonely.envelope.recipients.clear();
  const auto read = parse_export(export_json(lonely));
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().text().find("recipients"), std::string::npos);
  EXPECT_FALSE(parse_export(std::string(100'000, '[')));
}

}  // namespace
}  // namespace postroad::daemon
