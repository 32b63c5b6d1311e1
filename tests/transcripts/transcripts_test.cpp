// Every transcript, for every side that it names, in every chunking, and with every fault at every
// step.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "play.hpp"

namespace postroad::transcripts {
namespace {

using Play = Played (*)(const Transcript&, Chunking, FaultAt);

constexpr std::array chunkings{Chunking::whole, Chunking::by_line, Chunking::by_byte};
constexpr std::array failures{Failure::end_of_stream, Failure::reset, Failure::timeout};
constexpr std::size_t most_faulted_steps = 400;  // of one transcript; the long ones are sampled

class TranscriptTest : public testing::TestWithParam<std::string> {
 protected:
  void play(Play play_one) const {
    const auto script = read_transcript(GetParam());
    for (const auto chunking : chunkings) {
      const auto played = play_one(script, chunking, {});
      ASSERT_TRUE(played.ended) << script.file << " does not end";
      ASSERT_EQ(played.problem, "") << script.file << ": " << script.title << " (chunking "
                                    << static_cast<int>(chunking) << ")";
    }
    const auto steps = play_one(script, Chunking::by_line, {}).steps;
    const auto stride = 1 + steps / most_faulted_steps;
    for (const auto failure : failures) {
      for (std::size_t step = 0; step < steps; step += stride) {
        const auto played = play_one(script, Chunking::by_line, {failure, step});
        ASSERT_TRUE(played.ended) << script.file << " does not end with fault "
                                  << static_cast<int>(failure) << " at step " << step;
        ASSERT_EQ(played.problem, "")
            << script.file << " with fault " << static_cast<int>(failure) << " at step " << step;
      }
    }
  }
};

TEST_P(TranscriptTest, Server) {
  const auto script = read_transcript(GetParam());
  if (script.for_server) play(play_server);
}

TEST_P(TranscriptTest, Client) {
  const auto script = read_transcript(GetParam());
  if (script.for_client) play(play_client);
}

/// The first S line after the first C line that begins with `verb`; empty: the transcript has none.
std::string answer_to(const Transcript& script, std::string_view verb) {
  bool said = false;
  for (const auto& turn : script.turns) {
    if (turn.kind == Turn::Kind::client && turn.bytes.starts_with(verb)) said = true;
    if (said && turn.kind == Turn::Kind::server) return turn.bytes.substr(0, turn.bytes.find('\r'));
  }
  return {};
}

// One transcript per command that our client sends and our server answers, as a table.
TEST(Commands, EachIsSentByTheClientAndAnsweredByTheServer) {
  std::printf("%-9s %-40s %-34s %s\n", "command", "transcript", "first line of the answer",
              "result");
  for (const auto* verb : {"HELO", "EHLO", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "QUIT", "VRFY",
                           "EXPN", "HELP", "STARTTLS", "AUTH", "BDAT", "LHLO", "XCLIENT"}) {
    bool found = false;
    for (const auto& file : all_transcripts()) {
      const auto script = read_transcript(file);
      const auto answer = answer_to(script, verb);
      if (found || !script.for_server || !script.for_client || answer.empty()) continue;
      found = true;
      const auto server = play_server(script, Chunking::by_byte, {});
      const auto client = play_client(script, Chunking::by_byte, {});
      EXPECT_EQ(server.problem + client.problem, "") << file;
      std::printf("%-9s %-40s %-34s server %s, client %s\n", verb,
                  file.substr(file.find("tests/transcripts/") + 18).c_str(),
                  answer.substr(0, 34).c_str(), server.problem.empty() ? "answers" : "FAILS",
                  client.problem.empty() ? "says it" : "FAILS");
    }
    EXPECT_TRUE(found) << "no transcript of both sides has " << verb;
  }
}

std::string text_of(const std::string& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

TEST(Guards, EachSlugIsInTheTableOfGuards) {
  const auto table = text_of(POSTROAD_SOURCE_DIR "/tests/transcripts/guards.md");
  ASSERT_FALSE(table.empty());
  for (const auto& file : all_transcripts()) {
    for (const auto& guard : read_transcript(file).guards)
      EXPECT_NE(table.find("\n| " + guard + " | "), std::string::npos) << file << ": " << guard;
  }
}

// Five transcripts show the list itself; the others stay valid when it grows.
TEST(EhloList, IsLiteralInFiveTranscripts) {
  std::size_t literal = 0;
  for (const auto& file : all_transcripts()) {
    const auto text = text_of(file);
    literal +=
        text.find("8BITMIME\nS: 250-SMTPUTF8\n") != std::string::npos &&
                text.find("S: 250-HELP\nS: 250 ENHANCEDSTATUSCODES\n") != std::string::npos &&
                text.find("S: 250-PIPELINING\nS: 250-SIZE 36700160") != std::string::npos
            ? 1
            : 0;
  }
  EXPECT_EQ(literal, 5U);
}

// The names of each extension's transcripts.
constexpr std::array<std::array<std::string_view, 3>, 14> extensions{{
    {"CHUNKING", "bdat", "chunking"},
    {"BINARYMIME", "binarymime", "binarymime"},
    {"DSN", "dsn", "dsn"},
    {"SMTPUTF8", "utf8", "smtputf8"},
    {"LIMITS", "limits", "limits"},
    {"REQUIRETLS", "requiretls", "requiretls"},
    {"DELIVERBY", "deliverby", "deliverby"},
    {"FUTURERELEASE", "futurerelease", "futurerelease"},
    {"MT-PRIORITY", "mt-priority", "mt-priority"},
    {"SIZE", "size", "size"},
    {"XCLIENT", "xclient", "xclient"},
    {"LMTP", "lmtp", "lmtp"},
    {"PRDR", "prdr", "prdr"},
    {"AUTH", "auth", "auth"},
}};

// How many transcripts of each extension each side passes, as a table; each is a test above too.
TEST(Extensions, EachHasTranscriptsOnBothSides) {
  std::printf("%-14s %-7s %s\n", "extension", "side", "transcripts passed");
  for (const auto& [name, first, second] : extensions) {
    std::size_t passed[2] = {0, 0};
    std::size_t played[2] = {0, 0};
    for (const auto& file : all_transcripts()) {
      const auto stem = std::filesystem::path(file).stem().string();
      if (stem.find(first) == std::string::npos && stem.find(second) == std::string::npos) continue;
      const auto script = read_transcript(file);
      if (script.for_server) {
        ++played[0];
        passed[0] += play_server(script, Chunking::by_byte, {}).problem.empty() ? 1 : 0;
      }
      if (script.for_client) {
        ++played[1];
        passed[1] += play_client(script, Chunking::by_byte, {}).problem.empty() ? 1 : 0;
      }
    }
    for (const auto side : {0, 1}) {
      std::printf("%-14s %-7s %zu of %zu\n", std::string(name).c_str(),
                  side == 0 ? "server" : "client", passed[side], played[side]);
      EXPECT_EQ(passed[side], played[side]) << name;
      EXPECT_GT(played[side], 0U) << name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Transcripts, TranscriptTest, testing::ValuesIn(all_transcripts()),
                         [](const auto& one) { return name_of(one.param); });

}  // namespace
}  // namespace postroad::transcripts
