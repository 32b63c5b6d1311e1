// Answers that are used again.
#include "dns/answer_cache.hpp"

#include <gtest/gtest.h>

namespace postroad::dns {
namespace {

using namespace std::chrono_literals;

const AnswerCache::Time begun{1000h};

Response answer(Status status, std::chrono::seconds ttl) {
  Response made;
  made.status = status;
  made.ttl = ttl;
  if (status == Status::records) made.data = {"data"};
  return made;
}

TEST(AnswerCache, AnAnswerIsUsedForItsLifetime) {
  AnswerCache cache;
  cache.add("MX.example.", RecordType::a, answer(Status::records, 60s), begun);
  const auto found = cache.find("mx.EXAMPLE", RecordType::a, begun + 20s);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->data, std::vector<std::string>{"data"});
  EXPECT_EQ(found->ttl, 40s);
  EXPECT_FALSE(cache.find("mx.example", RecordType::a, begun + 60s));
  EXPECT_FALSE(cache.find("mx.example", RecordType::aaaa, begun));
}

TEST(AnswerCache, TheAbsenceOfRecordsIsAnAnswerAndAFailureIsNone) {
  for (const auto status :
       {Status::no_data, Status::no_domain, Status::temporary_failure, Status::bogus}) {
    AnswerCache cache;
    cache.add("a.example", RecordType::mx, answer(status, 60s), begun);
    const bool is_answer = status == Status::no_data || status == Status::no_domain;
    EXPECT_EQ(cache.find("a.example", RecordType::mx, begun).has_value(), is_answer);
  }
}

TEST(AnswerCache, ALongLifetimeIsCutAndZeroIsNone) {
  AnswerCache cache;
  cache.add("long.example", RecordType::a, answer(Status::records, 24h), begun);
  cache.add("zero.example", RecordType::a, answer(Status::records, 0s), begun);
  EXPECT_FALSE(cache.find("long.example", RecordType::a, begun + AnswerCache::longest));
  EXPECT_FALSE(cache.find("zero.example", RecordType::a, begun));
}

TEST(AnswerCache, DoesNotGrowWithoutLimit) {
  AnswerCache cache;
  for (std::size_t i = 0; i <= AnswerCache::most; ++i)
    cache.add(std::to_string(i) + ".example", RecordType::a, answer(Status::records, 60s), begun);
  EXPECT_FALSE(cache.find("0.example", RecordType::a, begun));
  EXPECT_TRUE(cache.find(std::to_string(AnswerCache::most) + ".example", RecordType::a, begun));
}

}  // namespace
}  // namespace postroad::dns
