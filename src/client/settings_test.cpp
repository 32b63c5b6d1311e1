// Which login a server gets: that of its URL, or the one that is given beside it; and the name by
// which an error suggests the option that sends a password without TLS.
#include "client/settings.hpp"

#include <gtest/gtest.h>

namespace postroad::client {
namespace {

// "user:password mechanism" that this server gets.
std::string login_for(const char* url, std::optional<Login> login) {
  ClientOptions options;
  EXPECT_TRUE(settle(url, login, options));
  if (!login) return "none";
  return login->user + ":" + std::string(login->password.reveal()) + " " + login->mechanism;
}

TEST(Settings, TheLoginOfAUrlIsForThatServer) {
  const Login given{"ann", Secret("pw"), "PLAIN"};
  EXPECT_EQ(login_for("smtp://h", std::nullopt), "none");
  EXPECT_EQ(login_for("smtp://h", given), "ann:pw PLAIN");
  EXPECT_EQ(login_for("smtp://bob:other@h", std::nullopt), "bob:other ");
  EXPECT_EQ(login_for("smtp://bob:other@h", given), "bob:other ");
  // Without a password: never the password of another user.
  EXPECT_EQ(login_for("smtp://bob@h", given), "bob: ");
  // The same user: the URL may leave out the password and the mechanism.
  EXPECT_EQ(login_for("smtp://ann@h", given), "ann:pw PLAIN");
  EXPECT_EQ(login_for("smtp://ann:other@h", given), "ann:other PLAIN");
}

TEST(Settings, TheMachineNamesTheOptionAsTheProgramDoes) {
  ClientOptions options;
  const auto name = [&] {
    return machine_options({}, std::nullopt, options)->name_of_password_in_clear;
  };
  EXPECT_EQ(name(), "allow_password_in_clear");
  options.names.password_in_clear = "--in-clear";
  EXPECT_EQ(name(), "--in-clear");
  options.names.user = "--user";
  options.names.password = "--password-file";
  const auto machine = machine_options({}, std::nullopt, options);
  EXPECT_EQ(machine->name_of_user, "--user");
  EXPECT_EQ(machine->name_of_password, "--password-file");
}

}  // namespace
}  // namespace postroad::client
