// Shared by the tests of the outbox: a folder of their own, options with short pauses.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <postroad/outbox.hpp>
#include <postroad/testing.hpp>

namespace postroad {

using namespace std::chrono_literals;

constexpr auto patience = 20s;

class OutboxTest : public ::testing::Test {
 protected:
  OutboxTest() {
    auto name = (std::filesystem::temp_directory_path() / "postroad-outbox-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~OutboxTest() override { std::filesystem::remove_all(folder_); }
  OutboxOptions options(const std::string& relay) const {
    OutboxOptions made{.folder = folder_ + "/outbox", .relays = {relay}};
    made.initial_retry_delay = 20ms;
    made.max_retry_delay = 50ms;
    made.pool.initial_pause = 1ms;
    made.pool.max_pause = 10ms;
    made.pool.patience = 20ms;
    return made;
  }
  std::unique_ptr<Outbox> open(OutboxOptions made) {
    auto outbox = Outbox::open(std::move(made));
    EXPECT_TRUE(outbox) << (outbox ? "" : outbox.error().text());
    return outbox ? std::move(*outbox) : nullptr;
  }
  static Message mail(const std::string& to) {
    return Message{}.from("a@x.example").to(to).subject("hi").text("hello");
  }

  std::string folder_;
};

}  // namespace postroad
