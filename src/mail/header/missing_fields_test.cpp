// Missing Date and Message-ID are added, in every chunking.
#include "mail/header/missing_fields.hpp"

#include <gtest/gtest.h>

namespace postroad::mail {
namespace {

std::string through(std::string_view message, std::size_t piece) {
  MissingFields fields("Date: now\r\n", "Message-ID: <new>\r\n");
  std::string out;
  for (std::size_t at = 0; at < message.size(); at += piece)
    fields.take(message.substr(at, piece), out);
  fields.finish(out);
  return out;
}

TEST(MissingFields, AreAddedAtTheHeadersEnd) {
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
      {"Subject: a\r\njust words\r\n", "Subject: a\r\n" + both + "\r\njust words\r\n"},
      {"Subject: a\r\n", "Subject: a\r\n" + both},
      {"", both},
  };
  for (const auto& [message, expected] : table)
    for (const std::size_t piece : {1U, 2U, 3U, 7U, 1000U})
      EXPECT_EQ(through(message, piece), expected) << message << " in pieces of " << piece;
  const std::string endless(5000, 'x');
  EXPECT_EQ(through(endless, 1000), both + "\r\n" + endless);
}

}  // namespace
}  // namespace postroad::mail
