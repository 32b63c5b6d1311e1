// A message in the spool: the trace fields in front of it, and the sender's bytes unchanged.
#include "relay/intake.hpp"

#include <gtest/gtest.h>

#include "mail/header/fields.hpp"
#include "spool/memory.hpp"

namespace postroad::relay {
namespace {

std::shared_ptr<const Directory> directory() {
  return std::make_shared<Directory>(
      Directory::make({{"here.example"}, {"ann"}, {}, "", ""}).value());
}

// The stored bytes of a message that came in pieces of that size.
std::string stored(server::Role role, std::string_view message, std::size_t piece,
                   server::Additions additions = {}) {
  const auto spool = spool::make_memory_spool();
  Intake intake(*spool, directory());
  server::SessionInfo info;
  info.role = role;
  info.host = "mx.example";
  info.client = "[192.0.2.1]:4711";
  smtp::Transaction transaction;
  transaction.recipients.push_back(Mailbox::parse("ann@here.example").value());
  auto opened = intake.open(info, transaction);
  for (std::size_t at = 0; at < message.size(); at += piece)
    EXPECT_TRUE(opened.sink->append(message.substr(at, piece)));
  Reply reply;
  opened.sink->commit(std::move(additions), [&](Reply given) { reply = std::move(given); });
  EXPECT_EQ(reply.code, 250) << reply.one_line();
  std::string bytes;
  const auto reader = spool->read(spool->list().at(0).id).value();
  for (;;) {
    const auto chunk = reader->next().value();
    if (chunk.empty()) return bytes;
    bytes += chunk;
  }
}

constexpr std::size_t chunkings[] = {1, 2, 7, 1000};

const std::string no_headers[] = {
    "hello there\r\nsecond line\r\n",
    " by evil.example; Mon, 1 Jan 2001 00:00:00 +0000\r\nSubject: y\r\n\r\nbody\r\n",
    "\tfolded\r\n",
    "words without a line end",
};

// Ours ends with the date that it was given, and the next line is empty.
TEST(Intake, NoMessageContinuesTheTraceInFrontOfIt) {
  for (const auto& message : no_headers) {
    for (const auto piece : chunkings) {
      const auto bytes = stored(server::Role::mx, message, piece);
      ASSERT_TRUE(bytes.starts_with("Received: from unknown")) << bytes;
      ASSERT_TRUE(bytes.ends_with("+0000\r\n\r\n" + message)) << bytes;
      EXPECT_EQ(bytes.find("\r\n\r\n"), bytes.size() - message.size() - 4) << bytes;
    }
  }
}

TEST(Intake, ASubmittedMessageWithoutAHeaderGetsOne) {
  for (const auto& message : no_headers) {
    for (const auto piece : chunkings) {
      const auto bytes = stored(server::Role::submission, message, piece);
      const auto end = bytes.find("\r\n\r\n");
      ASSERT_NE(end, std::string::npos) << bytes;
      EXPECT_EQ(bytes.substr(end + 4), message);
      EXPECT_NE(bytes.substr(0, end).find("\r\nDate: "), std::string::npos) << bytes;
      EXPECT_NE(bytes.substr(0, end).find("\r\nMessage-ID: <"), std::string::npos) << bytes;
    }
  }
}

TEST(Intake, AHeaderThatEndsWithoutAnEmptyLineGetsOne) {
  const std::string header = "Subject: x\r\n folded\r\n";
  const std::string text = "no field\r\nReceived: no\r\n";
  for (const auto piece : chunkings)
    EXPECT_TRUE(stored(server::Role::mx, header + text, piece)
                    .ends_with("+0000\r\n" + header + "\r\n" + text));
}

TEST(Intake, AWholeMessageIsKeptAsItCame) {
  for (const std::string message :
       {"Subject: x\r\n\r\nbody\r\n", "\r\nbody\r\n", "Subject: x\r\n", ""}) {
    for (const auto piece : chunkings)
      EXPECT_TRUE(stored(server::Role::mx, message, piece).ends_with("+0000\r\n" + message));
  }
}

// The fields of a policy precede the trace fields, which precede the client's bytes.
TEST(Intake, NoMessageContinuesTheFieldOfAPolicy) {
  const std::string field = "Authentication-Results: mx.example; none\r\n";
  const auto bytes =
      stored(server::Role::mx, no_headers[1], 1000, {.header = field, .options = {}});
  EXPECT_TRUE(bytes.starts_with(field + "Received: ")) << bytes;
  EXPECT_TRUE(bytes.ends_with("+0000\r\n\r\n" + no_headers[1])) << bytes;
}

}  // namespace
}  // namespace postroad::relay
