// The header is completed, by an empty line, Date and Message-ID, in every chunking.
#include "mail/header/header_completion.hpp"

#include <gtest/gtest.h>

namespace postroad::mail {
namespace {

std::string through(HeaderCompletion header, std::string_view message, std::size_t piece) {
  std::string out;
  for (std::size_t at = 0; at < message.size(); at += piece)
    for (const auto part : header.take(message.substr(at, piece))) out += part;
  for (const auto part : header.finish()) out += part;
  return out;
}

constexpr std::size_t chunkings[] = {1, 2, 3, 7, 1000};

TEST(HeaderCompletion, AddsDateAndMessageIdAtTheHeadersEnd) {
  const std::string both = "Date: now\r\nMessage-ID: <new>\r\n";
  const std::pair<std::string, std::string> table[] = {
      {"Subject: a\r\n\r\nbody\r\n", "Subject: a\r\n" + both + "\r\nbody\r\n"},
      {"date: then\r\nSubject: a\r\n\r\nb\r\n",
       "date: then\r\nSubject: a\r\nMessage-ID: <new>\r\n\r\nb\r\n"},
      {"Subject: a\r\nMESSAGE-id : <x>\r\nDate: then\r\n\r\n",
       "Subject: a\r\nMESSAGE-id : <x>\r\nDate: then\r\n\r\n"},
      // The name in a folded line, in the body or within a longer name does not count.
      {"Subject: a\r\n Date: no\r\nX-Date: no\r\n\r\nDate: no\r\n",
       "Subject: a\r\n Date: no\r\nX-Date: no\r\n" + both + "\r\nDate: no\r\n"},
      // No header, and headers without an empty line.
      {"\r\nbody\r\n", both + "\r\nbody\r\n"},
      {"just words\r\n", both + "\r\njust words\r\n"},
      {" Date: folded into nothing\r\n", both + "\r\n Date: folded into nothing\r\n"},
      {"Subject: a\r\njust words\r\n", "Subject: a\r\n" + both + "\r\njust words\r\n"},
      {"Subject: a\r\n", "Subject: a\r\n" + both},
      {"Subject: a", "Subject: a\r\n" + both},
      {"words", both + "\r\nwords"},
      {"", both},
  };
  for (const auto& [message, expected] : table)
    for (const auto piece : chunkings)
      EXPECT_EQ(through({"Date: now\r\n", "Message-ID: <new>\r\n"}, message, piece), expected)
          << message << " in pieces of " << piece;
}

TEST(HeaderCompletion, PutsAnEmptyLineBeforeTheFirstLineThatIsNoField) {
  const std::string endless(5000, 'x');
  // The text before the line, and the line with all that follows.
  const std::pair<std::string, std::string> table[] = {
      {"", "hello there\r\nsecond line\r\n"},
      {"", " by evil.example; Mon, 1 Jan 2001 00:00:00 +0000\r\nSubject: y\r\n\r\nbody\r\n"},
      {"", "\tto me@evil.example; by x\r\nSubject: y\r\n\r\nbody\r\n"},
      {"", " folded: x\r\n"},
      {"", "   \r\nbody\r\n"},
      {"", "From a@b Mon Jan  1 00:00:00 2024\r\nSubject: y\r\n\r\nbody\r\n"},
      {"", "gr\xc3\xbc\xc3\x9f\x65: x\r\n"},
      {"", "http//example.org/ look\r\n"},
      {"", ": no name\r\n"},
      {"", "\rSubject: x\r\n"},
      {"", "words"},
      {"", "\r"},
      {"", endless},
      {"Subject: a\r\n", "just words\r\n"},
      {"Subject: a\r\n folded\r\n", "just words: here\r\n\r\nReceived: no\r\n"},
      {"Subject: a\r\nX:\r\n", "words"},
  };
  for (const auto& [header, text] : table)
    for (const auto piece : chunkings)
      EXPECT_EQ(through({}, header + text, piece), header + "\r\n" + text)
          << header << text << " in pieces of " << piece;
}

TEST(HeaderCompletion, ChangesNoMessageWithAWholeHeader) {
  const std::string messages[] = {
      "",
      "\r\n",
      "\r\nbody only\r\n",
      "\nbody only\r\n",
      "Subject: z\r\n",
      "Subject: z",
      "Subject : z\r\n\r\nbody\r\n",
      "Subject: z\r\n \r\n\tfolded\r\n\r\nno field\r\n",
      "http://example.org/ is a field\r\n",
      "Subject: z\n\nbody\n",
      std::string(900, 'x') + ": a long name\r\n",
  };
  for (const auto& message : messages)
    for (const auto piece : chunkings)
      EXPECT_EQ(through({}, message, piece), message) << "in pieces of " << piece;
}

// A body is not copied, and a header only where a line's start is divided.
TEST(HeaderCompletion, GivesViewsOfWhatItTook) {
  HeaderCompletion header;
  const std::string_view message = "Subject: a\r\n\r\nbody\r\n";
  const auto first = header.take(message.substr(0, 12));
  EXPECT_EQ(first[1].data(), message.data());
  EXPECT_FALSE(header.is_done());
  const auto second = header.take(message.substr(12));
  EXPECT_TRUE(header.is_done());
  EXPECT_EQ(second[1].size() + second[3].size(), message.size() - 12);
  EXPECT_EQ(second[3].data() + second[3].size(), message.data() + message.size());
}

}  // namespace
}  // namespace postroad::mail
