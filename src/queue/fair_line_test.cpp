// The order in which the messages of several senders leave the line of a site.
#include "queue/fair_line.hpp"

#include <gtest/gtest.h>

namespace postroad::queue {
namespace {

std::vector<std::uint64_t> take_all(FairLine& line) {
  std::vector<std::uint64_t> ids;
  while (const auto id = line.next()) ids.push_back(id->value);
  return ids;
}

TEST(FairLine, OneMessageSlipsPastAList) {
  FairLine line;
  for (std::uint64_t id = 0; id < 10'000; ++id) line.add({id}, {.sender = 1});
  line.add({77'777}, {.sender = 2});
  EXPECT_EQ(line.size(), 10'001U);
  EXPECT_EQ(line.next()->value, 0U);
  EXPECT_EQ(line.next()->value, 77'777U);
  EXPECT_EQ(line.next()->value, 1U) << "the list goes on in its order";
}

TEST(FairLine, PriorityOrdersInsideAShareOnly) {
  FairLine line;
  line.add({1}, {.sender = 1, .priority = 0});
  line.add({2}, {.sender = 2, .priority = 0});
  line.add({3}, {.sender = 2, .priority = 9});
  line.add({4}, {.sender = 2, .priority = 9});
  EXPECT_EQ(take_all(line), (std::vector<std::uint64_t>{1, 3, 4, 2}));
}

TEST(FairLine, ALargeMessageTakesSeveralTurns) {
  FairLine line;
  line.add({1}, {.sender = 1, .size = 150'000});  // three turns
  for (std::uint64_t id = 2; id < 6; ++id) line.add({id}, {.sender = 2, .size = 1000});
  EXPECT_EQ(take_all(line), (std::vector<std::uint64_t>{2, 3, 1, 4, 5}));
}

TEST(FairLine, AHugeMessageAloneComesAtOnce) {
  FairLine line;
  line.add({1}, {.sender = 1, .size = std::uint64_t{1} << 40});
  EXPECT_EQ(line.next()->value, 1U);
  EXPECT_TRUE(line.is_empty());
  EXPECT_FALSE(line.next());
}

TEST(FairLine, MessagesAreTakenOut) {
  FairLine line;
  for (std::uint64_t id = 1; id < 7; ++id) line.add({id}, {.sender = id % 2});
  line.take_out({1, 3, 5, 2});
  EXPECT_EQ(line.size(), 2U);
  EXPECT_FALSE(line.has({2}));
  EXPECT_TRUE(line.has({4}));
  EXPECT_EQ(line.any()->value, 4U);
  EXPECT_EQ(take_all(line), (std::vector<std::uint64_t>{4, 6}));
}

TEST(SenderOf, AddressesOfOneListAreOneSender) {
  EXPECT_EQ(sender_of("list+ann=example.org@l.example"),
            sender_of("list+bob=example.com@L.Example"));
  EXPECT_EQ(sender_of("bounces-17-ann=example.org@l.example"),
            sender_of("bounces-18-bob=example.com@l.example"));
  EXPECT_EQ(sender_of("ann+news@x.example"), sender_of("ann@x.example"));
  EXPECT_NE(sender_of("ann-marie@x.example"), sender_of("ann@x.example"));
  EXPECT_NE(sender_of("ann@x.example"), sender_of("ann@y.example"));
  EXPECT_EQ(sender_of(""), sender_of(""));
  spool::Envelope by_ann{.reverse_path = "one@x.example", .recipients = {}, .login = "ann"};
  spool::Envelope also_by_ann{.reverse_path = "two@x.example", .recipients = {}, .login = "Ann"};
  EXPECT_EQ(sender_of(by_ann), sender_of(also_by_ann));
  EXPECT_NE(sender_of(by_ann), sender_of("one@x.example"));
}

}  // namespace
}  // namespace postroad::queue
