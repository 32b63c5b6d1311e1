// FieldWatch finds its field in every chunking, and only in the header.
#include "mail/header/field_watch.hpp"

#include <gtest/gtest.h>

namespace postroad::mail {
namespace {

std::string value_of(std::string_view bytes, std::size_t piece) {
  FieldWatch watch("tls-required:");
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size())))
    watch.take(bytes.substr(0, piece));
  return watch.value();
}

TEST(FieldWatch, FindsTheFieldInEveryChunking) {
  struct Case {
    std::string_view bytes;
    std::string_view value;
  };
  for (const auto& [bytes, value] : std::initializer_list<Case>{
           {"TLS-Required: No\r\n\r\nbody", "No"},
           {"From: a@b\r\ntls-required:no \r\nTo: c@d\r\n\r\n", "no"},
           {"From: a@b\n\nTLS-Required: No\n", ""},  // in the body
           {"X-TLS-Required: No\r\n\r\n", ""},
           {"Subject: x\r\n TLS-Required: No\r\n\r\n", ""},  // a folded line
           {"TLS-Required: No\r\nTLS-Required: Yes\r\n\r\n", "No"},
           {"TLS-Require: No\r\n\r\n", ""},
           {"", ""},
       }) {
    for (std::size_t piece = 1; piece < 20; ++piece)
      EXPECT_EQ(value_of(bytes, piece), value) << bytes << ' ' << piece;
  }
  EXPECT_EQ(value_of("TLS-Required: " + std::string(1000, 'x') + "\r\n\r\n", 7).size(), 63U);
}

}  // namespace
}  // namespace postroad::mail
