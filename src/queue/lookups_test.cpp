// Messages that wait for the sites of their destinations.
#include "queue/lookups.hpp"

#include <gtest/gtest.h>

namespace postroad::queue {
namespace {

using Key = Lookups::Key;
using Why = Schedule::Why;

std::vector<std::uint64_t> ids_of(const std::vector<Schedule::Taken>& taken) {
  std::vector<std::uint64_t> ids;
  for (const auto& one : taken) ids.push_back(one.id.value);
  return ids;
}

TEST(Lookups, OneSearchServesAllMessagesThatWaitForIt) {
  Lookups lookups;
  const Key key{nullptr, "a.example"};
  EXPECT_EQ(lookups.wait({1}, false, {key}).size(), 1U);
  EXPECT_TRUE(lookups.wait({2}, false, {key}).empty()) << "the search has begun";
  EXPECT_TRUE(lookups.has({2}));
  EXPECT_EQ(*lookups.destination_of({2}), "a.example");
  EXPECT_EQ(ids_of(lookups.end(key)), (std::vector<std::uint64_t>{1, 2}));
  EXPECT_TRUE(lookups.is_empty());
}

TEST(Lookups, AMessageWaitsForAllItsDestinations) {
  Lookups lookups;
  const Key a{nullptr, "a.example"};
  const Key b{nullptr, "b.example"};
  EXPECT_EQ(lookups.wait({1}, false, {a, b}).size(), 2U);
  EXPECT_TRUE(lookups.end(a).empty());
  lookups.flush({1});
  const auto ready = lookups.end(b);
  ASSERT_EQ(ready.size(), 1U);
  EXPECT_EQ(ready.front().why, Why::flushed) << "a flush that came meanwhile counts";
}

TEST(Lookups, MessagesBeyondTheLimitWaitForRoom) {
  Lookups lookups;
  for (std::uint64_t id = 0; id < Lookups::most; ++id)
    EXPECT_EQ(lookups.wait({id}, false, {{nullptr, std::to_string(id)}}).size(), 1U);
  const std::uint64_t late = Lookups::most;
  EXPECT_TRUE(lookups.wait({late}, true, {{nullptr, "late"}}).empty());
  EXPECT_TRUE(lookups.has({late}));
  EXPECT_EQ(lookups.destination_of({late}), nullptr) << "nothing is searched for it yet";
  const auto ready = lookups.end({nullptr, "0"});
  EXPECT_EQ(ids_of(ready), (std::vector<std::uint64_t>{0, late}));
  EXPECT_EQ(ready.back().why, Why::flushed);
  EXPECT_FALSE(lookups.has({late})) << "it is looked at again, and may find room";
}

TEST(Lookups, AMessageWhoseSearchesHaveBegunNeedsNoRoom) {
  Lookups lookups;
  for (std::uint64_t id = 0; id < Lookups::most; ++id)
    lookups.wait({id}, false, {{nullptr, std::to_string(id)}});
  EXPECT_TRUE(lookups.wait({5000}, false, {{nullptr, "7"}}).empty());
  EXPECT_EQ(ids_of(lookups.end({nullptr, "7"})), (std::vector<std::uint64_t>{7, 5000}));
}

TEST(Lookups, TheEndOfTheLastSearchReleasesAllThatWaitForRoom) {
  Lookups lookups;
  for (std::uint64_t id = 0; id < Lookups::most; ++id)
    lookups.wait({id}, false, {{nullptr, std::to_string(id)}});
  for (std::uint64_t id = 0; id < 200'000; ++id)
    lookups.wait({Lookups::most + id}, false, {{nullptr, "late"}});
  std::size_t released = 0;
  for (std::uint64_t id = 0; id < Lookups::most; ++id)
    released += lookups.end({nullptr, std::to_string(id)}).size();
  EXPECT_EQ(released, Lookups::most + 200'000);
  EXPECT_TRUE(lookups.is_empty());
}

TEST(Lookups, AMessageWaitsOnce) {
  Lookups lookups;
  const Key key{nullptr, "a.example"};
  EXPECT_FALSE(lookups.take_waited({1}));
  lookups.wait({1}, false, {key});
  lookups.end(key);
  EXPECT_TRUE(lookups.take_waited({1}));
  EXPECT_FALSE(lookups.take_waited({1}));
}

TEST(Lookups, ASearchThatNothingWaitsForRunsOnce) {
  Lookups lookups;
  const Key key{nullptr, "a.example"};
  EXPECT_TRUE(lookups.begin(key));
  EXPECT_FALSE(lookups.begin(key));
  EXPECT_TRUE(lookups.wait({1}, false, {key}).empty()) << "it is under way";
  EXPECT_EQ(lookups.end(key).size(), 1U);
}

TEST(Lookups, TheEndOfAnUnknownSearchIsIgnored) {
  Lookups lookups;
  EXPECT_TRUE(lookups.end({nullptr, "a.example"}).empty());
}

}  // namespace
}  // namespace postroad::queue
