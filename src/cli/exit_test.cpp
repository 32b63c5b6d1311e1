// Which number an error ends with, as a table.
#include "cli/exit.hpp"

#include <gtest/gtest.h>

namespace postroad::cli {
namespace {

int code_of(Fault fault, Stage stage = Stage::none) {
  auto error = fail(fault, "where", "why");
  error.stage = stage;
  return exit_of(error);
}

TEST(ExitCode, AWrongValueOfTheCommandLineIsAUsageError) {
  EXPECT_EQ(code_of(Fault::input), exit_usage);
  // Such values are also refused when the session reaches them.
  for (const auto stage : {Stage::xclient, Stage::auth, Stage::mail, Stage::rcpt})
    EXPECT_EQ(code_of(Fault::input, stage), exit_usage) << stage;
}

TEST(ExitCode, WrongContentIsADataError) {
  EXPECT_EQ(code_of(Fault::data), exit_data);
  EXPECT_EQ(code_of(Fault::input, Stage::data), exit_data) << "the message that is being sent";
  EXPECT_EQ(exit_of(of_data(fail(Fault::input, "raw message", "why"))), exit_data);
  EXPECT_EQ(exit_of(of_data(fail(Fault::timeout, "host:25", "why"))), exit_temporary);
}

TEST(ExitCode, AFileThatCannotBeReadIsNoInput) {
  EXPECT_EQ(code_of(Fault::not_found), exit_no_input);
  EXPECT_EQ(code_of(Fault::io), exit_io);
  EXPECT_EQ(exit_of_reading(fail(Fault::io, "file", "why")), exit_no_input);
  EXPECT_EQ(exit_of_reading(fail(Fault::input, "--flag", "why")), exit_usage);
  EXPECT_EQ(exit_of_reading(fail(Fault::data, "file", "why")), exit_data);
}

}  // namespace
}  // namespace postroad::cli
