// Answers of a backend: a login is accepted only by a clear yes. Not here: how a command
// is run (command_test.cpp), how a service is asked (post_test.cpp).
#include "http/login_check.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <string>
#include <thread>
#include <utility>

namespace postroad::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Time = LoginCheck::Time;

LoginAnswer answer(const LoginCheck& check, Time deadline) {
  asio::io_context context(1);
  auto answer =
      asio::co_spawn(context, check.check({}, "[192.0.2.1]:4711", deadline), asio::use_future);
  context.run();
  return answer.get();
}

LoginAnswer answer(const LoginCheckSettings& settings) {
  const LoginCheck check(settings);
  return answer(check, check.deadline(Time::clock::now()));
}

LoginVerdict ask(const LoginCheck& check, Time deadline) { return answer(check, deadline).verdict; }

LoginVerdict ask(const LoginCheckSettings& settings) { return answer(settings).verdict; }

std::string reason_of(std::vector<std::string> command, std::chrono::milliseconds timeout) {
  LoginCheckSettings settings;
  settings.command = std::move(command);
  settings.timeout = timeout;
  const auto found = answer(settings);
  EXPECT_EQ(found.verdict, LoginVerdict::not_now);
  return found.reason;
}

// The operator needs the reason to repair the backend.
TEST(LoginCommand, SaysWhyThereIsNoVerdict) {
  using std::chrono::seconds;
  EXPECT_EQ(reason_of({"/nowhere/check"}, seconds(20)),
            "/nowhere/check: cannot be started: No such file or directory");
  EXPECT_EQ(reason_of({"/bin/sh", "-c", "exit 3"}, seconds(20)),
            "/bin/sh: exit code 3 is neither 0 (right) nor 1 (wrong)");
  EXPECT_EQ(reason_of({"/bin/sh", "-c", "kill -11 $$"}, seconds(20)),
            "/bin/sh: ended by signal 11");
  EXPECT_EQ(reason_of({"/bin/sleep", "60"}, std::chrono::milliseconds(50)),
            "/bin/sleep: did not end before the deadline and was killed");
  EXPECT_EQ(reason_of({"/bin/true"}, seconds(0)), no_turn);
}

// If SIGCHLD is ignored, the kernel discards the exit code of the command.
TEST(LoginCommand, WithoutAnExitCodeAcceptsNobody) {
  for (const auto& [program, expected] : {std::pair{"/bin/false", LoginVerdict::wrong},
                                          std::pair{"/bin/true", LoginVerdict::right}}) {
    LoginCheckSettings settings;
    settings.command = {program};
    settings.timeout = std::chrono::seconds(20);
    EXPECT_EQ(ask(settings), expected) << program;
    const auto before = ::signal(SIGCHLD, SIG_IGN);
    EXPECT_EQ(ask(settings), LoginVerdict::not_now) << program;
    ::signal(SIGCHLD, before);
  }
}

// A login that waited its whole time for its turn is answered at once, and the backend not asked.
TEST(LoginCommand, IsNotRunAfterTheDeadline) {
  LoginCheckSettings settings;
  settings.command = {"/bin/true"};
  const LoginCheck check(settings);
  const auto now = Time::clock::now();
  EXPECT_EQ(check.deadline(now), now + settings.timeout);
  EXPECT_EQ(ask(check, now), LoginVerdict::not_now);
  EXPECT_EQ(ask(check, now + std::chrono::seconds(20)), LoginVerdict::right);
}

// The question is whole before the check begins: nothing of the session is used later.
TEST(LoginCommand, GetsAQuestionOfItsOwn) {
  LoginCheckSettings settings;
  settings.command = {
      "/bin/sh", "-c",
      R"sh(test "$(cat)" = '{"user":"ann","password":"a\"b","client":"[::1]:1"}')sh"};
  auto credentials = std::make_unique<sasl::Credentials>();
  credentials->user = "ann";
  credentials->password = Secret("a\"b");
  auto check = std::make_unique<LoginCheck>(settings);
  auto call = check->check(*credentials, std::string("[::1]:1"),
                           Time::clock::now() + std::chrono::seconds(20));
  credentials.reset();
  check.reset();
  asio::io_context context(1);
  auto verdict = asio::co_spawn(context, std::move(call), asio::use_future);
  context.run();
  EXPECT_EQ(verdict.get().verdict, LoginVerdict::right);
}

TEST(LoginService, AcceptsByItsStatus) {
  for (const auto& [status, expected] :
       {std::pair{"200 OK", LoginVerdict::right}, std::pair{"204 No Content", LoginVerdict::right},
        std::pair{"401 Unauthorized", LoginVerdict::wrong},
        std::pair{"403 Forbidden", LoginVerdict::wrong},
        std::pair{"302 Found", LoginVerdict::not_now},
        std::pair{"500 Internal Server Error", LoginVerdict::not_now},
        std::pair{"", LoginVerdict::not_now}}) {
    asio::io_context context;
    tcp::acceptor acceptor(context, {asio::ip::make_address("127.0.0.1"), 0});
    std::thread service([&, answer = std::string(status)] {
      boost::system::error_code error;
      tcp::socket socket(context);
      acceptor.accept(socket, error);
      std::string asked;
      asio::read_until(socket, asio::dynamic_buffer(asked), "}\n", error);
      asio::write(socket, asio::buffer("HTTP/1.1 " + answer + "\r\n\r\n"), error);
    });
    LoginCheckSettings settings;
    settings.url = "http://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()) + "/";
    settings.timeout = std::chrono::seconds(20);
    const auto found = answer(settings);
    EXPECT_EQ(found.verdict, expected) << status;
    EXPECT_EQ(found.reason.empty(), expected != LoginVerdict::not_now) << found.reason;
    if (status == std::string_view("302 Found")) {
      EXPECT_EQ(found.reason, "127.0.0.1: HTTP status 302 is neither 2yz nor 401 or 403");
    }
    service.join();
  }
}

TEST(LoginService, NeedsTlsForHttpsOnly) {
  LoginCheckSettings settings;
  EXPECT_FALSE(settings.needs_tls());
  settings.url = "http://https.example/";
  EXPECT_FALSE(settings.needs_tls());
  settings.url = "HTTPS://login.example/";
  EXPECT_TRUE(settings.needs_tls());
}

TEST(LoginService, ThatDoesNotAnswerInTimeAcceptsNobody) {
  asio::io_context context;
  tcp::acceptor silent(context, {asio::ip::make_address("127.0.0.1"), 0});
  LoginCheckSettings settings;
  settings.url = "http://127.0.0.1:" + std::to_string(silent.local_endpoint().port()) + "/";
  settings.timeout = std::chrono::milliseconds(50);
  const auto found = answer(settings);
  EXPECT_EQ(found.verdict, LoginVerdict::not_now);
  EXPECT_TRUE(found.reason.starts_with("127.0.0.1")) << found.reason;
}

}  // namespace
}  // namespace postroad::http
