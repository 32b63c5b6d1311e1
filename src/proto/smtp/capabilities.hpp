// A server's capabilities: the lines of its reply to EHLO (RFC 5321 section 4.1.1.1).
//
//   ehlo-line = ehlo-keyword *( SP ehlo-param )      ; keywords match whole and in any case
//
// `AUTH=LOGIN PLAIN`, which old servers send, is read too. Unknown lines are kept in `lines`.
#pragma once

#include <chrono>
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
  bool chunking = false;
  bool binary_mime = false;
  bool dsn = false;
  bool require_tls = false;
  bool deliver_by = false;
  std::chrono::seconds least_deliver_by{0};  ///< 0: not announced
  bool future_release = false;
  std::chrono::seconds longest_hold{0};                 ///< 0: not announced
  std::optional<std::chrono::sys_seconds> latest_hold;  ///< the latest HOLDUNTIL
  bool mt_priority = false;
  bool prdr = false;
  bool xclient = false;
  std::vector<std::string> xclient_names;  ///< attributes that it accepts, in capitals
  std::size_t most_recipients = 0;         ///< LIMITS RCPTMAX (RFC 9422); 0: not announced
  std::size_t most_messages = 0;           ///< LIMITS MAILMAX; 0: not announced
  std::optional<std::uint64_t> size;       ///< the announced limit in bytes; 0: no fixed limit
  std::vector<std::string> auth;           ///< mechanisms in capitals, in the server's order
  std::vector<std::string> lines;          ///< every line unchanged, without the greeting

  [[nodiscard]] bool offers_auth(std::string_view mechanism) const;
};

/// Reads the reply to EHLO or LHLO. Never fails: a malformed line is not a capability. Keywords in
/// `ignored` (in capitals) count as absent, in `lines` too.
Capabilities parse_capabilities(const Reply& ehlo, const std::vector<std::string>& ignored = {});

}  // namespace postroad::smtp
