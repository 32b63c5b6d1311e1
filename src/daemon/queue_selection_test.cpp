// Which messages a queue command names, and its way over the control socket.
#include "daemon/queue_selection.hpp"

#include <gtest/gtest.h>

namespace postroad::daemon {
namespace {

constexpr std::int64_t noon = 1'800'000'000'000;

spool::Envelope envelope_of(const std::string& sender, const std::vector<std::string>& addresses) {
  spool::Envelope envelope;
  envelope.reverse_path = sender;
  envelope.arrived = noon;
  for (const auto& address : addresses) envelope.recipients.emplace_back().address = address;
  return envelope;
}

std::string site_of(const spool::Envelope& envelope, std::uint32_t at) {
  return "site of " + envelope.recipients[at].address;
}

TEST(QueueSelectionTest, PatternsAreOfTheWholeText) {
  struct Case {
    std::string pattern, text;
    bool is_match;
  };
  for (const auto& one : std::vector<Case>{{"a@b", "a@b", true},
                                           {"A@B", "a@b", true},
                                           {"a@b", "a@bc", false},
                                           {"a", "a@b", false},
                                           {"*", "a@b", true},
                                           {"a*", "a@b", true},
                                           {"*b", "a@b", true},
                                           {"*@*", "a@b", true},
                                           {"*x*", "a@b", false},
                                           {"a**b", "a@b", true},
                                           {"*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaa", false}}) {
    QueueSelection selection;
    selection.recipient = one.pattern;
    EXPECT_EQ(selection.matches(envelope_of("s@x", {one.text}), noon, site_of), one.is_match)
        << one.pattern << ' ' << one.text;
  }
}

TEST(QueueSelectionTest, ConditionsHoldTogetherForOneRecipient) {
  auto envelope = envelope_of("ann@here.example", {"ben@there.example", "cora@other.example"});
  envelope.recipients[0].note = "451 later";
  envelope.recipients[0].attempts = 1;
  QueueSelection selection;
  selection.domain = "there.example";
  selection.reply = "LATER";
  selection.state = RecipientState::deferred;
  selection.site = "*ben*";
  EXPECT_TRUE(selection.matches(envelope, noon, site_of));
  selection.domain = "other.example";
  EXPECT_FALSE(selection.matches(envelope, noon, site_of));
}

TEST(QueueSelectionTest, FinishedRecipientsAreNamedByTheirStateOnly) {
  auto envelope = envelope_of("ann@here.example", {"gone@there.example", "ben@other.example"});
  envelope.recipients[0].state = spool::State::refused;
  envelope.recipients[0].note = "550 user unknown";
  QueueSelection selection;
  selection.reply = "unknown";
  EXPECT_FALSE(selection.matches(envelope, noon, site_of)) << "ben still waits";
  selection.state = RecipientState::refused;
  EXPECT_TRUE(selection.matches(envelope, noon, site_of));
}

TEST(QueueSelectionTest, TheNullSenderIsNamedByItsSign) {
  QueueSelection selection;
  selection.sender = "<>";
  EXPECT_TRUE(selection.matches(envelope_of("", {"b@x"}), noon, site_of));
  EXPECT_FALSE(selection.matches(envelope_of("a@x", {"b@x"}), noon, site_of));
  selection.sender = "*";
  EXPECT_FALSE(selection.matches(envelope_of("", {"b@x"}), noon, site_of));
}

TEST(QueueSelectionTest, AgeIsCountedFromTheArrival) {
  QueueSelection selection;
  selection.older = std::chrono::minutes(1);
  EXPECT_FALSE(selection.matches(envelope_of("a@x", {"b@x"}), noon + 59'999, site_of));
  EXPECT_TRUE(selection.matches(envelope_of("a@x", {"b@x"}), noon + 60'000, site_of));
}

TEST(QueueSelectionTest, ComesBackFromItsWords) {
  QueueSelection selection;
  selection.ids = {{12345}, {67}};
  selection.sender = "<>";
  selection.recipient = "a b=%\n@x";
  selection.domain = "*.example";
  selection.site = "smtp://h:25";
  selection.reply = "4.7.1 later";
  selection.state = RecipientState::held;
  selection.older = std::chrono::hours(3);
  const auto words = words_of(selection);
  EXPECT_EQ(words.find('\n'), std::string::npos);
  const auto back = parse_selection(words);
  ASSERT_TRUE(back) << back.error();
  EXPECT_EQ(back->ids, selection.ids);
  EXPECT_EQ(back->sender, selection.sender);
  EXPECT_EQ(back->recipient, selection.recipient);
  EXPECT_EQ(back->domain, selection.domain);
  EXPECT_EQ(back->site, selection.site);
  EXPECT_EQ(back->reply, selection.reply);
  EXPECT_EQ(back->state, selection.state);
  EXPECT_EQ(back->older, selection.older);
  EXPECT_EQ(words_of(*back), words);
}

TEST(QueueSelectionTest, WrongWordsAreNamed) {
  for (const auto* words : {"id=I", "id", "nothing=1", "state=gone", "older=x", "older=-1",
                            "sender=%", "sender=%4", "sender=%zz"})
    EXPECT_FALSE(parse_selection(words)) << words;
}

}  // namespace
}  // namespace postroad::daemon
