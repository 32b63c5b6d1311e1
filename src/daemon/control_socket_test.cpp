// Both ends of the control socket. Not here: a reload and a hand-over of the command itself
// (tests/scenarios/test_reload.py, test_take_over.py).
#include "daemon/control_socket.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <stdexcept>
#include <thread>

#include "observe/sinks.hpp"

namespace postroad::daemon {
namespace {

class ControlSocketTest : public testing::Test {
 protected:
  ControlSocketTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "postroad-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
    log.add_sink(sink);
  }
  ~ControlSocketTest() override { std::filesystem::remove_all(folder); }

  // Runs the server's end until `talk`, which is the other end, returns.
  void serve(ControlSocket::Answers answers, const std::function<void()>& talk) {
    boost::asio::io_context loop(1);
    auto control = ControlSocket::open(loop, folder, std::move(answers), log);
    ASSERT_TRUE(control) << control.error();
    const auto published = (*control)->publish();
    ASSERT_TRUE(published) << published.error();
    std::thread other([&] {
      talk();
      loop.stop();
    });
    loop.run();
    other.join();
  }

  std::filesystem::path folder;
  const std::shared_ptr<observe::CaptureSink> sink = std::make_shared<observe::CaptureSink>();
  observe::Log log;
};

TEST_F(ControlSocketTest, AnExceptionOfOneConnectionIsLoggedAndEndsNoOther) {
  ControlSocket::Answers answers;
  answers.reload = []() -> Reloaded { throw std::runtime_error("no memory"); };
  answers.configuration = [] { return std::string("/etc/postroad.toml"); };
  serve(std::move(answers), [&] {
    auto first = RunningServer::connect(folder);
    ASSERT_TRUE(first) << first.error();
    const auto reloaded = first->reload();
    ASSERT_FALSE(reloaded);
    EXPECT_EQ(reloaded.error().fault, Fault::closed);
    auto second = RunningServer::connect(folder);
    ASSERT_TRUE(second) << second.error();
    const auto configuration = second->configuration();
    ASSERT_TRUE(configuration) << configuration.error();
    EXPECT_EQ(*configuration, "/etc/postroad.toml");
  });
  const auto records = sink->records();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].kind->name, "task.failed");
  EXPECT_EQ(records[0].text,
            "a connection of the control socket was ended by an exception: no memory");
}

// EACCES is in tests/scenarios/test_reload.py, because root has every permission.
TEST_F(ControlSocketTest, OnlyAnAbsentServerIsNotFound) {
  std::ofstream(folder / "file") << "not a folder";
  std::filesystem::create_symlink("loop", folder / "loop");
  for (const auto& data : {folder, folder / "none", folder / "file"}) {
    const auto absent = RunningServer::connect(data);
    ASSERT_FALSE(absent);
    EXPECT_EQ(absent.error().fault, Fault::not_found) << absent.error();
  }
  const auto unknown = RunningServer::connect(folder / "loop");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().fault, Fault::io) << unknown.error();
  EXPECT_TRUE(unknown.error().detail.starts_with("the control socket cannot be opened: "))
      << unknown.error();
}

TEST_F(ControlSocketTest, TheProblemsOfAReloadArriveOneByOne) {
  const std::vector<std::string> errors = {"a.toml:3: limits.errors: first; still the first",
                                           "a.toml:4: second"};
  ControlSocket::Answers answers;
  answers.reload = [&] { return Reloaded{.errors = {errors[0], errors[1], "a\tb\n"}}; };
  serve(std::move(answers), [&] {
    auto server = RunningServer::connect(folder);
    ASSERT_TRUE(server) << server.error();
    const auto done = server->reload();
    ASSERT_TRUE(done) << done.error();
    EXPECT_EQ(done->errors, (std::vector{errors[0], errors[1], std::string("a\\x09b\\x0a")}));
    EXPECT_TRUE(done->warnings.empty());
  });
}

TEST_F(ControlSocketTest, TheWarningsOfAReloadArriveOneByOne) {
  ControlSocket::Answers answers;
  answers.reload = [] { return Reloaded{.warnings = {"first", "second"}}; };
  serve(std::move(answers), [&] {
    auto server = RunningServer::connect(folder);
    ASSERT_TRUE(server) << server.error();
    const auto done = server->reload();
    ASSERT_TRUE(done) << done.error();
    EXPECT_TRUE(done->errors.empty());
    EXPECT_EQ(done->warnings, (std::vector<std::string>{"first", "second"}));
  });
}

}  // namespace
}  // namespace postroad::daemon
