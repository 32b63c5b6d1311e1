// Lines that no peer can forge.
#include "observe/log.hpp"

#include <gtest/gtest.h>

namespace postroad::observe {
namespace {

const EventKind kind{"session.opened", Level::info, "session opened", {{"helo", "what the client called itself"}, {"n", "a number"}}};
constexpr WallTime midday{std::chrono::milliseconds(1'795'521'600'123)};

TEST(Row34, NoFieldCanBeginASecondLine) {
  const Event event{&kind, {std::string("a\r\n2026 error forged \x1b[31m\xff\""), std::uint64_t{7}}};
  const auto text = format_text(event, midday, false);
  const auto json = format_json(event, midday);
  for (const auto& line : {text, json}) {
    EXPECT_EQ(line.find_first_of("\r\n\x1b"), std::string::npos) << line;
  }
  EXPECT_NE(text.find("n=7"), std::string::npos);
  EXPECT_NE(json.find(R"("n":7})"), std::string::npos);
}

TEST(Text, IsReadable) {
  const Event event{&kind, {std::string("client.example"), std::uint64_t{1}}};
  EXPECT_EQ(format_text(event, midday, false), "2026-11-24T12:00:00.123Z info session opened helo=client.example n=1");
}

class Capture final : public Sink {
 public:
  void write(const Event&, WallTime) override { ++count; }
  int count = 0;
};

TEST(Log, PrintsOnlyToSinksThatWereInstalled) {
  Log log([] { return midday; });
  EXPECT_FALSE(log.is_heard());
  log.write({&kind, {}});
  auto capture = std::make_shared<Capture>();
  log.add_sink(capture);
  log.write({&kind, {std::string("x"), std::uint64_t{1}}});
  EXPECT_EQ(capture->count, 1);
}

}  // namespace
}  // namespace postroad::observe
