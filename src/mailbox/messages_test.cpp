// Finding, reading and showing delivered messages on temporary Maildirs.
#include "mailbox/messages.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mailbox/json.hpp"
#include "mailbox/maildir_fixture.hpp"

namespace postroad::mailbox {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using Messages = WithMaildirs;

std::vector<std::string> ids(const Result<std::vector<StoredMessage>>& messages) {
  std::vector<std::string> found;
  if (!messages) return {messages.error().text()};
  for (const auto& one : *messages) found.push_back(one.id);
  return found;
}

TEST_F(Messages, AreListedOldestFirstWithTheirFields) {
  deliver("ben@x.example", "1764400002.QC.host", message("third"));
  deliver("eve@x.example", "1764400001.QB.host:2,S", message("=?utf-8?q?gr=C3=BCn?="), "cur");
  deliver("ben@x.example", "1764400001.QA.host", message("first"));
  const auto all = list_messages(data_);
  ASSERT_THAT(ids(all), ElementsAre("A", "B", "C"));
  EXPECT_EQ((*all)[1].mailbox, "eve@x.example");
  EXPECT_EQ((*all)[1].time, 1764400001);
  EXPECT_EQ((*all)[1].subject, "grün");
  EXPECT_EQ((*all)[1].from, "Ann <ann@x.example>");
  EXPECT_EQ((*all)[1].to, "ben@x.example");
  EXPECT_EQ((*all)[0].size, message("first").size());
  EXPECT_EQ(*read_message((*all)[0].path), message("first"));
}

TEST_F(Messages, AreThoseThatMatch) {
  deliver("ben@x.example", "1.QA.host", message("one"));
  deliver("eve@x.example", "2.QB.host", message("two"));
  deliver("eve@x.example", "3.QC.host", message("one and two"));
  EXPECT_THAT(ids(list_messages(data_, {.mailbox = "EVE@x.example"})), ElementsAre("B", "C"));
  EXPECT_THAT(ids(list_messages(data_, {.subject = "one"})), ElementsAre("A", "C"));
  EXPECT_THAT(ids(list_messages(data_, {.mailbox = "ben@x.example", .subject = "two"})),
              ElementsAre());
}

TEST_F(Messages, AreFilesThatTheServerNamedOnly) {
  deliver("ben@x.example", "1.QA.host", message("one"));
  deliver("ben@x.example", "1764400000.M1P2.other", message("of another program"));
  deliver("ben@x.example", "notes", "x");
  std::ofstream(data_ / "mail" / "beside") << "a file beside the mailboxes";
  std::filesystem::create_directories(data_ / "mail" / "empty@x.example");
  EXPECT_THAT(ids(list_messages(data_)), ElementsAre("A"));
}

TEST_F(Messages, AreFoundByIdOrAsTheLast) {
  deliver("ben@x.example", "1.QAb.host", message("old"));
  deliver("eve@x.example", "1.QAb.host", message("old"));
  deliver("ben@x.example", "2.QC.host", message("new"));
  EXPECT_EQ((*find_message(data_, {}, "last"))->id, "C");
  EXPECT_EQ((*find_message(data_, {}, "aB"))->mailbox, "eve@x.example");
  EXPECT_EQ((*find_message(data_, {.mailbox = "eve@x.example"}, "last"))->id, "Ab");
  EXPECT_FALSE(*find_message(data_, {}, "D"));
}

TEST_F(Messages, AFolderThatIsMissingOrCannotBeReadIsAnError) {
  const auto none = list_messages(data_ / "nowhere");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().fault, Fault::not_found);
  EXPECT_EQ(none.error().where, (data_ / "nowhere" / "mail").string());
  EXPECT_FALSE(find_message(data_ / "nowhere", {}, "last"));
  EXPECT_EQ(read_message(data_ / "none").error().fault, Fault::not_found);
  EXPECT_EQ(read_message(data_).error().fault, Fault::io);
  if (::geteuid() == 0) GTEST_SKIP() << "root may read every folder";
  deliver("ben@x.example", "1.QA.host", message("one"));
  ::chmod((data_ / "mail" / "ben@x.example" / "new").c_str(), 0);
  const auto closed = list_messages(data_);
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().fault, Fault::io);
  EXPECT_TRUE(list_messages(data_, {.mailbox = "eve@x.example"})) << "not asked for";
  ::chmod((data_ / "mail" / "ben@x.example" / "new").c_str(), 0700);
}

TEST_F(Messages, AreWrittenAsJson) {
  deliver("ben@x.example", "1764400000.QA.host", message("\"quoted\""));
  const auto all = list_messages(data_);
  ASSERT_TRUE(all);
  EXPECT_EQ(to_json(std::vector<StoredMessage>()), "[]");
  EXPECT_EQ(
      to_json(*all),
      R"([{"id":"A","mailbox":"ben@x.example","time":1764400000,"from":"Ann <ann@x.example>",)"
      R"("to":"ben@x.example","subject":"\"quoted\"","size":)" +
          std::to_string((*all)[0].size) + R"(,"path":")" + (*all)[0].path.string() + R"("}])");
  const auto whole = to_json((*all)[0], MailPart::parse(*read_message((*all)[0].path)));
  EXPECT_THAT(whole, HasSubstr(R"("id":"A","mailbox":"ben@x.example","header":[["From",)"));
  EXPECT_THAT(whole, HasSubstr(R"("from":[{"name":"Ann","address":"ann@x.example"}])"));
  EXPECT_THAT(whole, HasSubstr(R"("cc":[],"text":"hello)"));
  EXPECT_THAT(whole, HasSubstr(R"("html":null})"));
}

}  // namespace
}  // namespace postroad::mailbox
