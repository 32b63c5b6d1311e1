// See session_info.hpp.
#include "server/session_info.hpp"

#include <array>

namespace postroad::server {

std::string_view protocol_word(const ProtocolFacts& facts) {
  // Rows: ESMTP, UTF8SMTP, LMTP, UTF8LMTP. Columns: plain, logged in, TLS, both.
  static constexpr std::array<std::array<std::string_view, 4>, 4> words{{
      {"ESMTP", "ESMTPA", "ESMTPS", "ESMTPSA"},
      {"UTF8SMTP", "UTF8SMTPA", "UTF8SMTPS", "UTF8SMTPSA"},
      {"LMTP", "LMTPA", "LMTPS", "LMTPSA"},
      {"UTF8LMTP", "UTF8LMTPA", "UTF8LMTPS", "UTF8LMTPSA"},
  }};
  if (!facts.is_esmtp) return "SMTP";
  const auto row = (facts.is_lmtp ? 2U : 0U) + (facts.is_utf8 ? 1U : 0U);
  const auto column = (facts.has_tls ? 2U : 0U) + (facts.has_login ? 1U : 0U);
  return words[row][column];
}

}  // namespace postroad::server
