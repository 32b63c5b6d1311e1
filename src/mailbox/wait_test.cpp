// Waiting for messages: those that are there, that arrive, and that do not.
#include "mailbox/wait.hpp"

#include <future>

#include "mailbox/maildir_fixture.hpp"

namespace postroad::mailbox {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 30s;  // a bound: no test waits that long

class Wait : public WithMaildirs {
 protected:
  [[nodiscard]] std::future<Result<Waited>> start(std::size_t count, const Filter& filter = {}) {
    return std::async(std::launch::async,
                      [=, this] { return wait_for_messages(data_, filter, count, patience); });
  }
};

TEST_F(Wait, EndsAtOnceWhereTheMessagesAreThere) {
  deliver("ben@x.example", "1.QA.host", message("one"));
  const auto waited = wait_for_messages(data_, {}, 1, 0ms);
  ASSERT_TRUE(waited);
  EXPECT_TRUE(waited->is_complete);
  EXPECT_EQ(waited->messages.size(), 1U);
  EXPECT_TRUE(wait_for_messages(data_, {}, 0, 0ms)->is_complete);
}

TEST_F(Wait, SeesMailboxesThatAreMadeMeanwhile) {
  auto waiting = start(2);  // there is no folder `mail` yet
  deliver("ben@x.example", "1.QA.host", message("one"));
  deliver("eve@x.example", "2.QB.host", message("two"));
  const auto waited = waiting.get();
  ASSERT_TRUE(waited) << waited.error();
  EXPECT_TRUE(waited->is_complete);
  EXPECT_EQ(waited->messages.size(), 2U);
}

TEST_F(Wait, CountsOnlyWhatMatches) {
  deliver("ben@x.example", "1.QA.host", message("other"));
  auto waiting = start(1, {.subject = "wanted"});
  deliver("ben@x.example", "2.QB.host", message("another"));
  deliver("ben@x.example", "3.QC.host", message("the wanted one"));
  const auto waited = waiting.get();
  ASSERT_TRUE(waited) << waited.error();
  ASSERT_EQ(waited->messages.size(), 1U);
  EXPECT_EQ(waited->messages.front().id, "C");
}

TEST_F(Wait, EndsWithTheTime) {
  deliver("ben@x.example", "1.QA.host", message("one"));
  const auto few = wait_for_messages(data_, {}, 2, 1ms);
  ASSERT_TRUE(few);
  EXPECT_FALSE(few->is_complete);
  EXPECT_EQ(few->messages.size(), 1U);
  const auto none = wait_for_messages(data_ / "nowhere", {}, 1, 1ms);
  ASSERT_TRUE(none) << none.error();
  EXPECT_FALSE(none->is_complete);
  EXPECT_TRUE(none->messages.empty());
}

TEST_F(Wait, NamesTheFolderThatDoesNotExist) {
  const auto folder = [](const std::filesystem::path& data) {
    const auto waited = wait_for_messages(data, {}, 1, 1ms);
    return waited ? waited->absent_folder : waited.error().text();
  };
  EXPECT_EQ(folder(data_ / "nowhere"), (data_ / "nowhere").string());
  std::filesystem::create_directories(data_ / "data");
  EXPECT_EQ(folder(data_ / "data"), (data_ / "data" / "mail").string());
  deliver("ben@x.example", "1.QA.host", message("one"));
  EXPECT_EQ(wait_for_messages(data_, {}, 2, 1ms)->absent_folder, "");
}

}  // namespace
}  // namespace postroad::mailbox
