// The command table: its rows, the question that each command asks, how a line is split, and which
// verb is guessed. The machine has its tests in server_machine_test.cpp and in tests/transcripts/.
#include "proto/smtp/server/command.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "base/text.hpp"
#include "proto/smtp/server/server_machine.hpp"

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

TEST(CommandTable, CommandsBeforeTlsCannotSendMail) {
  for (const auto& row : command_table()) {
    const bool harmless =
        row.verb == Verb::helo || row.verb == Verb::ehlo || row.verb == Verb::rset ||
        row.verb == Verb::noop || row.verb == Verb::quit || row.verb == Verb::help ||
        row.verb == Verb::starttls || row.verb == Verb::lhlo || row.verb == Verb::xclient;
    EXPECT_EQ(row.before_tls, harmless) << row.name;
  }
}

// The question that the machine asks when it is given `line` after `before`.
Hook asked_by(const ServerOptions& options, std::string before, const std::string& line) {
  ServerMachine machine(options);
  machine.trust_peer();
  std::string input = std::move(before) + line + "\r\n";
  machine.received(input);
  auto last = Hook::none;
  for (;;) {
    const auto action = machine.next({});
    if (action.wish == proto::Wish::send) machine.sent(action.bytes.size());
    if (action.wish == proto::Wish::send) continue;
    if (action.wish != proto::Wish::consult) return last;
    const auto& question = machine.question();
    last = std::holds_alternative<AskHelo>(question)      ? Hook::helo
           : std::holds_alternative<AskMail>(question)    ? Hook::mail
           : std::holds_alternative<AskRcpt>(question)    ? Hook::rcpt
           : std::holds_alternative<AskData>(question)    ? Hook::data
           : std::holds_alternative<AskVrfy>(question)    ? Hook::vrfy
           : std::holds_alternative<AskExpn>(question)    ? Hook::expn
           : std::holds_alternative<AskAuth>(question)    ? Hook::auth
           : std::holds_alternative<AskXclient>(question) ? Hook::xclient
                                                          : Hook::none;
    machine.answered(std::holds_alternative<AskAuth>(question) ? Reply{235, {}, "in"} : Reply{});
  }
}

TEST(CommandTable, EachCommandAsksItsQuestion) {
  ServerOptions options;
  options.tls = TlsMode::offered;
  options.auth = options.allow_auth_in_clear = true;
  options.vrfy = options.expn = options.extensions.chunking = options.extensions.xclient = true;
  ServerOptions lmtp = options;
  lmtp.lmtp = true;
  const std::string ehlo = "EHLO client.example\r\n";
  const std::string mail = ehlo + "MAIL FROM:<a@x.example>\r\n";
  const std::string rcpt = mail + "RCPT TO:<b@y.example>\r\n";
  struct Row {
    Verb verb;
    std::string before, line;
  };
  const Row rows[] = {
      {Verb::helo, "", "HELO x"},
      {Verb::ehlo, "", "EHLO x"},
      {Verb::mail, ehlo, "MAIL FROM:<a@x.example>"},
      {Verb::rcpt, mail, "RCPT TO:<b@y.example>"},
      {Verb::data, rcpt, "DATA"},
      {Verb::bdat, rcpt, "BDAT 0"},
      {Verb::vrfy, ehlo, "VRFY b"},
      {Verb::expn, ehlo, "EXPN b"},
      {Verb::auth, ehlo, "AUTH PLAIN AHRlc3QAc2VjcmV0"},
      {Verb::xclient, ehlo, "XCLIENT NAME=x.example"},
      {Verb::lhlo, "", "LHLO x"},
  };
  for (const auto& row : command_table()) {
    const auto found = std::find_if(std::begin(rows), std::end(rows),
                                    [&](const Row& one) { return one.verb == row.verb; });
    if (row.hook == Hook::none) {
      EXPECT_EQ(asked_by(options, "", std::string(row.name)), Hook::none) << row.name;
      continue;
    }
    ASSERT_NE(found, std::end(rows)) << row.name << " has a hook and no line in this test";
    const auto& used = row.verb == Verb::lhlo ? lmtp : options;
    EXPECT_EQ(asked_by(used, found->before, found->line), row.hook) << row.name;
  }
}

TEST(ParseCommand, SplitsAtTheFirstSpace) {
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

TEST(NearestVerb, IsTheMisspelledOne) {
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
