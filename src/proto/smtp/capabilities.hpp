// What a server says it can do: the lines of its reply to EHLO (RFC 5321 §4.1.1.1).
//
//   ehlo-line = ehlo-keyword *( SP ehlo-param )      ; keywords without regard to case, matched
//   whole, never as a part
//
// Also taken: `AUTH=LOGIN PLAIN`, which old servers send. Everything not known is kept in `lines`
// and means nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <postroad/reply.hpp>
#include <string>
#include <vector>

namespace postroad::smtp {

struct Capabilities {
  bool esmtp = false;  ///< EHLO was answered; all else is false after HELO
  bool pipelining = false;
  bool eight_bit_mime = false;
  bool smtputf8 = false;
  bool enhanced_status = false;
  bool starttls = false;
  std::optional<std::uint64_t> size;  ///< the limit announced; 0 announces no fixed limit
  std::vector<std::string> auth;      ///< mechanisms in capitals, in the server's order
  std::vector<std::string> lines;     ///< every line as it came, without the greeting

  [[nodiscard]] bool offers_auth(std::string_view mechanism) const;
};

/// Reads the reply to EHLO. Never fails: a line that makes no sense is no capability.
Capabilities parse_capabilities(const Reply& ehlo);

}  // namespace postroad::smtp
