// Record data of each type: what is read, and what is refused.
#include "dns/records.hpp"

#include <gtest/gtest.h>

#include "dns/testing/script.hpp"

namespace postroad::dns {
namespace {

using namespace std::string_literals;
using boost::asio::ip::make_address;

TEST(Records, Addresses) {
  EXPECT_EQ(parse_a("\xc0\0\2\1"s), make_address("192.0.2.1"));
  EXPECT_EQ(parse_aaaa(address_data("2001:db8::25")), make_address("2001:db8::25"));
  for (const std::size_t size : {0U, 3U, 5U, 16U}) EXPECT_FALSE(parse_a(std::string(size, 'a')));
  for (const std::size_t size : {0U, 4U, 15U, 17U})
    EXPECT_FALSE(parse_aaaa(std::string(size, 'a')));
}

TEST(Records, Mx) {
  EXPECT_EQ(parse_mx("\x01\x02\2mx\7example\0"s), (MxRecord{258, "mx.example"}));
  EXPECT_FALSE(parse_mx("\0\x0a\2mx\0"s)->is_null());
  EXPECT_TRUE(parse_mx("\0\0\0"s)->is_null()) << "RFC 7505";
  for (const auto& data : {""s, "\0"s, "\0\x0a"s, "\0\x0a\2mx"s, "\0\x0a\2mx\0."s})
    EXPECT_FALSE(parse_mx(data));
}

TEST(Records, Tlsa) {
  EXPECT_EQ(parse_tlsa("\3\1\1\xab\0"s), (TlsaRecord{3, 1, 1, "\xab\0"s}));
  EXPECT_EQ(parse_tlsa("\xff\xfe\xfd"s), (TlsaRecord{255, 254, 253, ""}));
  for (const auto& data : {""s, "\3"s, "\3\1"s}) EXPECT_FALSE(parse_tlsa(data));
}

TEST(Records, TxtStringsAreJoined) {
  EXPECT_EQ(parse_txt("\6v=spf1\1 \4-all"s), "v=spf1 -all");
  EXPECT_EQ(parse_txt("\0"s), "");
  const std::string longest(255, 'k');
  EXPECT_EQ(parse_txt('\xff' + longest + '\xff' + longest), longest + longest);
  for (const auto& data : {""s, "\1"s, "\5text"s, "\4text\1"s}) EXPECT_FALSE(parse_txt(data));
}

TEST(Records, Ptr) {
  EXPECT_EQ(parse_ptr("\4mail\7example\0"s), "mail.example");
  for (const auto& data : {""s, "\4mail"s, "\4mail\0\0"s, "\xc0\x0c"s})
    EXPECT_FALSE(parse_ptr(data));
}

TEST(Records, DataOfTheScriptIsReadBack) {
  EXPECT_EQ(parse_mx(mx_data(0, ".")), (MxRecord{0, "."}));
  EXPECT_EQ(parse_mx(mx_data(65535, "a.b.example.")), (MxRecord{65535, "a.b.example"}));
  EXPECT_EQ(parse_tlsa(tlsa_data(3, 1, 2, "x")), (TlsaRecord{3, 1, 2, "x"}));
  EXPECT_EQ(parse_txt(txt_data({"a", "b"})), "ab");
  EXPECT_EQ(parse_a(address_data("192.0.2.7")), make_address("192.0.2.7"));
}

// A message with these sections behind its header; `questions` and `answers` are their counts.
std::string message_with(char questions, char answers, const std::string& sections) {
  return "\x12\x34\x81\x80\0"s + questions + "\0"s + answers + "\0\0\0\0"s + sections;
}

TEST(Signatures, AreFoundInTheAnswerSection) {
  const auto question = "\7example\3org\0\0\1\0\1"s;
  const auto a = "\xc0\x0c\0\1\0\1\0\0\0\5\0\4\xc0\0\2\1"s;
  const auto rrsig = "\xc0\x0c\0\x2e\0\1\0\0\0\5\0\2xx"s;
  const auto of_root = "\0\0\x2e\0\1\0\0\0\5\0\0"s;
  const auto like_rrsig = "\xc0\x0c\0\1\0\x2e\0\0\0\x2e\0\2\0\x2e"s;
  const struct {
    std::string name;
    std::string message;
    bool is_found;
  } rows[] = {
      {"only one", message_with(1, 1, question + rrsig), true},
      {"the last one", message_with(1, 3, question + a + a + rrsig), true},
      {"two questions", message_with(2, 1, question + question + rrsig), true},
      {"no question", message_with(0, 1, of_root), true},
      {"none", message_with(1, 2, question + a + a), false},
      {"another type", message_with(1, 1, question + like_rrsig), false},
      {"no answer", message_with(1, 0, question), false},
      {"behind the answer section", message_with(1, 1, question + a + rrsig), false},
      {"no message", "", false},
  };
  for (const auto& row : rows) EXPECT_EQ(has_signature(row.message), row.is_found) << row.name;
}

TEST(Signatures, AreNotFoundInAPartOfAMessage) {
  const auto whole = message_with(
      1, 2, "\1a\0\0\1\0\1\xc0\x0c\0\1\0\1\0\0\0\5\0\4\1\2\3\4\xc0\x0c\0\x2e\0\1\0\0\0\5\0\0"s);
  ASSERT_TRUE(has_signature(whole));
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(has_signature(std::string(whole, 0, size))) << size;
  EXPECT_FALSE(has_signature(std::string(1000, '\xff')));
  EXPECT_FALSE(has_signature(std::string(1000, '\0')));
}

}  // namespace
}  // namespace postroad::dns
