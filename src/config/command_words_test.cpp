// The words of a command line as the user wrote them: the spelling of a flag, and a command that
// parses its words itself. Not here: parsing, errors and help (command_test.cpp).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/command.hpp"

namespace postroad::config {
namespace {

using testing::StartsWith;

using Words = std::vector<std::string>;

TEST(CommandLine, TellsHowAFlagWasTyped) {
  for (const auto& [words, spelling] :
       std::vector<std::pair<Words, Words>>{{{"-f", "a"}, {"-f"}},
                                            {{"-vfa"}, {"-f"}},
                                            {{"--from", "a"}, {"--from"}},
                                            {{"--from=a", "-fb"}, {"--from", "-f"}},
                                            {{"-v"}, {}}}) {
    Words from;
    Words typed;
    const Command command{
        .name = "x",
        .summary = "x",
        .flags = {
            {.name = "from", .letter = 'f', .value = "ADDRESS", .target = &from, .typed = &typed},
            {.letter = 'v'}}};
    const auto call = parse(command, words);
    ASSERT_TRUE(call) << call.error();
    EXPECT_EQ(typed, spelling);
    EXPECT_EQ(typed.size(), from.size());
    EXPECT_EQ(as_typed(typed, "--from"), spelling.empty() ? "--from" : spelling.back());
  }
}

TEST(CommandLine, LeavesTheWordsOfACommandWithALineOfItsOwn) {
  Words got;
  const Command own{.name = "own",
                    .summary = "has a command line of its own",
                    .flags = {{.letter = 't', .doc = "For help."}},
                    .run_words = [&got](const Words& words) {
                      got = words;
                      return 7;
                    }};
  const Command root{.name = "postroad", .summary = "mail", .subcommands = {own}};
  const Page page{.version = "0.1.0"};
  for (const auto& words :
       std::vector<Words>{{}, {"-ti", "--nonsense", "--", "a"}, {"--help", "x"}, {"-h"}}) {
    auto all = words;
    all.insert(all.begin(), "own");
    for (const auto& call : {parse(root, all, page), parse(own, words, page)}) {
      ASSERT_TRUE(call) << call.error();
      EXPECT_FALSE(call->show);
      EXPECT_EQ(call->run(), 7);
      EXPECT_EQ(got, words);
    }
  }
  const auto help = parse(root, {"own", "--help"}, page);
  EXPECT_THAT(*help->show, StartsWith("postroad own: has a command line of its own\n"));
  EXPECT_EQ(parse(root, {"--help", "own"}, page)->show, help->show);
  EXPECT_EQ(parse(root, {"--version", "own", "-x"}, page)->show, "postroad 0.1.0\n");
  EXPECT_EQ(parse(root, {"--nonsense", "own"}, page).error().text(),
            "postroad own: unknown flag --nonsense; see postroad own --help");
}

}  // namespace
}  // namespace postroad::config
