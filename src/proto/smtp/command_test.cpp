// The command table: its own order, how a line is split, and which verb is guessed for one that is
// none. The machine that walks it has its tests in server_machine_test.cpp and in
// tests/transcripts/.
#include "proto/smtp/command.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/text.hpp"

namespace postroad::smtp {
namespace {

TEST(CommandTable, EveryVerbOnceAndItsSyntaxBeginsWithIt) {
  std::set<Verb> verbs;
  for (const auto& row : command_table()) {
    EXPECT_TRUE(verbs.insert(row.verb).second) << row.name;
    EXPECT_TRUE(row.syntax.starts_with(row.name)) << row.syntax;
    EXPECT_EQ(row.name, upper(row.name));
    EXPECT_NE(row.phases, 0) << row.name;
    EXPECT_EQ(row.argument == Argument::none, row.syntax == row.name) << row.name;
  }
  EXPECT_FALSE(verbs.contains(Verb::unknown));
}

TEST(CommandTable, WhatIsLegalBeforeTlsCannotCarryMail) {
  for (const auto& row : command_table()) {
    const bool harmless =
        row.verb == Verb::helo || row.verb == Verb::ehlo || row.verb == Verb::rset ||
        row.verb == Verb::noop || row.verb == Verb::quit || row.verb == Verb::help ||
        row.verb == Verb::starttls || row.verb == Verb::lhlo || row.verb == Verb::xclient;
    EXPECT_EQ(row.before_tls, harmless) << row.name;
  }
}

TEST(ParseCommand, SplitsAtTheFirstBlank) {
  const auto command = parse_command("  mail   FROM:<a b@x>  ");
  ASSERT_NE(command.row, nullptr);
  EXPECT_EQ(command.row->verb, Verb::mail);
  EXPECT_EQ(command.verb, "mail");
  EXPECT_EQ(command.argument, "FROM:<a b@x>");
  EXPECT_EQ(parse_command("QUIT").argument, "");
  for (const std::string_view none : {"", " ", "\t", "MAILX", "MAI", "MAIL\tFROM:<>", "MAIL:"}) {
    EXPECT_EQ(parse_command(none).row, nullptr) << none;
  }
}

TEST(NearestVerb, IsTheOneThatWasMeant) {
  EXPECT_EQ(nearest_verb("REST"), "RSET");
  EXPECT_EQ(nearest_verb("rest"), "RSET");
  EXPECT_EQ(nearest_verb("HELLO"), "HELO");
  EXPECT_EQ(nearest_verb("RCTP"), "RCPT");
  EXPECT_EQ(nearest_verb("STARTLS"), "STARTTLS");
  for (const std::string_view none : {"", "X", "TURN", "BDAT0123456789", "GET"})
    EXPECT_EQ(nearest_verb(none), "") << none;
}

}  // namespace
}  // namespace postroad::smtp
