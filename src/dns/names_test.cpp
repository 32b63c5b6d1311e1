// Names that may be queried, names on the wire, names of addresses.
#include "dns/names.hpp"

#include <gtest/gtest.h>

namespace postroad::dns {
namespace {

using namespace std::string_literals;

std::string text_of(std::string_view bytes) { return take_name(bytes).value_or("malformed"); }

TEST(Names, AreCheckedBeforeTheyAreQueried) {
  const auto label = std::string(63, 'a');
  const auto longest = label + '.' + label + '.' + label + '.' + std::string(61, 'b');
  ASSERT_EQ(longest.size(), 253U);
  for (const auto& name :
       {"example.org"s, "example.org."s, "_25._tcp.mx.example.org"s, "org"s, label + ".org",
        longest, longest + '.', "strong-bad+x/1.lp._spf.example.com"s, "xn--bcher-kva.example"s})
    EXPECT_TRUE(check_name(name)) << name;
  for (const auto& name :
       {""s, "."s, ".."s, "a..b"s, ".a"s, "a.."s, label + "a.org", longest + 'b', longest + "b.",
        "b\xc3\xbc"
        "cher.example"s,
        "a b.example"s, "a\\.b.example"s, "a\r\nb.example"s, "a\0b.example"s, "a\x7f.example"s}) {
    const auto checked = check_name(name);
    ASSERT_FALSE(checked) << name;
    EXPECT_EQ(checked.error().fault, Fault::input);
    EXPECT_NE(checked.error().detail.find("not a domain name"), std::string::npos);
  }
}

TEST(Names, OnTheWire) {
  EXPECT_EQ(text_of("\7example\3org\0"s), "example.org");
  EXPECT_EQ(text_of("\0"s), ".");
  EXPECT_EQ(text_of("\3a.b\1\\\0"s), "a\\.b.\\\\") << "a dot inside a label separates nothing";
  EXPECT_EQ(text_of("\2\n\xff\0"s), "\\010\\255");
  EXPECT_EQ(text_of(""), "malformed");
  EXPECT_EQ(text_of("\3org"s), "malformed") << "no root";
  EXPECT_EQ(text_of("\5org\0"s), "malformed") << "the label ends outside";
  EXPECT_EQ(text_of("\xc0\x0c\0"s), "malformed") << "a compression pointer";
  EXPECT_EQ(text_of("\x40" + std::string(64, 'a') + '\0'), "malformed");
}

TEST(Names, OnTheWireHaveAtMost255Octets) {
  const auto label = '\x3f' + std::string(63, 'a');
  const auto front = label + label + label;
  EXPECT_EQ(text_of(front + '\x3d' + std::string(61, 'a') + '\0').size(), 253U);
  EXPECT_EQ(text_of(front + '\x3e' + std::string(62, 'a') + '\0'), "malformed");
}

TEST(Names, OnlyTheNameIsTaken) {
  const auto bytes = "\3org\0rest"s;
  std::string_view rest = bytes;
  EXPECT_EQ(take_name(rest), "org");
  EXPECT_EQ(rest, "rest");
}

TEST(Names, EscapedNamesAreNotQueried) {
  for (const auto& bytes : {"\3a.b\0"s, "\1\\\0"s, "\1 \0"s, "\1\xff\0"s})
    EXPECT_FALSE(check_name(text_of(bytes)));
}

TEST(Names, OfAddresses) {
  const auto of = [](const char* text) {
    return reverse_name(boost::asio::ip::make_address(text));
  };
  EXPECT_EQ(of("192.0.2.1"), "1.2.0.192.in-addr.arpa");
  EXPECT_EQ(of("::ffff:192.0.2.1"), "1.2.0.192.in-addr.arpa");
  // The example of RFC 3596 section 2.5.
  EXPECT_EQ(of("4321:0:1:2:3:4:567:89ab"),
            "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa");
}

}  // namespace
}  // namespace postroad::dns
